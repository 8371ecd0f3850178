"""Relations between two concepts of a document, zero-shot, in two stages.

Source: Zhao, Kang and Guo 2025 (arXiv 2505.01077), Algorithm 1. Stage I finds mentions, joins their
names into concepts and orders these into broader and narrower; stage II asks one single-choice
question for each pair of concepts and template. Departures beyond those of `tagging` and `clusters`:
1. The pair stands at the end of a question, after the scenarios, so that all pairs of a document
   share one prefix; scenarios speak of "the chemical" and "the disease".
2. Every scenario has its own code, so a reply says which scenario it rests on.
3. A relation is accepted by the odds of its codes against the negative ones and a threshold fitted
   on a development split (`decide = "argmax"` reads the code instead, as the source does).
4. The broader concept is left out before stage II, as Algorithm 1 says; the release only excuses
   it in its scorer. `broader = "keep"` asks about it all the same and flags it.
5. A document longer than `window` is asked about by the sentences that name the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from apothecary.documents import Argument, Concept, Document, Origin, Relation
from apothecary.errors import DataError
from apothecary.formats.records import to_record
from apothecary.messages import Choices, EngineInfo, Flow, Outcome, Reply, Request
from apothecary.tasks.flow import Answer, Extraction, Job, Pairs, Problem, ScoreOptions, Task, ask
from apothecary.tasks.linking import Linking, load_linking, with_ids
from apothecary.tasks.prompting import SYSTEM, prompt_digest
from apothecary.tasks.relations import evidence
from apothecary.tasks.relations.clusters import (
    Conflict,
    Verdict,
    concepts_of,
    group_by_rule,
    name_pairs,
)
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.score import score
from apothecary.tasks.relations.steps import (
    NAMES,
    NAMES_PROMPT,
    PAIRS,
    PAIRS_PROMPT,
    Decision,
    NamePair,
    Pair,
)
from apothecary.tasks.relations.thresholds import NEVER, Thresholds, find_thresholds
from apothecary.tasks.schema import Schema, load_schema
from apothecary.tasks.settings import as_record, bind
from apothecary.tasks.tables import evaluator_table
from apothecary.tasks.tagging import PROMPT as MENTIONS_PROMPT
from apothecary.tasks.tagging import Window, located, rehearsed, tagging_step, windows

__all__ = ["TASK", "Settings"]

S = TypeVar("S")
MENTIONS = tagging_step("relations.mentions")


@dataclass(frozen=True)
class Settings:
    """What a user may set.

    `names` says which pairs of names a model is asked about (those that rules leave open): none,
    those that look alike, or all. `thresholds` is a file; empty takes the shipped ones. `window` is in
    characters. `max_questions` bounds the names and the pairs of one document that are asked about.
    `vocabulary` links names to ids: ``own`` (the dictionary that ships), ``none``, or files beside it.
    """

    schema: str = "cdr"
    oracle_mentions: bool = False
    names: Literal["none", "lexical", "all"] = "all"
    broader: Literal["drop", "keep"] = "drop"
    decide: Literal["log_odds", "argmax"] = "log_odds"
    thresholds: str = ""
    window: Annotated[int, Field(ge=1)] = 6000
    max_questions: Annotated[int, Field(ge=0, le=1_000_000_000)] = 2000
    vocabulary: str = "own"


@dataclass(frozen=True)
class Bound:
    """Settings with all they refer to."""

    settings: Settings
    schema: Schema
    thresholds: Thresholds
    engine: str
    linking: Linking


@dataclass
class Notes:
    """What a flow collects on its way beside its result."""

    problems: list[Problem]
    repairs: list[dict[str, str]]
    conflicts: list[Conflict]
    names: list[dict[str, object]]
    links: Sequence[dict[str, object]] = ()

    def within(self, step: str, subjects: Iterable[S], limit: int) -> list[S]:
        """The first subjects up to a limit; a problem says that there were more."""
        found = list(islice(subjects, limit + 1))
        if len(found) > limit:
            message = f"more than {limit} questions; the others were not asked (--set max_questions=...)"
            self.problems.append(Problem(step, "the document", "TooManyQuestions", message))
        return found[:limit]

    def take(self, step: str, answers: Sequence[Answer[object]]) -> None:
        """Keep the problems and repairs of one round."""
        for answer in answers:
            self.repairs += [{"step": step, "repair": repair} for repair in answer.repairs]
            if answer.problem:
                self.problems.append(answer.problem)


def _extract(document: Document, bound: Bound) -> Flow[Extraction]:
    notes = Notes([], [], [], [])
    if bound.settings.oracle_mentions:
        found = _oracle(document)
    else:
        tagged = yield from _find_mentions(document, bound, notes)
        if tagged is None:
            return Extraction(None, tuple(notes.problems))
        found = yield from _find_concepts(tagged, bound, notes)
    relations, candidates = yield from _find_relations(found, bound, notes)
    result = replace(found, relations=relations)
    record = {"mentions": [], **to_record(result)}
    record["relations"] = [
        {**_as_dict(row), **_sides(result, relation)}
        for row, relation in zip(_rows(record), relations, strict=True)
    ]
    record["names"] = notes.names
    record["links"] = list(notes.links)
    record["candidates"] = candidates
    record["conflicts"] = [asdict(conflict) for conflict in notes.conflicts]
    record["repairs"] = notes.repairs
    record["incomplete"] = sorted({problem.step for problem in notes.problems})
    return Extraction(record, tuple(notes.problems))


def _rows(record: Mapping[str, object]) -> Sequence[object]:
    rows = record.get("relations", [])
    return rows if isinstance(rows, list) else []


def _as_dict(row: object) -> dict[str, object]:
    return dict(row) if isinstance(row, dict) else {}


def _oracle(document: Document) -> Document:
    if not document.mentions:
        raise DataError(
            "has no annotated mentions", where=f"document {document.id}", hint="leave out --oracle-mentions"
        )
    return replace(document, relations=(), conditions=(), unlocated=())


def _find_mentions(document: Document, bound: Bound, notes: Notes) -> Flow[Document | None]:
    """Stage I a. None when every window failed: nothing is known, which is not the same as nothing found."""
    schema = bound.schema
    asked = windows(document, schema.labels, bound.settings.window)
    answers = yield from ask(MENTIONS, asked, _window_name)
    notes.take(MENTIONS.name, answers)
    tagged = [item for answer in answers if answer.value is not None for item in answer.value]
    if asked and all(answer.value is None for answer in answers):
        return None
    found = located(document, tagged, schema.labels)
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


def _find_concepts(document: Document, bound: Bound, notes: Notes) -> Flow[Document]:
    """Stages I b and I c."""
    settings, needed = bound.settings, bound.thresholds.names
    document, notes.links = bound.linking.link(document)
    kinds = [label.name for label in bound.schema.labels if not label.decoy]
    names = [group_by_rule(document, document.mentions, kind) for kind in kinds]
    # A question whose answer could not be accepted whatever it says is not asked.
    hopeless = settings.decide == "log_odds" and {needed.get(k, 0.0) for k in ("=", "<>")} == {NEVER}
    linked = settings.decide == "argmax" or needed.get("<>", 0.0) != NEVER
    text = evidence.split(document)
    places: dict[str, list[int]] = {}
    for index, mention in enumerate(document.mentions):
        places.setdefault(mention.text, []).append(index)
    every = (
        NamePair(
            document,
            text.excerpt(places[first] + places[second], settings.window),
            each.type,
            first,
            second,
        )
        for each in names
        for first, second in name_pairs(each, "none" if hopeless else settings.names, linked=linked)
    )
    asked = notes.within(NAMES.name, every, settings.max_questions)
    answers = yield from ask(NAMES, asked, lambda pair: f"'{pair.first}' and '{pair.second}'")
    notes.take(NAMES.name, answers)
    verdicts: dict[str, list[Verdict]] = {}
    for pair, answer in zip(asked, answers, strict=True):
        if answer.value is not None:
            verdict = _verdict(pair, answer.value, bound)
            verdicts.setdefault(pair.type, []).append(verdict)
            notes.names.append(_name_row(pair, answer.value, verdict))
    concepts, conflicts = concepts_of(document.mentions, names, verdicts)
    notes.conflicts += conflicts
    return replace(document, concepts=with_ids(concepts, document.mentions))


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


def _find_relations(
    document: Document, bound: Bound, notes: Notes
) -> Flow[tuple[tuple[Relation, ...], list[dict[str, object]]]]:
    """Stage II: the accepted relations, and a row for every pair and relation type that was asked about."""
    text = evidence.split(document)
    dropped = bound.settings.broader == "drop"
    # A concept without a name (a corpus may relate an id that it never marks) cannot be asked about.
    kept = [c for c in document.concepts if c.names and not (dropped and c.broader_than)]
    every = (
        Pair(
            document, text.excerpt(head.mentions + tail.mentions, bound.settings.window), template, head, tail
        )
        for template in bound.schema.templates
        for head in kept
        if head.type == template.head
        for tail in kept
        if tail.type == template.tail and tail.id != head.id
    )
    asked = notes.within(PAIRS.name, every, bound.settings.max_questions)
    answers = yield from ask(PAIRS, asked, _pair_name)
    notes.take(PAIRS.name, answers)
    relations: list[Relation] = []
    candidates: list[dict[str, object]] = []
    for pair, answer in zip(asked, answers, strict=True):
        decision = answer.value
        accepted = _accepted(pair, decision, bound) if decision else None
        for name in pair.template.relations:
            candidates.append(_candidate(pair, decision, name, accepted == name))
        if decision and accepted:
            made = _relation(pair, decision, accepted, text, bound)
            relations.append(replace(made, id=f"r{len(relations) + 1}"))
    return tuple(relations), candidates


def _pair_name(pair: Pair) -> str:
    return f"{pair.template.name}: '{pair.head.names[0]}' and '{pair.tail.names[0]}'"


def _accepted(pair: Pair, decision: Decision, bound: Bound) -> str | None:
    """The relation type a reply asserts: at most one for each template."""
    if decision.log_odds is None or bound.settings.decide == "argmax":
        return next(iter(pair.template.asserted_by(decision.code)), None)
    odds, needed = decision.log_odds, bound.thresholds.pairs
    best = max(odds, key=lambda name: odds[name])
    return best if odds[best] >= needed.get(best, 0.0) else None


def _candidate(pair: Pair, decision: Decision | None, name: str, accepted: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "head": pair.head.id,
        "tail": pair.tail.id,
        "template": pair.template.name,
        "relation": name,
        "answer": decision.code if decision else None,
    }
    if decision and decision.log_odds:
        row["log_odds"] = round(decision.log_odds[name], 4)
    row["relations"] = [name] if accepted else []
    return row


def _relation(pair: Pair, decision: Decision, name: str, text: evidence.Sentences, bound: Bound) -> Relation:
    odds = decision.log_odds[name] if decision.log_odds else None
    scenarios = tuple(s.id for s in pair.template.scenarios if s.code == decision.code)
    return Relation(
        id="",
        type=name,
        arguments=(Argument("head", pair.head.id), Argument("tail", pair.tail.id)),
        evidence=text.evidence(pair.head, pair.tail),
        confidence=None if odds is None else round(1 / (1 + math.exp(-max(-700.0, odds))), 4),
        origin=Origin(
            engine=bound.engine,
            step=PAIRS.name,
            answer=decision.code,
            scenarios=scenarios,
            log_odds=None if odds is None else round(odds, 4),
        ),
    )


def _sides(document: Document, relation: Relation) -> dict[str, object]:
    """The two sides with all their names: synonym inclusion, as `score` reads it."""
    return {role: _side(document.concept(relation.argument(role))) for role in ("head", "tail")}


def _side(concept: Concept) -> dict[str, object]:
    return {"texts": list(concept.names), "ids": list(concept.ids), "broader": bool(concept.broader_than)}


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(Settings, given)
    schema, schema_text = load_schema(settings.schema)
    prompts = {
        "system.txt": prompt_digest(SYSTEM),
        "mentions.txt": prompt_digest(MENTIONS_PROMPT),
        "names.txt": prompt_digest(NAMES_PROMPT),
        "pairs.txt": prompt_digest(PAIRS_PROMPT),
        f"schema {settings.schema}": prompt_digest(schema_text),
    }
    engine = engines[PAIRS.name].name if PAIRS.name in engines else ""
    wording = prompt_digest(SYSTEM + NAMES_PROMPT + PAIRS_PROMPT + schema_text)
    thresholds = find_thresholds(settings.thresholds, engine, wording)
    linking = load_linking("none" if settings.oracle_mentions else settings.vocabulary)
    bound = Bound(settings, schema, thresholds, engine, linking)
    steps = [] if settings.oracle_mentions else [MENTIONS.name, NAMES.name]
    fitted = {
        "origin": thresholds.origin,
        "pairs": _finite(thresholds.pairs),
        "names": _finite(thresholds.names),
    }
    return Job(
        flows={"extract": partial(_extract, bound=bound)},
        steps=(*steps, PAIRS.name),
        settings=as_record(settings)
        | {"thresholds": fitted, "wording": wording, "dictionary": linking.digest},
        prompts=prompts,
        rehearse=partial(_rehearse, schema=schema),
    )


def _finite(table: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if value == NEVER else value for name, value in table.items()}


def _rehearse(request: Request, schema: Schema) -> Outcome:
    """A made-up reply of typical size: names for the wanted labels, the first code of a choice."""
    if isinstance(request.constraint, Choices):
        code = request.constraint.options[0]
        # "=" would merge all names and leave nothing to ask about.
        return Reply("~" if request.step == NAMES.name else code)
    return rehearsed(request, schema.labels)


def _score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    return score(
        pairs,
        broader=options.broader,
        excuse_broader=options.excuse_broader,
        seed=options.seed,
        resamples=options.resamples,
        list_errors=options.list_errors,
    )


TASK = Task(
    name="relations",
    prepare=_prepare,
    is_gold=lambda document: bool(document.relations),
    score=_score,
    table=evaluator_table,
    steps=(MENTIONS.name, NAMES.name, PAIRS.name),
    fit=fit,
)
