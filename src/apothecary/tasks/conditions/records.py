"""The answers of a document -> its record: pairs, conditions that limit them, and what went wrong.

A record is a document of the own format, whose conditions stand in the text. What models said is under
``pairs``, one entry for each pair that was asked about, spans included that stand nowhere: scores read that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from apothecary.align.roles import DISEASE, DRUG, RoleSpan
from apothecary.documents import (
    Alignment,
    Concept,
    Condition,
    Document,
    Mention,
    Origin,
    Relation,
    Span,
    Unlocated,
)
from apothecary.errors import FormatError
from apothecary.formats.condition_text import How, Place, place_of
from apothecary.formats.records import to_record
from apothecary.metrics.condition_match import Item
from apothecary.tasks.conditions.answers import LIMIT, ParsedOutput, Status, read_output
from apothecary.tasks.conditions.answers import Condition as Predicted
from apothecary.tasks.conditions.pairs import Pair, is_row
from apothecary.tasks.conditions.scored import Prediction, as_reference, read_prediction
from apothecary.tasks.conditions.steps import Answered, read_as_released
from apothecary.tasks.flow import Answer
from apothecary.tasks.notes import FlowNotes

__all__ = ["Asked", "predicted", "record_of", "remarks"]

_ALIGNMENTS: Mapping[How, Alignment] = {"exact": "exact", "spaces": "normalised", "case": "normalised"}
_SIDES = {"drug": DRUG, "disease": DISEASE}
_STATUSES: tuple[Status, ...] = get_args(Status)
_OF_ROWS = frozenset({"corpus", "annotated", "target", "unlocated", "extra"})


@dataclass(frozen=True)
class Asked:
    """One pair that was asked about: where the text names it, the ids of the examples shown, the answer."""

    pair: Pair
    places: tuple[RoleSpan, ...]
    examples: tuple[str, ...]
    answer: Answer[Answered]


@dataclass(frozen=True)
class _Said:
    """A condition of an answer and where it stands."""

    item: Predicted
    place: Place | None
    relation: str

    @property
    def row(self) -> dict[str, object]:
        """What stands under its pair."""
        row: dict[str, object] = {"span": self.item.span, "type": self.item.type}
        if self.place is None:
            return row | {"how": "none"}
        return row | {"start": self.place.start, "end": self.place.end, "how": self.place.how}


def record_of(
    document: Document,
    asked: Sequence[Asked],
    left_out: Sequence[tuple[str, str]],
    notes: FlowNotes,
    origin: Origin,
) -> dict[str, object]:
    """The record of a document; `origin` tells of all conditions who answered.

    ``conditions`` is null when replies came and none of them could be read: that is not "no conditions".
    """
    said = [_said(each, document.text) for each in asked]
    flat = [each for own in said for each in own]
    found = _document(document, asked, flat, origin)
    record: dict[str, object] = {"mentions": [], "relations": [], "conditions": [], **to_record(found)}
    rows = record["conditions"]
    placed = [each.row for each in flat if each.place]
    record["conditions"] = [
        {**row, **own} for row, own in zip(rows if isinstance(rows, list) else [], placed, strict=True)
    ]
    if asked and not any(each.answer.value for each in asked):
        record["conditions"] = None
    record["pairs"] = [_entry(each, own) for each, own in zip(asked, said, strict=True)]
    if left_out:
        record["left_out"] = [{"relation": relation, "reason": reason} for relation, reason in left_out]
    record["repairs"] = notes.repairs
    record["incomplete"] = sorted({problem.step for problem in notes.problems})
    return record


def predicted(record: Mapping[str, object], where: str) -> Prediction:
    """What a prediction record of one instance says: one of ours by its ``pairs``, else any other.

    Raises FormatError as `scored.read_prediction` does, and for an entry that no run writes.
    """
    entries = record.get("pairs")
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
    if not isinstance(entry, dict) or "conditions" not in entry:
        return read_prediction(record, where)
    read = read_prediction({"conditions": entry["conditions"]}, where).output
    said, dropped, released = entry.get("status"), entry.get("dropped", 0), entry.get("as_released")
    if said not in (None, *_STATUSES, "unanswered"):
        raise _strange("status", f"one of {', '.join(_STATUSES)}", where)
    if isinstance(dropped, bool) or not isinstance(dropped, int) or not 0 <= dropped <= LIMIT:
        raise _strange("dropped", f"a number from 0 to {LIMIT}", where)
    status = next((known for known in _STATUSES if known == said), read.status)
    output = ParsedOutput(read.items, status, read.dropped + dropped)
    return Prediction(output, as_reference(read.items) if released is None else _items(released, where))


def remarks(records: Iterable[Mapping[str, object]]) -> list[str]:
    """What the records of a run have too little of: pairs to ask about, and pairs that their text names."""
    documents = without = pairs = unnamed = 0
    for record in records:
        entries = record.get("pairs")
        entries = entries if isinstance(entries, list) else []
        documents, without = documents + 1, without + (not entries)
        pairs, unnamed = pairs + len(entries), unnamed + sum("note" in entry for entry in entries)
    found = []
    if without:
        hint = "" if pairs else "; --pairs RUN tells which there are"
        found.append(f"{without} of {documents} documents have no pair to ask about{hint}")
    if unnamed:
        found.append(
            f"the text does not name drug or disease of {unnamed} of {pairs} pairs as they are given"
        )
    return found


def _strange(name: str, wanted: str, where: str) -> FormatError:
    return FormatError(f"field pairs[0].{name} is not {wanted}", where=where, hint="score what a run wrote")


def _said(asked: Asked, text: str) -> list[_Said]:
    items = asked.answer.value.items if asked.answer.value else ()
    return [_Said(item, place_of(item.span, text), asked.pair.relation.id) for item in items]


def _entry(asked: Asked, said: Sequence[_Said]) -> dict[str, object]:
    """A pair as a record has it. No key is called "drug": that is how files of instances are known."""
    counts = [sum(place.role == role for place in asked.places) for role in _SIDES.values()]
    entry: dict[str, object] = {
        "relation": asked.pair.relation.id,
        "pair": [asked.pair.drug.names[0], asked.pair.disease.names[0]],
        "named": counts,
    }
    if 0 in counts:
        missing = " and ".join(name for name, count in zip(_SIDES, counts, strict=True) if not count)
        entry["note"] = f"the text does not name the {missing}"
    if asked.examples:
        entry["examples"] = list(asked.examples)
    answered, reply = asked.answer.value, asked.answer.reply
    if answered is not None:
        status, dropped, released = answered.status, answered.dropped, answered.as_released
    elif reply is not None:
        # What scores need to know of a reply that says nothing usable.
        status, dropped = "malformed", read_output(reply.text).dropped
        released = read_as_released(reply) or None
    else:
        return entry | {"status": "unanswered", "conditions": None}
    entry |= {"status": status} | ({"dropped": dropped} if dropped else {})
    if released is not None:
        entry["as_released"] = [list(item) for item in released]
    return entry | {"conditions": [each.row for each in said] if answered else None}


def _items(value: object, where: str) -> tuple[Item, ...]:
    rows = value if isinstance(value, list) else [value]
    found = []
    for row in rows:
        texts = row if isinstance(row, list) and all(isinstance(each, str) for each in row) else []
        if len(texts) != 2:
            raise _strange("as_released", "a list of [span, type]", where)
        found.append((str(texts[0]), str(texts[1])))
    return tuple(found)


def _document(document: Document, asked: Sequence[Asked], said: Sequence[_Said], origin: Origin) -> Document:
    """The text with the pairs that were asked about and the conditions that stand in it."""
    concepts: dict[str, Concept] = {}
    places: dict[str, set[tuple[int, int]]] = {}
    for each in asked:
        for side, role in ((each.pair.drug, DRUG), (each.pair.disease, DISEASE)):
            concepts.setdefault(side.id, side)
            own = ((place.start, place.end) for place in each.places if place.role == role)
            places.setdefault(side.id, set()).update(own)
    ordered = sorted((*place, name) for name, own in places.items() for place in own)
    lost = (Unlocated(each.item.span, each.item.type, "not in the text") for each in said if not each.place)
    return Document(
        id=document.id,
        text=document.text,
        passages=document.passages,
        mentions=tuple(
            Mention((Span(start, end),), document.text[start:end], concepts[name].type)
            for start, end, name in ordered
        ),
        concepts=tuple(
            replace(
                concept,
                mentions=tuple(place for place, (_, _, name) in enumerate(ordered) if name == concept.id),
                broader_than=(),
            )
            for concept in concepts.values()
        ),
        relations=tuple(_relation(each.pair.relation, document.text) for each in asked),
        conditions=tuple(_condition(each, each.place, origin) for each in said if each.place),
        unlocated=tuple(dict.fromkeys(lost)),
        attributes=_attributes(document),
    )


def _relation(relation: Relation, text: str) -> Relation:
    """The relation as it came; its evidence only where the quotations are those of this text."""
    quoted = all(text[each.span.start : each.span.end] == each.quote for each in relation.evidence)
    return relation if quoted else replace(relation, evidence=())


def _condition(said: _Said, place: Place, origin: Origin) -> Condition:
    return Condition(
        said.item.type,
        Span(place.start, place.end),
        said.item.span,
        said.relation,
        alignment=_ALIGNMENTS[place.how],
        origin=replace(origin, answer=said.item.type),
    )


def _attributes(document: Document) -> Mapping[str, str]:
    """Those of the document; of a row of the corpus none that say what is gold in it."""
    own = document.attributes
    return {key: value for key, value in own.items() if key not in _OF_ROWS} if is_row(document) else own
