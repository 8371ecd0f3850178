"""Stage I: mentions, their names joined into concepts, and these ordered into broader and narrower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from apothecary.documents import Document
from apothecary.errors import DataError
from apothecary.messages import Flow
from apothecary.tasks.flow import Answer, ask
from apothecary.tasks.linking import with_ids
from apothecary.tasks.relations import evidence
from apothecary.tasks.relations.bound import Bound, Notes
from apothecary.tasks.relations.clusters import Names, Verdict, concepts_of, group_by_rule, name_pairs
from apothecary.tasks.relations.steps import NAMES, Decision, NamePair
from apothecary.tasks.relations.thresholds import NEVER
from apothecary.tasks.relations.together import NAMES_TOGETHER
from apothecary.tasks.tagging import Window, located, tagging_step, windows
from apothecary.tasks.together import ask_together, asked_again

__all__ = ["MENTIONS", "annotated", "find_concepts", "group", "tagged"]

MENTIONS = tagging_step("relations.mentions")


def annotated(document: Document) -> Document:
    """The document with its annotated mentions and concepts alone. Raises DataError when it has none."""
    if not document.mentions:
        raise DataError(
            "has no annotated mentions", where=f"document {document.id}", hint="leave out --oracle-mentions"
        )
    return replace(document, relations=(), conditions=(), unlocated=())


def find_concepts(document: Document, bound: Bound, notes: Notes) -> Flow[Document | None]:
    """Stage I whole. None when every window failed: then nothing is known, which is not nothing found."""
    found = yield from tagged(document, bound, notes)
    if found is None:
        return None
    found, names = group(found, bound, notes)
    verdicts = yield from _verdicts(found, names, bound, notes)
    concepts, conflicts = concepts_of(found.mentions, names, verdicts)
    notes.conflicts += conflicts
    return replace(found, concepts=with_ids(concepts, found.mentions))


def tagged(document: Document, bound: Bound, notes: Notes) -> Flow[Document | None]:
    """Stage I a: the document with the mentions that a model found, and nothing else."""
    labels = bound.schema.labels
    asked = windows(document, labels, bound.settings.window)
    answers = yield from ask(MENTIONS, asked, _window_name)
    notes.take(MENTIONS.name, answers)
    if asked and all(answer.value is None for answer in answers):
        return None
    items = [item for answer in answers if answer.value is not None for item in answer.value]
    found = located(document, items, labels)
    return Document(
        id=document.id,
        text=document.text,
        passages=document.passages,
        mentions=found.mentions,
        unlocated=found.unlocated,
        attributes=document.attributes,
    )


def _window_name(window: Window) -> str:
    return f"characters {window.span.start}-{window.span.end}"


def group(document: Document, bound: Bound, notes: Notes) -> tuple[Document, list[Names]]:
    """The document with ids on its mentions, and its names by wanted label, joined where a rule says so."""
    document, notes.links = bound.linking.link(document)
    kinds = [label.name for label in bound.schema.labels if not label.decoy]
    return document, [group_by_rule(document, document.mentions, kind) for kind in kinds]


def _verdicts(
    document: Document, names: list[Names], bound: Bound, notes: Notes
) -> Flow[dict[str, list[Verdict]]]:
    """Stages I b and I c: what a model says of the names that rules leave open, by type."""
    asked = notes.within(
        NAMES.name, _open_pairs(document, names, bound), bound.settings.max_questions, "questions"
    )
    answers = yield from _ask_names(asked, bound)
    notes.take(NAMES.name, answers)
    verdicts: dict[str, list[Verdict]] = {}
    for pair, answer in zip(asked, answers, strict=True):
        if answer.value is not None:
            verdict = _verdict(pair, answer.value, bound)
            verdicts.setdefault(pair.type, []).append(verdict)
            notes.names.append(_name_row(pair, answer.value, verdict))
    return verdicts


def _open_pairs(document: Document, names: list[Names], bound: Bound) -> Iterator[NamePair]:
    settings, needed = bound.settings, bound.thresholds.names
    # Odds come with single questions alone. One whose answer could not be accepted is not asked.
    by_odds = settings.decide == "log_odds" and settings.batch == 1
    hopeless = by_odds and {needed.get(key, 0.0) for key in ("=", "<>")} == {NEVER}
    linked = not by_odds or needed.get("<>", 0.0) != NEVER
    text = evidence.split(document)
    places: dict[str, list[int]] = {}
    for index, mention in enumerate(document.mentions):
        places.setdefault(mention.text, []).append(index)
    for each in names:
        for first, second in name_pairs(each, "none" if hopeless else settings.names, linked=linked):
            excerpt = text.excerpt(places[first] + places[second], settings.window)
            yield NamePair(document, excerpt, each.type, first, second)


def _ask_names(asked: list[NamePair], bound: Bound) -> Flow[list[Answer[Decision]]]:
    size = bound.settings.batch
    answers: dict[int, Answer[Decision]] = {}
    if size > 1:
        found = yield from ask_together(NAMES_TOGETHER, asked, size=size, same=lambda pair: pair.text)
        answers = {place: answer for place, answer in enumerate(found) if answer}
    rest = [place for place in range(len(asked)) if place not in answers]
    alone = yield from ask(
        NAMES, [asked[place] for place in rest], lambda pair: f"'{pair.first}' and '{pair.second}'"
    )
    answers |= dict(zip(rest, map(asked_again, alone) if size > 1 else alone, strict=True))
    return [answers[place] for place in range(len(asked))]


def _name_row(pair: NamePair, decision: Decision, verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = {"type": pair.type, "first": pair.first, "second": pair.second}
    row |= {"answer": decision.code, "taken": verdict.answer}
    if decision.log_odds:
        row["log_odds"] = {code: round(odds, 4) for code, odds in decision.log_odds.items()}
    return row


def _verdict(pair: NamePair, decision: Decision, bound: Bound) -> Verdict:
    odds, needed = decision.log_odds, bound.thresholds.names
    if odds is None or bound.settings.decide == "argmax":
        return Verdict(pair.first, pair.second, decision.code)
    if odds["="] >= needed.get("=", 0.0):
        return Verdict(pair.first, pair.second, "=", odds["="])
    best = max("><", key=lambda code: odds[code])
    code = best if odds[best] >= needed.get("<>", 0.0) else "~"
    return Verdict(pair.first, pair.second, code, odds[code])
