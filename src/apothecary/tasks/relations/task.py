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
6. Relations of one pair that contradict each other are settled by the schema's groups of contradictions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from apothecary.documents import Concept, Document, Relation
from apothecary.errors import UsageError
from apothecary.formats.records import to_record
from apothecary.messages import Choices, EngineInfo, Flow, JsonSchema, Outcome, Reply, Request
from apothecary.tasks.flow import Extraction, Job, Pairs, ScoreOptions, Task
from apothecary.tasks.linking import load_linking
from apothecary.tasks.prompting import SYSTEM, prompt_digest
from apothecary.tasks.relations.ablation import ABLATION
from apothecary.tasks.relations.bound import Bound, Notes, Settings
from apothecary.tasks.relations.compare import compare
from apothecary.tasks.relations.confidence import confidence_report
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.novelty import NOVELTY, NOVELTY_PROMPT, with_novelty
from apothecary.tasks.relations.score import score
from apothecary.tasks.relations.stage_one import MENTIONS, annotated, find_concepts
from apothecary.tasks.relations.stage_two import find_relations
from apothecary.tasks.relations.steps import NAMES, NAMES_PROMPT, PAIRS, PAIRS_PROMPT
from apothecary.tasks.relations.thresholds import find_thresholds
from apothecary.tasks.relations.together import (
    NAMES_TOGETHER,
    NAMES_TOGETHER_PROMPT,
    PAIRS_TOGETHER,
    PAIRS_TOGETHER_PROMPT,
)
from apothecary.tasks.relations.whole import WHOLE, WHOLE_PROMPT, find_whole
from apothecary.tasks.schema import Schema, load_schema
from apothecary.tasks.settings import as_record, bind
from apothecary.tasks.tables import evaluator_table
from apothecary.tasks.tagging import PROMPT as MENTIONS_PROMPT
from apothecary.tasks.tagging import rehearsed

__all__ = ["TASK"]

STEPS = (MENTIONS.name, NAMES.name, NAMES_TOGETHER.name, PAIRS.name, PAIRS_TOGETHER.name, NOVELTY.name, WHOLE)


def _extract(document: Document, bound: Bound) -> Flow[Extraction]:
    notes = Notes()
    result = yield from _found(document, bound, notes)
    if result is None:
        return Extraction(None, tuple(notes.problems))
    if bound.settings.novelty:
        result = yield from with_novelty(result, bound, notes)
    record = {"mentions": [], **to_record(result)}
    record["relations"] = [
        {**_as_dict(row), **_sides(result, relation)}
        for row, relation in zip(_rows(record), result.relations, strict=True)
    ]
    record["names"] = notes.names
    record["links"] = list(notes.links)
    record["candidates"] = notes.candidates
    record["unsure"] = sum("unsure" in row for row in notes.candidates)
    record["undirected"] = sorted({n for t in bound.schema.templates if not t.directed for n in t.relations})
    record["conflicts"] = [asdict(conflict) for conflict in notes.conflicts]
    record["repairs"] = notes.repairs
    record["incomplete"] = sorted({problem.step for problem in notes.problems})
    return Extraction(record, tuple(notes.problems))


def _found(document: Document, bound: Bound, notes: Notes) -> Flow[Document | None]:
    if bound.settings.stages == "one":
        whole = yield from find_whole(document, bound, notes)
        return whole
    if bound.settings.oracle_mentions:
        found: Document | None = annotated(document)
    else:
        found = yield from find_concepts(document, bound, notes)
    if found is None:
        return None
    relations = yield from find_relations(found, bound, notes)
    return replace(found, relations=relations)


def _rows(record: Mapping[str, object]) -> Sequence[object]:
    rows = record.get("relations", [])
    return rows if isinstance(rows, list) else []


def _as_dict(row: object) -> dict[str, object]:
    return dict(row) if isinstance(row, dict) else {}


def _sides(document: Document, relation: Relation) -> dict[str, object]:
    """The two sides with all their names: synonym inclusion, as `score` reads it."""
    return {role: _side(document.concept(relation.argument(role))) for role in ("head", "tail")}


def _side(concept: Concept) -> dict[str, object]:
    return {"texts": list(concept.names), "ids": list(concept.ids), "broader": bool(concept.broader_than)}


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(Settings, given)
    steps = _steps(settings)
    schema, schema_text = load_schema(settings.schema)
    if settings.without:
        schema = schema.without([name.strip() for name in settings.without.split(",")])
        schema_text = schema.to_toml()
    prompts = {
        "system.txt": SYSTEM,
        "mentions.txt": MENTIONS_PROMPT,
        "names.txt": NAMES_PROMPT,
        "names_together.txt": NAMES_TOGETHER_PROMPT,
        "pairs.txt": PAIRS_PROMPT,
        "pairs_together.txt": PAIRS_TOGETHER_PROMPT,
        "novelty.txt": NOVELTY_PROMPT,
        "whole.txt": WHOLE_PROMPT,
        f"schema {settings.schema}": schema_text,
    }
    names = {step: info.name for step, info in engines.items()}
    wording = prompt_digest(SYSTEM + NAMES_PROMPT + PAIRS_PROMPT + schema_text)
    thresholds = find_thresholds(settings.thresholds, names.get(PAIRS.name, ""), wording)
    linking = load_linking("none" if settings.oracle_mentions else settings.vocabulary)
    bound = Bound(settings, schema, thresholds, names, linking)
    fitted = {
        "origin": thresholds.origin,
        "pairs": _finite(thresholds.pairs),
        "names": _finite(thresholds.names),
        "calibration": {name: list(line) for name, line in thresholds.calibration.items()},
        "abstain": {name: [_or_null(odds) for odds in band] for name, band in thresholds.abstain.items()},
    }
    return Job(
        flows={"extract": partial(_extract, bound=bound)},
        steps=steps,
        settings=as_record(settings)
        | {"thresholds": fitted, "wording": wording, "dictionary": linking.digest},
        prompts={name: prompt_digest(text) for name, text in prompts.items()},
        rehearse=partial(_rehearse, schema=schema),
    )


def _steps(settings: Settings) -> tuple[str, ...]:
    """The steps that a run with these settings may ask. Raises UsageError for settings that do not agree."""
    together = settings.batch > 1
    if settings.screen and not together:
        hint = "--set batch=20; or let the engine do it: pocket@0.9/ENGINE"
        raise UsageError(
            "setting screen: what is in doubt is asked together, so batch must be above 1", hint=hint
        )
    if settings.samples > 1 and together:
        raise UsageError("setting samples: each pair is asked alone, so batch must be 1")
    if settings.stages == "one":
        if settings.oracle_mentions:
            raise UsageError(
                "setting stages = 'one' finds the mentions itself", hint="leave out --oracle-mentions"
            )
        asked = [WHOLE]
    else:
        stage_one = [MENTIONS.name, NAMES.name, *([NAMES_TOGETHER.name] if together else [])]
        stage_two = [PAIRS.name, *([PAIRS_TOGETHER.name] if together else [])]
        asked = [*([] if settings.oracle_mentions else stage_one), *stage_two]
    return (*asked, *([NOVELTY.name] if settings.novelty else []))


def _finite(table: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _or_null(value) for name, value in table.items()}


def _or_null(odds: float) -> float | None:
    return odds if math.isfinite(odds) else None


def _rehearse(request: Request, schema: Schema) -> Outcome:
    """A made-up reply of typical size: names for the wanted labels, the first code of a choice."""
    if isinstance(request.constraint, Choices):
        code = request.constraint.options[0]
        # "=" would merge all names and leave nothing to ask about.
        return Reply("~" if request.step == NAMES.name else code)
    if request.step in (NAMES_TOGETHER.name, PAIRS_TOGETHER.name) and isinstance(
        request.constraint, JsonSchema
    ):
        codes = json.loads(request.constraint.schema)["properties"]
        return Reply(json.dumps({number: each["enum"][-1] for number, each in codes.items()}))
    if request.step == WHOLE:
        return Reply('{"relations": []}')
    return rehearsed(request, schema.labels)


def _score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    held = list(pairs)
    found = score(
        held,
        broader=options.broader,
        excuse_broader=options.excuse_broader,
        seed=options.seed,
        resamples=options.resamples,
        list_errors=options.list_errors,
    )
    confidence = confidence_report(held)
    return found | ({"confidence": confidence} if confidence else {})


def _is_gold(document: Document) -> bool:
    """Pairs of a head and a tail: sets of drugs, and pairs with roles of other tasks, are not scored."""
    roles = [sorted(each.role for each in relation.arguments) for relation in document.relations]
    return bool(roles) and all(each == ["head", "tail"] for each in roles)


TASK = Task(
    name="relations",
    prepare=_prepare,
    is_gold=_is_gold,
    score=_score,
    table=evaluator_table,
    steps=STEPS,
    fit=fit,
    compare=compare,
    ablation=ABLATION,
)
