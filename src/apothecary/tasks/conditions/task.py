"""Applicability conditions: for which patients, and at which dose, a drug treats a disease.

Source: Luo et al. 2026 (Drug-ACE, arXiv 2606.14031): a tuned model reads title, abstract and one pair that
the text treats as therapeutic, and lists spans of the text with one of six types; or a large model is asked
with two examples. Departures:
1. Pairs can come from a run of relations; a document has one question for each.
2. Examples never come from the document that is asked about, and are the same for a whole run.
3. Roles and markers are given for the prompt alone, never for an answer (the release tags both in training).
4. Every span is looked for in the text; one that is not there is kept for the score and reported.
5. Exact repeats are taken out. A type that is none of the six is kept, and is right only where gold has it.
6. A reply that cannot be read is a problem and scores 0, never "no conditions" (the release rewards it).
7. Of a text longer than `window` the sentences nearest to the pair are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from apothecary.corpora.abstracts import abstracts_of
from apothecary.documents import Document, Origin
from apothecary.errors import DataError, UsageError
from apothecary.messages import EngineInfo, Flow, Outcome, Reply, Request
from apothecary.metrics.condition_match import Rule
from apothecary.tasks.conditions import compare as comparison
from apothecary.tasks.conditions import score as scores
from apothecary.tasks.conditions.answers import Condition, render_output
from apothecary.tasks.conditions.examples_file import Choice, Examples, draw, read_examples
from apothecary.tasks.conditions.instances import (
    Instance,
    instance_of_document,
    instance_record,
    released_gold,
    with_gold,
)
from apothecary.tasks.conditions.labels import TYPES
from apothecary.tasks.conditions.pairs import Found, Kinds, PairRun, is_row, pairs_of, read_pair_run
from apothecary.tasks.conditions.prompting import PROMPTS, Shown
from apothecary.tasks.conditions.questions import Question, question_of_instance, question_of_pair
from apothecary.tasks.conditions.records import Asked, predicted, record_of, remarks
from apothecary.tasks.conditions.rules import rule_conditions
from apothecary.tasks.conditions.scored import Scored
from apothecary.tasks.conditions.steps import SPANS, Answered, spans_step
from apothecary.tasks.flow import (
    Answer,
    Extraction,
    Job,
    Pairs,
    Problem,
    ScoreOptions,
    Step,
    Task,
    Taught,
    ask,
)
from apothecary.tasks.notes import FlowNotes
from apothecary.tasks.prompting import SYSTEM, prompt_digest
from apothecary.tasks.settings import as_record, bind

__all__ = ["TASK", "Settings"]

_MEANING_TREATMENT = "therapeutic, chem_disease:therapeutic, Negative_Correlation"


@dataclass(frozen=True)
class Settings:
    """What a user may set.

    `pairs` is the folder of a run of relations; empty takes a document's own relations. A pair is a relation
    of one of `pair_types` between a concept of `drug_types` and one of `disease_types` (lists separated by
    commas, any case). `max_pairs` bounds the questions of one document. A ``brief`` prompt explains nothing:
    it is for models that were trained on such. `shots` examples are shown, drawn by `seed` from the file
    `examples`. `roles` says which tagger finds the roles of a request, `marker` marks the pair in the text.
    Of a longer text `window` characters are shown. `ways`: ``text`` asks a language model; ``patterns`` finds
    doses, ages and sexes by patterns, a baseline without a model.
    """

    pairs: str = ""
    pair_types: str = _MEANING_TREATMENT
    drug_types: str = "Drug, Chemical, ChemicalEntity"
    disease_types: str = "Disease, DiseaseOrPhenotypicFeature"
    max_pairs: Annotated[int, Field(ge=1, le=1_000_000_000)] = 50
    prompt: Literal["full", "brief"] = "full"
    examples: str = ""
    shots: Annotated[int, Field(ge=0, le=8)] = 0
    choice: Choice = "random"
    seed: int = 0
    roles: Literal["off", "lemma", "reference"] = "off"
    marker: bool = False
    ways: Literal["text", "patterns"] = "text"
    window: Annotated[int, Field(ge=1)] = 6000


@dataclass(frozen=True)
class Bound:
    """Settings with all they refer to."""

    settings: Settings
    kinds: Kinds
    run: PairRun | None
    examples: Examples
    step: Step[Question, Answered]
    origin: Origin

    def pairs_of(self, document: Document) -> Found | None:
        """The pairs of a document; None when the run of pairs does not know it."""
        if self.run is None or is_row(document):
            return pairs_of(document, self.kinds)
        return self.run.documents.get(document.id)


def _extract(document: Document, bound: Bound) -> Flow[Extraction]:
    found, notes = bound.pairs_of(document), FlowNotes()
    if found is None:
        message = f"is not in the run of pairs {bound.settings.pairs}: nothing is known of its pairs"
        return Extraction(None, (Problem(SPANS, "the document", "NoPairs", message),))
    pairs = (
        notes.within(SPANS, found.pairs, bound.settings.max_pairs, "pairs") if document.text.strip() else []
    )
    shots = bound.examples.of(document)
    asked = [question_of_pair(document, pair, bound.settings.window, shots) for pair in pairs]
    questions = [question for question, _ in asked]
    if bound.settings.ways == "patterns":
        answers = [_by_patterns(question) for question in questions]
    else:
        answers = yield from ask(bound.step, questions, lambda question: question.name)
    notes.take(SPANS, answers)
    if answers and all(answer.reply is None and answer.value is None for answer in answers):
        return Extraction(None, tuple(notes.problems))
    ids = tuple(shot.id for shot in shots)
    rows = [
        Asked(pair, places, ids, answer)
        for pair, (_, places), answer in zip(pairs, asked, answers, strict=True)
    ]
    record = record_of(document, rows, found.left_out, notes, bound.origin)
    return Extraction(record, tuple(notes.problems))


def _by_patterns(question: Question) -> Answer[Answered]:
    """What the patterns find, as if a model had said it."""
    items = rule_conditions(question.text, question.drug, question.disease)
    return Answer(Answered(items, "ok" if items else "empty"))


def _teach(document: Document, bound: Bound) -> Iterator[Taught]:
    """The question of an annotated instance with its answer."""
    gold = _gold(document)
    if gold is not None:
        question = question_of_instance(gold, bound.settings.window, bound.examples.of(document))
        yield Taught(bound.step.prompt(question), render_output(gold.conditions))


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(Settings, given)
    _check(settings)
    kinds = Kinds(*(_names(settings, name) for name in ("pair_types", "drug_types", "disease_types")))
    run = read_pair_run(settings.pairs, kinds) if settings.pairs else None
    instances = read_examples(settings.examples, settings.shots) if settings.examples else ()
    shown = Shown(
        brief=settings.prompt == "brief",
        marker=settings.marker,
        roles=None if settings.roles == "off" else settings.roles,
    )
    bound = Bound(
        settings=settings,
        kinds=kinds,
        run=run,
        examples=draw(instances, settings.shots, settings.choice, settings.seed),
        step=spans_step(shown),
        origin=Origin(_who(settings, engines), SPANS, ""),
    )
    return Job(
        flows={"extract": partial(_extract, bound=bound)},
        steps=() if settings.ways == "patterns" else (SPANS,),
        settings=as_record(settings) | ({"pairs_digest": run.digest} if run else {}),
        prompts=_digests(instances),
        rehearse=_rehearse,
        teach=partial(_teach, bound=bound),
    )


def _who(settings: Settings, engines: Mapping[str, EngineInfo]) -> str:
    if settings.ways == "patterns":
        return "patterns"
    return engines[SPANS].name if SPANS in engines else ""


def _check(settings: Settings) -> None:
    """Raises UsageError for settings that do not agree."""
    if settings.shots and not settings.examples:
        raise UsageError("setting shots: there are no examples", hint="--set examples=FILE")
    if settings.examples and not settings.shots:
        raise UsageError("setting examples: none is shown while shots is 0", hint="--set shots=2")
    if settings.marker and settings.roles != "off":
        raise UsageError("settings marker and roles exclude each other", hint="--set roles=off")


def _names(settings: Settings, name: str) -> frozenset[str]:
    value = str(as_record(settings)[name])
    found = frozenset(each.strip().casefold() for each in value.split(",")) - {""}
    if not found:
        raise UsageError(f"setting {name} = {value!r} names no type", hint="names separated by commas")
    return found


def _digests(instances: Sequence[Instance]) -> dict[str, str]:
    texts = {"system.txt": SYSTEM, **PROMPTS, "types": json.dumps(dict(TYPES))}
    if instances:
        texts["examples"] = json.dumps([instance_record(each) for each in instances], ensure_ascii=False)
    return {name: prompt_digest(text) for name, text in texts.items()}


def _rehearse(request: Request) -> Outcome:
    """A made-up reply of typical size: about two conditions for a pair."""
    made_up = (Condition("a typical dose of it", "Dosage"), Condition("some of the patients", "Age"))
    return Reply(render_output(made_up))


# --- scores ---------------------------------------------------------------------------------------


def _gold(document: Document) -> Instance | None:
    """The annotated instance that a document stands for; None where nobody annotated it, or unreadably."""
    try:
        instance = instance_of_document(document)
    except DataError:
        return None
    return instance if instance.annotated else None


def _scored(pairs: Sequence[tuple[Document, Mapping[str, object] | None]]) -> list[Scored]:
    """The annotated instances with what was predicted: a run may have read other documents, too.

    Raises DataError where there are documents, none of them an instance.
    """
    rows, texts = list[Scored](), list[tuple[str, str]]()
    for document, record in pairs:
        gold = _gold(document)
        if gold is None:
            continue
        read = None if record is None else predicted(record, f"document {document.id}")
        row = Scored(
            id=gold.id,
            document="",
            gold=gold.conditions,
            predicted=read.output if read else None,
            text=gold.text,
            reference=read.reference if read else None,
            mended=gold.gold == "salvaged" or "mended" in document.attributes,
            released=released_gold(document),
        )
        rows.append(row)
        texts.append((gold.pmid, gold.text))
    if pairs and not rows:
        _check_targets(document for document, _ in pairs)
        hint = 'rows have "title", "abstract", "drug", "disease" and "conditions"'
        raise DataError("no gold document is an annotated instance of conditions", hint=hint)
    return [replace(row, document=name) for row, name in zip(rows, abstracts_of(texts), strict=True)]


def _score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    held = list(pairs)
    rows = _scored(held)
    found = scores.score(rows, options, bind(Rule, options.settings))
    left_out = sum(is_row(document) for document, _ in held) - len(rows)
    mended = sum(row.mended for row in rows)
    return found | {name: n for name, n in (("left_out", left_out), ("mended", mended)) if n > 0}


def _check_targets(documents: Iterable[Document]) -> None:
    """Raises DataError for the first row whose target is what keeps it from being gold."""
    for document in documents:
        if is_row(document) and "target" in document.attributes:
            problem = "its conditions or target are no list that can be read, and those of no other row are"
            raise DataError(problem, where=f"document {document.id}", hint="mend them")


def _table(found: Mapping[str, object]) -> Sequence[Sequence[str]]:
    rows = scores.table(found)
    told = {
        "left_out": "left out: {} instances without gold that can be read",
        "mended": "gold targets that had to be mended, perhaps without an item: {}",
    }
    said = [text.format(found[name]) for name, text in told.items() if name in found]
    return [*rows, *([each, *[""] * (len(rows[0]) - 1)] for each in said)]


def _compare(a: Pairs, b: Pairs, options: ScoreOptions) -> Mapping[str, Mapping[str, object]]:
    return comparison.compare(_scored(list(a)), _scored(list(b)), options, bind(Rule, options.settings))


def _compare_runs(
    a: Sequence[Pairs], b: Sequence[Pairs], options: ScoreOptions
) -> Mapping[str, Mapping[str, object]]:
    sides = [[_scored(list(run)) for run in side] for side in (a, b)]
    return comparison.compare_runs(sides[0], sides[1], options, bind(Rule, options.settings))


TASK = Task(
    name="conditions",
    prepare=_prepare,
    is_gold=lambda document: _gold(document) is not None,
    score=_score,
    table=_table,
    steps=(SPANS,),
    compare=_compare,
    compare_runs=_compare_runs,
    score_settings=Rule,
    with_gold=with_gold,
    remarks=remarks,
)
