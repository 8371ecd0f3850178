"""The answers of a document -> its record: drugs, combinations with their evidence, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from apothecary.documents import Argument, Concept, Document, Evidence, Mention, Origin, Relation, Unlocated
from apothecary.formats.records import to_record
from apothecary.tasks.combinations.candidates import DRUG, Candidate, Source
from apothecary.tasks.combinations.grounding import Grounded, ground
from apothecary.tasks.combinations.prompting import sections_of
from apothecary.tasks.combinations.steps import Decided, Scored
from apothecary.tasks.linking import with_ids
from apothecary.tasks.notes import FlowNotes

__all__ = ["Notes", "record_of"]

SHOWN_SETS = 20
"""Sets of a sentence that a record keeps, the likeliest first."""


@dataclass
class Notes(FlowNotes):
    """What a flow collects on its way beside its result."""

    unlocated: list[Unlocated] = field(default_factory=list)


@dataclass
class _Found:
    """One combination of a document: where it was said, and how likely it is."""

    said: list[Grounded]
    confidence: float | None


def record_of(
    source: Source,
    mentions: Sequence[Mention],
    answers: Iterable[tuple[Candidate, Decided | None]],
    notes: Notes,
    origin: Origin,
) -> dict[str, object]:
    """The record of a document; `notes` gains the repairs and the names that stand in no sentence.

    The same type and the same drugs in two sentences are one relation with two pieces of evidence. `origin`
    tells of all relations who answered.
    """
    found: dict[tuple[str, frozenset[str]], _Found] = {}
    asked: list[dict[str, object]] = []
    reasoning: list[dict[str, object]] = []
    for candidate, decided in answers:
        place = [candidate.sentence.start, candidate.sentence.end]
        asked.append({"sentence": place, "drugs": list(candidate.example.drugs), "answered": bool(decided)})
        if decided is None:
            continue
        asked[-1] |= {"sets": _sets(candidate, decided.scores)} if decided.scores else {}
        if decided.think:
            sections = dict(sections_of(decided.think))
            reasoning.append({"sentence": place, "think": decided.think, "sections": sections})
        grounding = ground(decided.items, candidate)
        notes.unlocated += grounding.unlocated
        notes.repairs += [{"step": origin.step, "repair": repair} for repair in grounding.repairs]
        for item in grounding.items:
            _add(found, item, _confidence(item, decided.scores))
    document = _document(source, mentions, found, origin, notes)
    record: dict[str, object] = {"mentions": [], "relations": [], **to_record(document)}
    rows = record["relations"]
    record["relations"] = [
        {**row, **_told(each)}
        for row, each in zip(rows if isinstance(rows, list) else [], found.values(), strict=True)
    ]
    record |= {"asked": asked} | ({"reasoning": reasoning} if reasoning else {})
    record["repairs"] = notes.repairs
    record["incomplete"] = sorted({problem.step for problem in notes.problems})
    return record


def _add(found: dict[tuple[str, frozenset[str]], _Found], item: Grounded, confidence: float | None) -> None:
    known = found.setdefault((item.type, item.keys), _Found([], confidence))
    known.said.append(item)
    if confidence is not None:
        known.confidence = max(confidence, known.confidence or 0.0)


def _confidence(item: Grounded, scores: Sequence[Scored]) -> float | None:
    for score in scores:
        names = frozenset(
            item.candidate.source.key(item.candidate.drugs[place].name) for place in score.drugs
        )
        if score.believed and names == item.keys:
            return round(score.probability, 4)
    return None


def _sets(candidate: Candidate, scores: Sequence[Scored]) -> list[dict[str, object]]:
    ordered = sorted(scores, key=lambda score: (-score.any, score.drugs))
    return [
        {
            "drugs": [candidate.drugs[place].name for place in score.drugs],
            "type": score.type,
            "any": round(score.any, 4),
            "probability": round(score.probability, 4),
            "believed": score.believed,
        }
        for score in ordered[:SHOWN_SETS]
    ]


def _document(
    source: Source,
    mentions: Sequence[Mention],
    found: dict[tuple[str, frozenset[str]], _Found],
    origin: Origin,
    notes: Notes,
) -> Document:
    document = source.document
    places = {(mention.start, mention.end): mention for mention in mentions}
    for each in found.values():
        for drug in (drug for item in each.said for drug in item.drugs):
            for span in drug.spans:
                text = document.text[span.start : span.end]
                places.setdefault(
                    (span.start, span.end), Mention((span,), text, DRUG, alignment=drug.alignment)
                )
    ordered = tuple(places[key] for key in sorted(places))
    concepts = _concepts(source, ordered)
    ids = {key: concept.id for key, concept in concepts.items()}
    return Document(
        id=document.id,
        text=document.text,
        passages=document.passages,
        mentions=ordered,
        concepts=with_ids(tuple(concepts.values()), ordered),
        relations=tuple(
            _relation(f"r{number}", each, ids, source, origin)
            for number, each in enumerate(found.values(), 1)
        ),
        unlocated=tuple(dict.fromkeys(notes.unlocated)),
        attributes=document.attributes,
    )


def _concepts(source: Source, mentions: Sequence[Mention]) -> dict[str, Concept]:
    members: dict[str, list[int]] = {}
    for place, mention in enumerate(mentions):
        members.setdefault(source.key(mention.text), []).append(place)
    return {
        key: Concept(
            f"c{number}",
            DRUG,
            tuple(own),
            tuple(dict.fromkeys(mentions[place].text for place in own)),
        )
        for number, (key, own) in enumerate(members.items(), 1)
    }


def _relation(identity: str, found: _Found, ids: dict[str, str], source: Source, origin: Origin) -> Relation:
    first = found.said[0]
    sentences = dict.fromkeys(item.candidate.sentence for item in found.said)
    text = source.document.text
    return Relation(
        id=identity,
        type=first.type,
        arguments=tuple(Argument("drug", ids[source.key(drug.name)]) for drug in first.drugs),
        evidence=tuple(Evidence(span, text[span.start : span.end]) for span in sentences),
        confidence=found.confidence,
        origin=replace(origin, answer=first.type),
    )


def _told(found: _Found) -> dict[str, object]:
    """What a score reads: the names, the first sentence, and one place for each drug in it."""
    first = found.said[0]
    return {
        "drugs": [drug.name for drug in first.drugs],
        "sentence": [first.candidate.sentence.start, first.candidate.sentence.end],
        "mentions": [[drug.spans[0].start, drug.spans[0].end] for drug in first.drugs],
    }
