"""What reviewers decided, as files to score by and to learn from.

gold        documents with the relations that hold in them, as records that ``score`` reads
sft         a question about a document's relations with the right answer, as conversations
preference  such a question with the right answer, and what the runs said where that was another

Only documents that are decided whole are taken: a relation that nobody has looked at is neither right nor
wrong. What holds is what most reviewers say; where they are equally many, the item is undecided.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from apothecary.documents import Argument, Concept, Document, Evidence, Mention, Passage, Relation, Span
from apothecary.errors import DataError, UsageError
from apothecary.examples import Annotated, Language, Sourced
from apothecary.formats.combination_rows import CombinationType
from apothecary.formats.instruction_rows import Instruction, exported
from apothecary.formats.outputs import write_documents
from apothecary.formats.records import to_record
from apothecary.runs.durable import replace_text
from apothecary.store.decisions import Decision, DecisionLog, changed_edge, decisions_path
from apothecary.store.opening import opened
from apothecary.tasks.instruct_records import instructions

if TYPE_CHECKING:
    import duckdb

__all__ = ["FORMS", "Exported", "Form", "export"]

Form = Literal["gold", "sft", "preference"]
FORMS: tuple[Form, ...] = get_args(Form)
MANY_CHINESE = 0.1
"""From this share of its characters on, a text is asked about in Chinese."""


@dataclass(frozen=True)
class Exported:
    """How many documents were decided whole, how many others have decisions, and lines written.

    `refused` documents have an answer that no form holds, `same` ones were right as the runs had them
    (preference alone).
    """

    documents: int
    undecided: int
    lines: int
    refused: int = 0
    same: int = 0


@dataclass(frozen=True)
class _Decided:
    """A document with what holds in it, and with what the runs said."""

    right: Document
    said: Document


def export(store: Path, form: Form, out: Path, *, task: str = "relations", seed: int = 0) -> Exported:
    """Write the decisions about one task's items; all or nothing. Raises UsageError where there is nothing.

    `seed` chooses the wordings of questions.
    """
    path = decisions_path(store)
    if not path.is_file():
        raise UsageError("nothing is decided yet", where=str(path), hint="apothecary review")
    with DecisionLog(path) as log:
        standing = list(log.standing())
    with opened(store) as connection:
        found, undecided = _decided(connection, standing, task)
        types = _types(connection, task) | {r.type for each in found for r in each.right.relations}
    if not found:
        raise UsageError(
            f"no document has all its {task} decided", where=str(path), hint="decide all items of a document"
        )
    counts = Counter({"documents": len(found), "undecided": undecided})
    if form == "gold":
        return _write_gold([each.right for each in found], out, undecided)
    lines = list(_conversations(found, sorted(types), form, seed, counts))
    replace_text(out, (json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return Exported(len(found), undecided, len(lines), counts["refused"], counts["same"])


def _write_gold(documents: Sequence[Document], out: Path, undecided: int) -> Exported:
    if out.suffix.lower() == ".jsonl":
        replace_text(out, (json.dumps(to_record(each), ensure_ascii=False) + "\n" for each in documents))
    else:
        write_documents(documents, out)
    return Exported(len(documents), undecided, len(documents))


def _conversations(
    found: Sequence[_Decided], types: Sequence[str], form: Form, seed: int, counts: Counter[str]
) -> Iterator[dict[str, object]]:
    for each in found:
        right = _asked(each.right, types, seed)
        if right is None:
            counts["refused"] += 1
        elif form == "sft":
            yield exported(right, "messages")
        elif (said := _asked(each.said, types, seed)) is None:
            counts["refused"] += 1
        elif said.conversation[0].answered == right.conversation[0].answered:
            counts["same"] += 1
        else:
            yield {
                "prompt": [{"role": "user", "content": right.conversation[0].asked}],
                "chosen": [{"role": "assistant", "content": right.conversation[0].answered}],
                "rejected": [{"role": "assistant", "content": said.conversation[0].answered}],
                "source_id": each.right.id,
            }


def _asked(document: Document, types: Sequence[str], seed: int) -> Instruction | None:
    """The question about all relations with its answer; wording and question depend on seed and id alone."""
    with suppress(DataError):
        sourced = Sourced(
            "review", "train", _language(document.text), "relations", Annotated(document), tuple(types)
        )
        return next(instructions(sourced, seed), None)
    return None


def _language(text: str) -> Language:
    chinese = sum("\u4e00" <= char <= "\u9fff" for char in text)
    return "zh" if chinese > MANY_CHINESE * len(text) else "en"


def _types(connection: duckdb.DuckDBPyConnection, task: str) -> set[str]:
    rows = connection.execute(
        "SELECT DISTINCT r.type FROM relations r JOIN runs u ON u.run = r.run"
        " JOIN sources s ON s.source = u.source WHERE s.task = ? AND NOT starts_with(u.run, 'review')",
        [task],
    ).fetchall()
    return {kind for (kind,) in rows}


def _decided(
    connection: duckdb.DuckDBPyConnection, standing: Sequence[Decision], task: str
) -> tuple[list[_Decided], int]:
    """Documents that are decided whole, and how many are in part."""
    votes = _votes(standing)
    made: dict[str, list[Decision]] = {}
    for one in standing:
        made.setdefault(one.document, []).append(one)
    items: dict[str, dict[str, Relation]] = {}
    for document, relation, edge in _stated(connection, sorted(made), task):
        items.setdefault(document, {}).setdefault(edge, relation)
    found = []
    for document, stated in items.items():
        if any(votes.get((document, edge), 0) == 0 for edge in stated):
            continue
        holding = [relation for edge, relation in stated.items() if votes[document, edge] > 0]
        mine = [one for one in made[document] if one.edge in stated]
        right = _corrected(holding, stated, mine, votes)
        found.append(_of_base(connection, document, task, right, list(stated.values())))
    return found, len(items) - len(found)


def _votes(standing: Sequence[Decision]) -> dict[tuple[str, str], int]:
    """For each item and for what edits state: reviewers for it less reviewers against it."""
    said: dict[tuple[str, str, str], int] = {}
    for one in standing:
        if one.change is not None:
            said[one.document, changed_edge(one.change), one.reviewer] = 1
    for one in standing:
        kept = one.verdict == "accept" or (one.change is not None and changed_edge(one.change) == one.edge)
        said[one.document, one.edge, one.reviewer] = 1 if kept else -1
    votes: Counter[tuple[str, str]] = Counter()
    for (document, edge, _), vote in said.items():
        votes[document, edge] += vote
    return dict(votes)


def _corrected(
    holding: Sequence[Relation],
    stated: Mapping[str, Relation],
    standing: Sequence[Decision],
    votes: Mapping[tuple[str, str], int],
) -> list[Relation]:
    """What holds, with what edits state; of several edits of one statement the latest counts."""
    found = {_key(relation): relation for relation in holding}
    for one in standing:
        if one.change is None:
            continue
        edge = changed_edge(one.change)
        if votes.get((one.document, edge), 0) > 0:
            relation = _of_change(f"d{one.number}", one.change)
            found[_key(stated[edge]) if edge in stated else _key(relation)] = relation
    return list(found.values())


def _key(relation: Relation) -> str:
    return changed_edge(
        {
            "type": relation.type,
            "arguments": [{"role": a.role, "concept": a.concept} for a in relation.arguments],
        }
    )


def _of_change(identity: str, change: Mapping[str, object]) -> Relation:
    arguments, evidence = change.get("arguments"), change.get("evidence")
    return Relation(
        identity,
        str(change["type"]),
        tuple(Argument(each["role"], each["concept"]) for each in _list(arguments)),
        tuple(
            Evidence(Span(int(each["start"]), int(each["end"])), each["quote"]) for each in _list(evidence)
        ),
    )


def _list(value: object) -> list[dict[str, str]]:
    return value if isinstance(value, list) else []


def _stated(
    connection: duckdb.DuckDBPyConnection, documents: Sequence[str], task: str
) -> Iterator[tuple[str, Relation, str]]:
    """What runs of the task state in documents, the surest first: document, relation, edge."""
    rows = connection.execute(
        "SELECT r.document, r.relation, r.type, r.confidence, r.edge,"
        " (SELECT list([a.role, a.concept] ORDER BY a.position) FROM arguments a"
        " WHERE a.relation = r.relation),"
        " (SELECT list({'s': e.\"start\", 'e': e.\"end\", 'q': e.quote} ORDER BY e.position) FROM evidence e"
        " WHERE e.relation = r.relation)"
        " FROM relations r JOIN runs u ON u.run = r.run JOIN sources s ON s.source = u.source"
        " WHERE r.document IN (SELECT unnest(?)) AND s.task = ? AND NOT starts_with(u.run, 'review')"
        " ORDER BY r.document, r.confidence DESC NULLS LAST, r.relation",
        [list(documents), task],
    ).fetchall()
    for document, key, kind, confidence, edge, arguments, evidence in rows:
        quotes = tuple(Evidence(Span(each["s"], each["e"]), each["q"]) for each in evidence or ())
        named = tuple(Argument(role, concept) for role, concept in arguments or ())
        yield document, Relation(key, kind, named, quotes, confidence=confidence), edge


def _of_base(
    connection: duckdb.DuckDBPyConnection,
    document: str,
    task: str,
    right: Sequence[Relation],
    said: Sequence[Relation],
) -> _Decided:
    """The document with the mentions and concepts of all its runs."""
    row = connection.execute(
        "SELECT text, passages, attributes FROM documents WHERE document = ?", [document]
    ).fetchone()
    text, passages, attributes = row if row else ("", "[]", "{}")
    mentions = connection.execute(
        'SELECT m."start", m."end", min(m.type), m.concept, any_value(c.linked) FROM mentions m'
        " LEFT JOIN concepts c ON c.concept = m.concept WHERE m.document = ?"
        ' GROUP BY m."start", m."end", m.concept ORDER BY m."start", m."end", m.concept',
        [document],
    ).fetchall()
    named: dict[str, list[int]] = {}
    for place, mention in enumerate(mentions):
        named.setdefault(mention[3], []).append(place)
    for relation in (*right, *said):
        for argument in relation.arguments:
            named.setdefault(argument.concept, [])
    whole = Document(
        id=document,
        text=text,
        passages=_passages(passages, len(text), task),
        mentions=tuple(
            Mention((Span(a, b),), text[a:b], kind, (concept,) if linked in ("given", "dictionary") else ())
            for a, b, kind, concept, linked in mentions
        ),
        concepts=tuple(_concept(concept, places, mentions, text) for concept, places in named.items()),
        attributes=json.loads(attributes) | _corpus(task, (*right, *said)),
    )
    return _Decided(replace(whole, relations=tuple(right)), replace(whole, relations=tuple(said)))


def _concept(
    concept: str, places: Sequence[int], mentions: Sequence[tuple[int, int, str, str, str | None]], text: str
) -> Concept:
    names = tuple(dict.fromkeys(text[mentions[place][0] : mentions[place][1]] for place in places))
    linked = bool(places) and mentions[places[0]][4] in ("given", "dictionary")
    kind = mentions[places[0]][2] if places else "Concept"
    return Concept(concept, kind, tuple(places), names or (concept,), (concept,) if linked else ())


def _passages(passages: str, length: int, task: str) -> tuple[Passage, ...]:
    """Combinations are scored by sentences: here the whole text is one."""
    if task == "combinations":
        return (Passage("sentence", 0, length),)
    return tuple(Passage(each["section"], each["start"], each["end"]) for each in json.loads(passages))


def _corpus(task: str, relations: Sequence[Relation]) -> dict[str, str]:
    if task != "combinations":
        return {}
    known = get_args(CombinationType)
    return {"corpus": "drugcomb" if all(relation.type in known for relation in relations) else "ddi"}
