"""Part of the relations benchmark: calls and prompt tokens of a document, by a script that knows the gold.

The script answers every question from the annotation, and wrongly for a share of the pairs that is the same
whichever way they are asked. What differs between the rows is then the way of asking alone.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apothecary.documents import Document
from apothecary.engines.chat import rough_tokens
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.messages import Engine, Flow, Outcome, Reply, Request
from apothecary.tasks.catalog import load
from apothecary.tasks.flow import Extraction
from apothecary.tasks.relations.steps import NAME_CODES
from apothecary.tasks.schema import Schema, Template, load_schema
from benchmarks.pocket_figures import Record, Results
from benchmarks.relations_parts import Corpus, corpora, predictions, run, sample, scored

__all__ = ["REFERENCE", "measure_cost"]

REFERENCE = {"cdr/dev": 57, "chemdisgene_dev": 162}
"""Calls of a document of the released implementation (of its test part, for ChemDisGene)."""
WRONG = 0.1
_LINE = re.compile(r"^(\d+)\. (?:\(question (\w)\) )?([\w ]+): (.+?); ([\w ]+): (.+)$", re.MULTILINE)
_NAMES = re.compile(r"^(\d+)\. \w+: first '(.*)', second '(.*)'$", re.MULTILINE)
_ALSO = re.compile(r" \(also called .*\)$")
WAYS: dict[str, dict[str, object]] = {
    "one call a question": {"names": "all"},
    "names that look alike only": {"names": "lexical"},
    "20 questions a call": {"names": "all", "batch": 20},
    "20 a call, names that look alike only": {"names": "lexical", "batch": 20},
    "the same after a screen by the pocket model (.9)": {"names": "lexical", "batch": 20, "screen": 0.9},
}


class Oracle:
    """Answers from the annotation of a document."""

    def __init__(self, document: Document, schema: Schema, wrong: float) -> None:
        self._document, self._schema, self._wrong = document, schema, wrong
        self._ids: dict[str, set[str]] = {}
        for concept in document.concepts:
            for name in concept.names:
                self._ids.setdefault(name, set()).add(concept.id)
        self._gold = {(r.type, *(a.concept for a in r.arguments)) for r in document.relations}

    def answer(self, request: Request) -> str:
        """The text of a reply."""
        text = request.messages[-1].content
        match request.step.removeprefix("relations."):
            case "mentions":
                return json.dumps(self._names())
            case "names":
                one, two = re.findall(r"^(?:First|Second) name: (.*)$", text, re.MULTILINE)[-2:]
                return self._relate(one, two)
            case "names_together":
                return json.dumps({n: self._relate(one, two) for n, one, two in _NAMES.findall(text)})
            case "pairs_together":
                return json.dumps(self._many(text))
            case _:
                template = next(t for t in self._schema.templates if t.requirement in text)
                head, tail = (line.split(": ", 1)[1] for line in text.splitlines()[-3:-1])
                return self._code(template, head, tail)

    def _names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {label.name: [] for label in self._schema.labels}
        for mention in self._document.mentions:
            if mention.type in found and mention.text not in found[mention.type]:
                found[mention.type].append(mention.text)
        return found

    def _relate(self, one: str, two: str) -> str:
        same = self._ids.get(one, set()) & self._ids.get(two, set())
        return NAME_CODES[0] if same else NAME_CODES[-1]

    def _many(self, text: str) -> dict[str, str]:
        asked = [template for template in self._schema.templates if template.requirement in text]
        asked.sort(key=lambda template: text.index(template.requirement))
        lines = _LINE.findall(text)
        return {
            number: self._code(asked[ord(letter) - ord("A") if letter else 0], head, tail)
            for number, letter, _, head, _, tail in lines
        }

    def _code(self, template: Template, head: str, tail: str) -> str:
        head, tail = _ALSO.sub("", head), _ALSO.sub("", tail)
        heads, tails = (self._ids.get(name, {""}) for name in (head, tail))
        true = [r for r in template.relations if any((r, h, t) in self._gold for h in heads for t in tails)]
        draw = random.Random(f"{self._document.id} {template.name} {head} {tail}")
        if draw.random() < self._wrong:
            true = [] if true else [draw.choice(template.relations)]
        codes = [s.code for s in template.scenarios if (true[0] in s.relations if true else not s.relations)]
        return codes[0] if true else codes[-1]


@dataclass
class Spent:
    """What a way of asking took. `shared` is what a prompt has in common with the one before it."""

    calls: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    shared: int = 0
    written: int = 0

    def add(self, request: Request, reply: str, before: str) -> str:
        """Count one call; the prompt, to compare the next with."""
        prompt = "\n".join(message.content for message in request.messages)
        self.calls[request.step] += 1
        self.tokens += rough_tokens(prompt)
        self.shared += rough_tokens(_shared(prompt, before))
        self.written += rough_tokens(reply)
        return prompt


def _shared(prompt: str, before: str) -> str:
    ends = (n for n, (a, b) in enumerate(zip(prompt, before, strict=False)) if a != b)
    return prompt[: next(ends, min(len(prompt), len(before)))]


def measure_cost(size: int, language_model: str, language_documents: int) -> Results:
    """The ways of asking over CDR and ChemDisGene: with the script, some of them with a language model."""
    found: Results = {}
    for corpus in corpora():
        if corpus.name in REFERENCE:
            documents = sample(corpus, size)
            rows = {name: way(documents, corpus, settings) for name, settings in WAYS.items()}
            found[corpus.name] = {"documents": len(documents), "rows": rows}
            print(corpus.name, json.dumps(rows, indent=1))
    found["embedded"] = {
        corpus.name: embedded(corpus, language_model, language_documents)
        for corpus in corpora()
        if corpus.name in REFERENCE
    }
    return found


def way(documents: Sequence[Document], corpus: Corpus, settings: Mapping[str, object]) -> Results:
    """Walk every document through the task, with the script in place of a model."""
    job = load("relations").prepare(
        {"schema": corpus.schema, "vocabulary": "none", "decide": "argmax", **settings}, {}
    )
    schema, _ = load_schema(corpus.schema)
    pocket = open_engine("pocket", EngineOptions()) if "screen" in settings else None
    spent, records = Spent(), {}
    for document in documents:
        oracle = Oracle(document, schema, WRONG)
        bare = Document(document.id, document.text, document.passages)
        records[document.id] = _walk(job.flows["extract"](bare), oracle, spent, pocket)
    count = len(documents)
    return {
        "calls": {step: calls / count for step, calls in sorted(spent.calls.items())},
        "all": spent.calls.total() / count,
        "tokens": spent.tokens / count,
        "shared": spent.shared / spent.tokens,
        "written": spent.written / count,
        "score": scored(documents, records),
    }


def _walk(flow: Flow[Extraction], oracle: Oracle, spent: Spent, pocket: Engine | None) -> Record:
    before = ""
    outcomes: list[Outcome] | None = None
    while True:
        try:
            requests = flow.send(outcomes) if outcomes is not None else next(flow)
        except StopIteration as end:
            extraction: Extraction = end.value
            assert extraction.record is not None
            assert not extraction.problems, extraction.problems
            return extraction.record
        if pocket is not None and all(request.step == "relations.pairs" for request in requests):
            outcomes = list(pocket.answer(requests))
            continue
        outcomes = []
        for request in requests:
            text = oracle.answer(request)
            before = spent.add(request, text, before)
            outcomes.append(Reply(text))


def embedded(corpus: Corpus, engine: str, size: int) -> Results:
    """Gold mentions and the embedded language model: pairs alone, and together."""
    documents = sample(corpus, size)
    rows: Results = {}
    ways: dict[str, dict[str, object]] = {
        "one call a question": {},
        "20 questions a call": {"batch": 20},
        "20 a call after a screen by the pocket model (.9)": {"batch": 20, "screen": 0.9},
    }
    for name, settings in ways.items():
        route = f"pairs=pocket,{engine}" if "screen" in settings else engine
        given = {"schema": corpus.schema, "oracle_mentions": True, "decide": "argmax", **settings}
        summary = run(f"cost-{corpus.key}-{len(rows)}", documents, route, given, cached=False)
        total = summary.ledger.total
        steps = {step: each.calls / len(documents) for step, each in summary.ledger.steps.items()}
        rows[name] = {
            "calls": steps,
            "tokens": total.prompt_tokens / len(documents),
            "shared": total.cached_tokens / max(1, total.prompt_tokens),
            "written": total.completion_tokens / len(documents),
            "seconds": summary.ledger.wall_seconds / len(documents),
            "problems": summary.problems,
            "score": scored(documents, predictions(summary)),
        }
    return {"engine": engine, "documents": len(documents), "rows": rows}
