"""Combinations of drugs: which drugs of a sentence are given together, and with what result.

Source: RexDrug (arXiv 2603.08166, 2026) asks a tuned model for a chain of reasoning and a list of typed sets
of drugs, sentence by sentence. Departures:
1. The drugs of the sentence can be given or not; whole documents are read, sentence by sentence.
2. The reasoning can be left out, which costs a tenth of the tokens; with it or without, replies are held
   to a grammar or a schema where the engine can be.
3. A drug that does not stand in the sentence is taken out of its set and reported.
4. A reply without a usable answer is a problem, never "no combination".
5. The models that ship score every set of drugs of a sentence instead (`ways = "sets"`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field

from apothecary.documents import Document, Mention, Origin, Span
from apothecary.errors import UsageError
from apothecary.messages import EngineInfo, Flow, JsonSchema, Outcome, Reply, Request
from apothecary.tasks.combinations.candidates import (
    DRUG,
    Candidate,
    Source,
    drug_mentions,
    from_dictionary,
    source_of,
)
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.prompting import PROMPTS, SECTIONS
from apothecary.tasks.combinations.records import Notes, record_of
from apothecary.tasks.combinations.score import compare, score, table
from apothecary.tasks.combinations.steps import (
    ANSWER,
    REASON,
    SETS,
    Decided,
    Shown,
    answer_step,
    reason_step,
    sets_step,
)
from apothecary.tasks.combinations.trace_rules import rule_trace
from apothecary.tasks.flow import Extraction, Job, Pairs, Problem, ScoreOptions, Step, Task, Taught, ask
from apothecary.tasks.linking import Linking, load_linking
from apothecary.tasks.prompting import SYSTEM, prompt_digest
from apothecary.tasks.schema import Label
from apothecary.tasks.settings import as_record, bind
from apothecary.tasks.tagging import PROMPT as MENTIONS_PROMPT
from apothecary.tasks.tagging import Window, located, rehearsed, tagging_step, windows

__all__ = ["TASK", "Settings"]

MENTIONS = tagging_step("combinations.mentions")
STEPS = (MENTIONS.name, ANSWER, REASON, SETS)
CHEMICAL = "Chemical"
"""The type that drugs have in vocabularies."""
LABEL = Label(
    DRUG, "drugs, single substances given as treatment, hormones, vaccines and drug classes; no foods"
)

# What of an engine's name tells that it takes grammars, alone or behind a pocket model.
_TAKES_GRAMMARS = re.compile(r"(?:^|/)(?:llamacpp|hf):")


@dataclass(frozen=True)
class Settings:
    """What a user may set.

    `ways`: ``text`` asks a language model for a list, ``sets`` asks a model without prompts for the
    probability of every set; ``auto`` takes what the engine can. With `reasoning` a chain comes before the
    list. `drugs`: ``given`` names the drugs of a sentence in its question, ``found`` does not.
    `context` shows the paragraph, cut to `window` characters around the sentence. A
    ``brief`` prompt explains nothing: it is for models that were trained on such. `labels`: ``drugcomb``
    or ``ddi``; empty takes those of the document's corpus. A set is believed from `threshold` on; None takes
    the one that ships. `max_sentences` bounds the questions of one document. `vocabulary` joins the names of
    whole documents: ``own`` (the dictionary that ships), ``none``, or files, as in relations.
    """

    ways: Literal["auto", "text", "sets"] = "auto"
    reasoning: bool = False
    drugs: Literal["given", "found"] = "given"
    context: bool = True
    prompt: Literal["full", "brief"] = "full"
    labels: Literal["", "drugcomb", "ddi"] = ""
    window: Annotated[int, Field(ge=1)] = 6000
    max_sentences: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500
    threshold: Annotated[float | None, Field(ge=0, le=1)] = None
    vocabulary: str = "own"


@dataclass(frozen=True)
class Bound:
    """Settings with what follows from them and from the engines."""

    settings: Settings
    ways: Literal["text", "sets"]
    tagged: bool
    step: Step[Candidate, Decided]
    linking: Linking
    origin: Origin

    @property
    def end_to_end(self) -> bool:
        """Whether a model is asked without being told any drug."""
        return self.settings.drugs == "found" and self.ways == "text"


def _extract(document: Document, bound: Bound) -> Flow[Extraction]:
    corpus = _corpus(document, bound.settings)
    if bound.ways == "sets" and corpus != "drugcomb":
        message = f"sets are scored with the types of drugcomb, not of {corpus} (--set ways=text)"
        return Extraction(None, (Problem(SETS, "the document", "StepNotServed", message),))
    source, notes = source_of(document), Notes()
    mentions = yield from _mentions(source, bound, notes)
    if mentions is None:
        return Extraction(None, tuple(notes.problems))
    limit = bound.settings.max_sentences
    if source.target is None:
        mentions = _linked(document, mentions, bound.linking)
        source = source.with_ids(mentions)
    asked = notes.within(bound.step.name, _candidates(source, mentions, corpus, bound), limit, "sentences")
    answers = yield from ask(bound.step, asked, lambda candidate: candidate.name)
    notes.take(bound.step.name, answers)
    if asked and all(answer.value is None for answer in answers):
        return Extraction(None, tuple(notes.problems))
    pairs = [(candidate, answer.value) for candidate, answer in zip(asked, answers, strict=True)]
    record = record_of(source, mentions, pairs, notes, bound.origin)
    return Extraction(record, tuple(notes.problems))


def _teach(document: Document, bound: Bound) -> Iterator[Taught]:
    """The question of a row with its answer; with reasoning, the chain that the rules write."""
    if not _is_gold(document) or bound.ways != "text":
        return
    source, example = source_of(document), example_of(document)
    think = rule_trace(example) if bound.settings.reasoning else ""
    for candidate in _candidates(source, drug_mentions(document), example.corpus, bound):
        answer = bound.step.render(Decided(example.gold, think), candidate)
        yield Taught(bound.step.prompt(candidate), answer)


def _corpus(document: Document, settings: Settings) -> str:
    given = settings.labels or document.attributes.get("corpus", "")
    return given if given in SECTIONS else "drugcomb"


def _candidates(
    source: Source, mentions: tuple[Mention, ...], corpus: str, bound: Bound
) -> Iterator[Candidate]:
    for sentence, drugs in source.named(mentions):
        # Of a row whose drugs are not told nothing says that there are too few.
        if len(drugs) >= 2 or (bound.end_to_end and source.target is not None):
            yield source.candidate(sentence, drugs, corpus, bound.settings.window)


def _linked(document: Document, mentions: tuple[Mention, ...], linking: Linking) -> tuple[Mention, ...]:
    """The mentions with ids of the vocabulary, where they have none and a name of it fits but for spelling.

    Vague matches are left out: of chemicals nearly half of them are wrong.
    """
    as_chemicals = tuple(replace(mention, type=CHEMICAL) for mention in mentions)
    linked, rows = linking.link(replace(document, mentions=as_chemicals, concepts=(), relations=()))
    vague = {row["name"] for row in rows if row["how"] == "fuzzy"}
    return tuple(
        mention if mention.text in vague else replace(mention, ids=found.ids)
        for mention, found in zip(mentions, linked.mentions, strict=True)
    )


def _mentions(source: Source, bound: Bound, notes: Notes) -> Flow[tuple[Mention, ...] | None]:
    """The drugs of a document: its own, else those a model or the dictionary finds. None when all failed."""
    document = source.document
    own = drug_mentions(document)
    if bound.settings.drugs == "given" and (own or "corpus" in document.attributes):
        return own
    if not document.text.strip() or (bound.end_to_end and source.target is not None):
        return ()
    if not bound.tagged:
        return from_dictionary(document, source.target or Span(0, len(document.text)))
    if source.target is not None:
        asked = [Window(document, source.target, (LABEL,))]
    else:
        asked = windows(document, (LABEL,), bound.settings.window)
    answers = yield from ask(MENTIONS, asked, lambda w: f"characters {w.span.start}-{w.span.end}")
    notes.take(MENTIONS.name, answers)
    if all(answer.value is None for answer in answers):
        return None
    items = [item for answer in answers if answer.value is not None for item in answer.value]
    found = located(document, items, (LABEL,))
    notes.unlocated += found.unlocated
    return found.mentions


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(Settings, given)
    ways = _ways(settings, engines)
    text_step = REASON if settings.reasoning else ANSWER
    name = SETS if ways == "sets" else text_step
    engine = engines[name].name if name in engines else ""
    tagger = engines.get(MENTIONS.name)
    tagged = tagger is None or tagger.steps is None or MENTIONS.name in tagger.steps
    threshold = settings.threshold if settings.threshold is not None else _shipped_threshold()
    shown = Shown(settings.drugs == "given", settings.context, settings.prompt == "brief")
    step = (
        sets_step(threshold, shown)
        if ways == "sets"
        else reason_step(shown, grammar=bool(_TAKES_GRAMMARS.search(engine)))
        if settings.reasoning
        else answer_step(shown)
    )
    asked = [name]
    if not engines and settings.ways == "auto" and not settings.reasoning:
        # Before the engines are open it is not known which of the two will be asked.
        asked = [ANSWER, SETS]
    linking = load_linking(settings.vocabulary)
    bound = Bound(settings, ways, tagged, step, linking, Origin(engine, name, ""))
    return Job(
        flows={"extract": partial(_extract, bound=bound)},
        steps=(*([MENTIONS.name] if tagged else []), *asked),
        settings=as_record(settings)
        | {"ways": ways, "names": "model" if tagged else "dictionary", "dictionary": linking.digest}
        | ({"threshold": threshold} if ways == "sets" else {}),
        prompts=_digests(),
        rehearse=_rehearse,
        teach=partial(_teach, bound=bound),
    )


def _ways(settings: Settings, engines: Mapping[str, EngineInfo]) -> Literal["text", "sets"]:
    """Raises UsageError for settings that do not agree."""
    sets = engines.get(SETS)
    if settings.ways == "auto":
        scores = sets is not None and (
            sets.name.startswith("pocket") or (sets.steps is not None and SETS in sets.steps)
        )
        ways: Literal["text", "sets"] = "sets" if scores and not settings.reasoning else "text"
    else:
        ways = settings.ways
    if ways == "sets" and settings.reasoning:
        raise UsageError("setting ways = 'sets' gives no reasoning", hint="--set ways=text")
    if ways == "sets" and settings.labels == "ddi":
        raise UsageError(
            "setting ways = 'sets' knows the types of drugcomb alone",
            hint="--set ways=text with a language model",
        )
    return ways


def _shipped_threshold() -> float:
    text = files("apothecary.tasks.combinations").joinpath("thresholds.json").read_text(encoding="utf-8")
    return float(json.loads(text)["any"])


def _digests() -> dict[str, str]:
    wording = {f"types {name}": json.dumps(dict(label_set(name).types)) for name in SECTIONS}
    texts = {"system.txt": SYSTEM, "mentions.txt": MENTIONS_PROMPT, **PROMPTS, **wording}
    return {name: prompt_digest(text) for name, text in texts.items()}


def _rehearse(request: Request) -> Outcome:
    """A made-up reply of typical size: words of the text as drugs, the first of them as a combination."""
    if request.step == MENTIONS.name:
        return rehearsed(request, (LABEL, LABEL))
    answer = '[{"type": "NO_COMB", "drugs": []}]'
    if isinstance(request.constraint, JsonSchema):
        item = json.loads(request.constraint.schema)["anyOf"][0]["items"]["properties"]
        drugs = item["drugs"]["items"].get("enum", [])[:2]
        answer = json.dumps([{"type": item["type"]["enum"][0], "drugs": drugs}]) if drugs else answer
        return Reply(answer)
    if request.step == REASON:
        sections = "\n".join(
            f"[{n}] {name}\n- {'a typical thought ' * 10}" for n, name in enumerate("abcd", 1)
        )
        return Reply(f"<think>\n{sections}\n</think>\n\n<answer>\n{answer}\n</answer>")
    return Reply(answer)


def _is_gold(document: Document) -> bool:
    """A row of a corpus: a sentence of one's own that is set apart in the same way holds no gold."""
    known = document.attributes.get("corpus", "") in SECTIONS
    return known and any(passage.section == "sentence" for passage in document.passages)


def _score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    """Over rows alone: a run may have read whole documents, too. Two corpora are scored side by side."""
    held = list(pairs)
    if not held:
        return {"documents": 0}
    corpora: dict[str, list[tuple[Document, Mapping[str, object] | None]]] = {}
    for document, record in held:
        if _is_gold(document):
            corpora.setdefault(document.attributes.get("corpus", ""), []).append((document, record))
    if len(corpora) < 2:
        return score(next(iter(corpora.values()), []), options)
    found = {name: score(own, options) for name, own in corpora.items()}
    return {"documents": sum(map(len, corpora.values())), "corpora": found}


def _table(found: Mapping[str, object]) -> Sequence[Sequence[str]]:
    corpora = found.get("corpora")
    if not isinstance(corpora, Mapping):
        return table(found)
    tables = {name: table(own) for name, own in corpora.items()}
    headings = next(iter(tables.values()))[0]
    return [headings, *([f"{name}, {row[0]}", *row[1:]] for name, rows in tables.items() for row in rows[1:])]


TASK = Task(
    name="combinations",
    prepare=_prepare,
    is_gold=_is_gold,
    score=_score,
    table=_table,
    steps=STEPS,
    compare=compare,
)
