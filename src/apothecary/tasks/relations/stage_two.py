"""Stage II: what a text says of each pair of concepts, and which relations follow from the answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from apothecary.documents import Argument, Document, Origin, Relation
from apothecary.messages import Flow
from apothecary.tasks.flow import Answer, ask
from apothecary.tasks.relations import evidence
from apothecary.tasks.relations.bound import Bound, Notes
from apothecary.tasks.relations.clusters import Conflict
from apothecary.tasks.relations.sampled import ask_samples
from apothecary.tasks.relations.steps import PAIRS, Decision, Pair, pair_name
from apothecary.tasks.relations.together import PAIRS_TOGETHER
from apothecary.tasks.together import ask_together, asked_again

__all__ = ["find_relations"]


def find_relations(document: Document, bound: Bound, notes: Notes) -> Flow[tuple[Relation, ...]]:
    """The relations accepted; `notes` gains a candidate row for every pair and relation type asked about."""
    text = evidence.split(document)
    every = _pairs(document, text, bound)
    asked = notes.within(PAIRS.name, every, bound.settings.max_questions, "questions")
    answers = yield from _ask(asked, bound)
    notes.take(PAIRS.name, answers)
    relations = [
        _relation(pair, answer.value, name, text, bound)
        for pair, answer in zip(asked, answers, strict=True)
        if answer.value
        for name in _accepted(pair, answer.value, bound)
    ]
    kept = _without_contradictions(_distinct(relations), bound, notes)
    asserted = {(relation.type, relation.arguments) for relation in kept}
    notes.candidates += [
        _candidate(pair, answer.value, name, bound) | {"relations": _names_of(pair, name, asserted)}
        for pair, answer in zip(asked, answers, strict=True)
        for name in pair.template.relations
    ]
    return tuple(replace(each, id=f"r{number}") for number, each in enumerate(kept, 1))


def _pairs(document: Document, text: evidence.Sentences, bound: Bound) -> Iterator[Pair]:
    """Template by template, so that neighbours share all but the pair."""
    dropped = bound.settings.broader == "drop"
    # A concept without a name (a corpus may relate an id that it never marks) cannot be asked about.
    kept = [c for c in document.concepts if c.names and not (dropped and c.broader_than)]
    for template in bound.schema.templates:
        once = template.head == template.tail and not template.directed
        for place, head in enumerate(kept):
            if head.type != template.head:
                continue
            for tail in kept[place + 1 :] if once else kept:
                if tail.type == template.tail and tail.id != head.id:
                    excerpt = text.excerpt(head.mentions + tail.mentions, bound.settings.window)
                    yield Pair(document, excerpt, template, head, tail)


def _ask(asked: Sequence[Pair], bound: Bound) -> Flow[list[Answer[Decision]]]:
    """One answer for each pair: alone, or together after a screen; what stays open is asked alone."""
    settings = bound.settings
    answers: dict[int, Answer[Decision]] = {}
    if settings.samples > 1:
        voted = yield from ask_samples(asked, settings.samples, settings.temperature)
        return voted
    if settings.screen or settings.batch == 1:
        alone = yield from ask(PAIRS, asked, pair_name)
        answers = dict(enumerate(alone))
    if settings.batch > 1:
        doubtful = [
            n for n in range(len(asked)) if n not in answers or not _sure(answers[n], settings.screen)
        ]
        pairs = [asked[number] for number in doubtful]
        found = yield from ask_together(
            PAIRS_TOGETHER, pairs, size=settings.batch, same=lambda pair: pair.text
        )
        answers |= {number: answer for number, answer in zip(doubtful, found, strict=True) if answer}
        left = [number for number in doubtful if number not in answers]
        alone = yield from ask(PAIRS, [asked[number] for number in left], pair_name)
        answers |= dict(zip(left, map(asked_again, alone), strict=True))
    return [answers[number] for number in range(len(asked))]


def _sure(answer: Answer[Decision], probability: float) -> bool:
    """Whether every relation type is as likely, or as unlikely, as that."""
    odds = answer.value.log_odds if answer.value else None
    needed = math.log(probability / (1 - probability)) if probability else math.inf
    return bool(odds) and all(abs(each) >= needed for each in (odds or {}).values())


def _accepted(pair: Pair, decision: Decision, bound: Bound) -> tuple[str, ...]:
    """The relation types that an answer asserts: those of its code, or the likeliest if likely enough.

    Where the code itself asserts the likeliest with others, these too if they are likely enough.
    """
    if decision.log_odds is None or bound.settings.decide == "argmax":
        return pair.template.asserted_by(decision.code)
    odds, needed = decision.log_odds, bound.thresholds.pairs
    best = max(odds, key=lambda name: odds[name])
    coded = pair.template.asserted_by(decision.code)
    likely = [name for name in (coded if best in coded else (best,)) if odds[name] >= needed.get(name, 0.0)]
    return tuple(name for name in likely if not bound.thresholds.unsure(name, odds[name]))


def _candidate(pair: Pair, decision: Decision | None, name: str, bound: Bound) -> dict[str, object]:
    row: dict[str, object] = {
        "head": pair.head.id,
        "tail": pair.tail.id,
        "template": pair.template.name,
        "relation": name,
        "answer": decision.code if decision else None,
    }
    if decision and decision.log_odds:
        odds = decision.log_odds[name]
        row["log_odds"] = round(odds, 4)
        row["confidence"] = round(bound.thresholds.probability(name, odds), 4)
        if bound.thresholds.unsure(name, odds):
            row["unsure"] = True
    return row


def _names_of(pair: Pair, name: str, asserted: Collection[tuple[str, tuple[Argument, ...]]]) -> list[str]:
    return [name] if (name, _arguments(pair)) in asserted else []


def _arguments(pair: Pair) -> tuple[Argument, ...]:
    return Argument("head", pair.head.id), Argument("tail", pair.tail.id)


def _relation(pair: Pair, decision: Decision, name: str, text: evidence.Sentences, bound: Bound) -> Relation:
    odds = decision.log_odds[name] if decision.log_odds else None
    scenarios = tuple(s.id for s in pair.template.scenarios if s.code == decision.code)
    return Relation(
        id="",
        type=name,
        arguments=_arguments(pair),
        evidence=text.evidence(pair.head, pair.tail),
        confidence=None if odds is None else round(bound.thresholds.probability(name, odds), 4),
        origin=Origin(
            engine=bound.engines.get(decision.step, ""),
            step=decision.step,
            answer=decision.code,
            scenarios=scenarios,
            log_odds=None if odds is None else round(odds, 4),
        ),
    )


def _distinct(relations: Sequence[Relation]) -> list[Relation]:
    """Two templates may assert the same: the surer one stays, in the place of the first."""
    found: dict[tuple[str, tuple[Argument, ...]], Relation] = {}
    for relation in relations:
        key = relation.type, relation.arguments
        if key not in found or _odds(relation) > _odds(found[key]):
            found[key] = relation
    return list(found.values())


def _odds(relation: Relation) -> float:
    odds = relation.origin.log_odds if relation.origin else None
    return -math.inf if odds is None else odds


def _without_contradictions(relations: Sequence[Relation], bound: Bound, notes: Notes) -> list[Relation]:
    """Of relations of one pair that exclude each other the surest stays, or none, or all, as was asked for.

    Where the surest is not surer than another (an engine that tells no odds), all stay. Every contradiction
    is noted.
    """
    dropped: set[int] = set()
    for group in bound.schema.contradictions:
        by_pair: dict[tuple[Argument, ...], list[int]] = {}
        for place, relation in enumerate(relations):
            if relation.type in group:
                by_pair.setdefault(relation.arguments, []).append(place)
        for places in by_pair.values():
            if len(places) > 1:
                lost = _losers(relations, places, bound.settings.contradictions)
                dropped |= lost
                notes.conflicts.append(_contradiction(relations, places, lost))
    return [relation for place, relation in enumerate(relations) if place not in dropped]


def _losers(relations: Sequence[Relation], places: Sequence[int], policy: str) -> set[int]:
    if policy == "drop":
        return set(places)
    best = max(_odds(relations[place]) for place in places)
    winners = [place for place in places if _odds(relations[place]) == best]
    return set() if policy == "keep" or len(winners) > 1 else set(places) - set(winners)


def _contradiction(relations: Sequence[Relation], places: Sequence[int], lost: set[int]) -> Conflict:
    head, tail = (argument.concept for argument in relations[places[0]].arguments)
    types = " and ".join(relations[place].type for place in places)
    done = ", ".join(relations[place].type for place in places if place in lost)
    outcome = f"{done} left out" if lost else "all kept"
    return Conflict("contradiction", f"{types} of {head} and {tail}: {outcome}")
