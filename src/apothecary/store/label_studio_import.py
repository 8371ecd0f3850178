"""Reviewed tasks of Label Studio -> decisions. What tasks look like, and why: `label_studio`.

For each statement of an annotation:

| what the reviewer did | decision |
|---|---|
| chose accept, changed nothing | accept |
| chose reject | reject |
| changed the type, an argument, or where the sentence is | edit, unless reject was chosen as well |
| removed it, in an annotation begun from the predictions | reject |
| neither chose nor changed anything | none: it is counted as not judged |
| added one that the document does not state | none: a decision is about an edge that there is |

Annotations that were cancelled decide nothing. Offsets are believed where the text is that of the region;
else they are tried as UTF-16 units, as older versions wrote them after an emoji
(https://github.com/HumanSignal/label-studio/issues/1347), else the text is looked for, and must stand in
one place only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from apothecary.documents import Document, Relation, Span
from apothecary.errors import FormatError
from apothecary.formats.lines import open_bytes, printable
from apothecary.store.decisions import MAX_NAME, Decision, DecisionLog, Verdict, decisions_path
from apothecary.store.edge_rows import Chosen
from apothecary.store.export_documents import documents
from apothecary.store.keys import edge_key
from apothecary.store.label_studio import MENTION, STATEMENT, TEXT, VERDICT, drawn
from apothecary.store.opening import opened, store_path

__all__ = ["Reviewed", "decisions_of", "import_reviewed", "read_tasks"]

MAX_BYTES = 256 * 1024 * 1024
MOST_PROBLEMS = 20
Task = Mapping[str, object]
Pairs = frozenset[tuple[str, str]]


@dataclass
class Reviewed:
    """What an import found: counts of what happened to statements and annotations, and what went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    failed: int = 0

    def problem(self, where: str, what: str) -> None:
        """Count something that could not be used; the first are told one by one."""
        self.failed += 1
        self.counts[what] += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"{where}: {what}")


@dataclass(frozen=True)
class _Region:
    control: str
    label: str
    span: Span | None


@dataclass(frozen=True)
class _Annotation:
    """An annotation, read: its regions by id, choices by region, and links as (from, to, label)."""

    regions: Mapping[str, _Region]
    choices: Mapping[str, str]
    links: Sequence[tuple[str, str, str]]
    reviewer: str
    made: str
    begun_from_predictions: bool


def import_reviewed(store: Path, file: Path, *, reviewer: str = "") -> Reviewed:
    """Append the decisions of a file of reviewed tasks to the log beside a base, all or none.

    `reviewer` names the reviewer of annotations that do not say whose they are. What a reviewer stands by
    already is not written again. Raises FormatError for a file that is none.
    """
    tasks = read_tasks(file)
    found = Reviewed()
    ids = {name for name in map(_document_id, tasks) if name}
    with opened(store) as connection:
        known = {each.id: each for each in documents(connection, Chosen(), ids=ids)}
    decisions: list[Decision] = []
    for number, task in enumerate(tasks, 1):
        where = f"{printable(file)}: task {number}"
        document = known.get(_document_id(task))
        found.counts["tasks"] += 1
        if document is None:
            found.problem(where, "the document is not in the base")
        elif _object(task.get("data")).get(TEXT) != document.text:
            found.problem(where, "the text is not that of the base")
        else:
            decisions += decisions_of(task, document, found, where, reviewer=reviewer)
    if decisions:
        with DecisionLog(decisions_path(store_path(store))) as log:
            log.extend(decisions)
    return found


def read_tasks(file: Path) -> list[Task]:
    """The tasks of a JSON file as Label Studio exports them. Raises FormatError."""
    where, hint = printable(file), "export it as JSON from Label Studio"
    with open_bytes(file) as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FormatError(f"more than {MAX_BYTES} bytes", where=where, hint="export fewer tasks at once")
    try:
        value: object = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FormatError("is no JSON", where=where, hint=hint) from error
    tasks = value if isinstance(value, list) else [value]
    found: list[Task] = [each for each in tasks if isinstance(each, dict)]
    if len(found) < len(tasks):
        raise FormatError("is no list of tasks", where=where, hint=hint)
    return found


def decisions_of(
    task: Task, document: Document, found: Reviewed, where: str, *, reviewer: str = ""
) -> list[Decision]:
    """The decisions of a task's annotations; `found` counts what became of them."""
    decisions: list[Decision] = []
    offered = _offered(task)
    for number, item in enumerate(_objects(task.get("annotations")), 1):
        found.counts["annotations"] += 1
        if item.get("was_cancelled"):
            found.counts["cancelled"] += 1
            continue
        annotation = _annotation(item, document.text, reviewer)
        at = f"{where}, annotation {number}"
        judged: set[str] = set()
        for name, region in annotation.regions.items():
            if region.control == STATEMENT:
                decision = _decision(name, annotation, document, found, at)
                judged.add(decision.edge if decision else name)
                decisions += [decision] if decision else []
        for edge in sorted((offered & {each.id for each in document.relations}) - judged):
            if annotation.begun_from_predictions:
                found.counts["reject"] += 1
                decisions.append(_made(document, edge, "reject", annotation))
    return decisions


def _decision(
    name: str, annotation: _Annotation, document: Document, found: Reviewed, where: str
) -> Decision | None:
    region = annotation.regions[name]
    pairs = _pairs(name, annotation, document)
    relation = next((each for each in document.relations if each.id == name), None)
    if region.span is None:
        found.problem(where, "a statement stands nowhere in the text")
    elif pairs is None:
        found.problem(where, "an argument is no mention of a known concept")
    elif relation is None:
        return _of_new(region.label, pairs, annotation.choices.get(name, ""), annotation, document, found)
    else:
        return _of_known(relation, region.label, region.span, pairs, annotation, document, found)
    return None


def _of_new(
    label: str, pairs: Pairs, choice: str, annotation: _Annotation, document: Document, found: Reviewed
) -> Decision | None:
    """A region that the reviewer drew: it may state what the document states already."""
    edge = edge_key(label, pairs)
    if not any(each.id == edge for each in document.relations):
        found.counts["added, not taken in"] += 1
        return None
    # Who draws a statement that is there confirms it.
    verdict: Verdict = "reject" if choice == "reject" else "accept"
    found.counts[verdict] += 1
    return _made(document, edge, verdict, annotation)


def _of_known(
    relation: Relation,
    label: str,
    span: Span,
    pairs: Pairs,
    annotation: _Annotation,
    document: Document,
    found: Reviewed,
) -> Decision | None:
    shown = drawn(document, relation)
    met = frozenset((each.role, each.concept) for each, _ in shown.arguments) if shown else frozenset()
    choice = annotation.choices.get(relation.id, "")
    same = label == relation.type and pairs == met
    moved = shown is not None and shown.span != span
    verdict: Verdict = "edit"
    if choice == "reject":
        verdict = "reject"
    elif same and not moved:
        if choice != "accept":
            found.counts["not judged"] += 1
            return None
        verdict = "accept"
    found.counts[verdict] += 1
    if verdict != "edit":
        return _made(document, relation.id, verdict, annotation)
    hidden = {(each.role, each.concept) for each in relation.arguments} - met
    quote = {"start": span.start, "end": span.end, "quote": document.text[span.start : span.end]}
    change: dict[str, object] = {
        "type": label,
        "arguments": [{"role": role, "concept": concept} for role, concept in sorted(pairs | hidden)],
        "evidence": [quote],
    }
    return _made(document, relation.id, verdict, annotation, change)


def _made(
    document: Document,
    edge: str,
    verdict: Verdict,
    annotation: _Annotation,
    change: Mapping[str, object] | None = None,
) -> Decision:
    return Decision(
        0, document.id, edge, verdict, annotation.reviewer, annotation.made, change, "from Label Studio"
    )


def _pairs(name: str, annotation: _Annotation, document: Document) -> Pairs | None:
    """The (role, concept) pairs that a statement is linked to; None when one of them is unknown."""
    pairs = set()
    for one, other, label in annotation.links:
        end = other if one == name else one if other == name else ""
        region = annotation.regions.get(end)
        if region is None or region.control != MENTION:
            continue
        concept = _concept(end, region.span, document)
        if concept is None:
            return None
        pairs.add((label, concept))
    return frozenset(pairs)


def _concept(name: str, span: Span | None, document: Document) -> str | None:
    """The concept of a mention that is there, or of one that the reviewer drew over it."""
    if span is None:
        return None
    own = int(name[1:]) if name[:1] == "m" and name[1:].isdecimal() else -1
    places = [place for place, each in enumerate(document.mentions) if each.spans[0] == span]
    if own not in places:
        own = places[0] if places else -1
    return next((each.id for each in document.concepts if own in each.mentions), None)


def _annotation(item: Mapping[str, object], text: str, reviewer: str) -> _Annotation:
    regions: dict[str, _Region] = {}
    choices: dict[str, str] = {}
    links: list[tuple[str, str, str]] = []
    for each in _objects(item.get("result")):
        name, value = str(each.get("id", "")), _object(each.get("value"))
        if each.get("type") == "relation":
            labels = _first(each.get("labels"))
            links.append((str(each.get("from_id")), str(each.get("to_id")), labels))
        elif each.get("type") == "labels":
            control = str(each.get("from_name", ""))
            regions[name] = _Region(control, _first(value.get("labels")), _span(value, text))
        elif each.get("type") == "choices" and each.get("from_name") == VERDICT:
            choices[name] = _first(value.get("choices"))
    made = _time(item.get("updated_at")) or _time(item.get("created_at"))
    who = _reviewer(item.get("completed_by"), reviewer)
    return _Annotation(regions, choices, links, who, made, item.get("parent_prediction") is not None)


def _span(value: Mapping[str, object], text: str) -> Span | None:
    """Where a region stands; see the module."""
    start, end, words = value.get("start"), value.get("end"), value.get("text")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return None
    if not isinstance(words, str) or not words.strip():
        return Span(start, end) if end <= len(text) else None
    wanted = " ".join(words.replace("\\n", "\n").split())
    for one, other in ((start, end), (_point(text, start), _point(text, end))):
        if " ".join(text[one:other].split()) == wanted:
            return Span(one, other)
    place = text.find(words)
    once = place >= 0 and text.find(words, place + 1) < 0
    return Span(place, place + len(words)) if once else None


def _point(text: str, unit: int) -> int:
    """The code point at a UTF-16 unit."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * unit].decode("utf-16-le", "ignore"))


def _offered(task: Task) -> set[str]:
    """The statements that the task's own predictions show."""
    results = (each.get("result") for each in _objects(task.get("predictions")))
    regions = (region for result in results for region in _objects(result))
    return {str(each.get("id")) for each in regions if each.get("from_name") == STATEMENT}


def _reviewer(who: object, known: str) -> str:
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    name = f"label-studio {who}" if isinstance(who, int) else who if isinstance(who, str) and who else known
    printed = "".join(letter for letter in name or "label-studio" if letter.isprintable())
    return " ".join(printed.split())[:MAX_NAME].strip() or "label-studio"


def _time(value: object) -> str:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


def _document_id(task: Task) -> str:
    return str(_object(task.get("data")).get("document", ""))


def _first(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())
