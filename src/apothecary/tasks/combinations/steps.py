"""The questions about one sentence: its combinations, with or without reasoning, or each set of its drugs.

The same sentence is asked about in two ways. A language model reads messages and writes a list, held to a
JSON schema, or to a grammar where it reasons first. A model without prompts is given every set of drugs of
the sentence and tells how likely each type is; sets are believed from a threshold on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from apothecary.errors import AnswerError
from apothecary.messages import Decoding, Grammar, JsonSchema, Message, Reply, Request, SetProbabilities
from apothecary.messages import LabelSet as SetQuestion
from apothecary.networks.sets import MAX_ARITY, candidate_sets, choose_sets
from apothecary.tasks.combinations.answers import (
    Combination,
    read_completion,
    render_answer,
    render_completion,
)
from apothecary.tasks.combinations.candidates import Candidate
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.labels import LabelSet, label_set
from apothecary.tasks.combinations.prompting import SECTIONS, messages
from apothecary.tasks.flow import Parsed, Step

__all__ = [
    "ANSWER",
    "REASON",
    "SETS",
    "Decided",
    "Scored",
    "Shown",
    "answer_step",
    "reason_step",
    "sets_step",
]

ANSWER = "combinations.answer"
REASON = "combinations.reason"
SETS = "combinations.sets"

LONGEST_NAME = 120
"""Characters of a drug's name; the longest of the training parts has 76."""
MOST_ITEMS = {"drugcomb": 10, "ddi": 60}
"""Combinations of one sentence; the most in the training parts are 5, and 51 of DDI."""
MOST_BULLETS = 4
LONGEST_BULLET = 200
TOKENS = {"drugcomb": 512, "ddi": 1536}
REASONING_TOKENS = 1024
_KEYS = ('"type": ', ', "drugs": [')

_UNUSABLE = frozenset(
    {
        "no_answer",
        "not_json",
        "item_not_object",
        "unknown_type",
        "drugs_not_strings",
        "too_few_drugs",
        "none_with_drugs",
    }
)


@dataclass(frozen=True)
class Scored:
    """A set of drugs, by their positions in the candidate, with its likeliest type.

    `any` is the probability that the set is a combination at all, `probability` that of the type.
    """

    drugs: tuple[int, ...]
    type: str
    any: float
    probability: float
    believed: bool


@dataclass(frozen=True)
class Decided:
    """What a reply says of one sentence; `scores` of all its sets where the engine tells probabilities."""

    items: tuple[Combination, ...]
    think: str = ""
    scores: tuple[Scored, ...] = ()


@dataclass(frozen=True)
class Shown:
    """What a question tells a language model: see `messages`."""

    drugs: bool
    context: bool
    brief: bool

    def messages(self, example: Example, *, reasoning: bool) -> tuple[Message, ...]:
        """The chat about an example."""
        return messages(
            example, reasoning=reasoning, drugs_given=self.drugs, context=self.context, brief=self.brief
        )


def answer_step(shown: Shown) -> Step[Candidate, Decided]:
    """A list and nothing else."""

    def prompt(candidate: Candidate) -> Request:
        return _text_request(ANSWER, candidate, shown)

    return Step(ANSWER, prompt, _parse, _render)


def reason_step(shown: Shown, *, grammar: bool) -> Step[Candidate, Decided]:
    """A chain of reasoning, then a list; held to a grammar where the engine can be."""

    def prompt(candidate: Candidate) -> Request:
        example = candidate.example
        labels = label_set(example.corpus)
        drugs = example.drugs if shown.drugs else ()
        return Request(
            messages=shown.messages(example, reasoning=True),
            step=REASON,
            # A server would be given the constraint for the answer alone and drop the thinking.
            constraint=Grammar(_grammar(labels, drugs)) if grammar else None,
            decoding=Decoding(max_new_tokens=REASONING_TOKENS + TOKENS[labels.name]),
        )

    return Step(REASON, prompt, _parse, _render)


def sets_step(threshold: float, shown: Shown) -> Step[Candidate, Decided]:
    """Every set of the drugs of a sentence. An engine that reads messages answers as in `answer_step`."""

    def prompt(candidate: Candidate) -> Request:
        labels = label_set(candidate.example.corpus)
        shift = candidate.sentence.start
        # The first place of each drug and the sentence alone: so the models that ship were trained.
        spans = tuple((drug.spans[0].start - shift, drug.spans[0].end - shift) for drug in candidate.drugs)
        question = SetQuestion(
            candidate.text, spans, candidate_sets(len(spans)), (labels.none, *labels.types)
        )
        return _text_request(SETS, candidate, shown, question)

    def parse(reply: Reply, candidate: Candidate) -> Parsed[Decided]:
        if isinstance(reply.value, SetProbabilities):
            return Parsed(_decided(reply.value, candidate, threshold))
        return _parse(reply, candidate)

    return Step(SETS, prompt, parse, _render)


def _text_request(
    step: str, candidate: Candidate, shown: Shown, question: SetQuestion | None = None
) -> Request:
    example = candidate.example
    labels = label_set(example.corpus)
    return Request(
        messages=shown.messages(example, reasoning=False),
        step=step,
        input=question,
        constraint=JsonSchema(_json_schema(labels, example.drugs if shown.drugs else ())),
        decoding=Decoding(max_new_tokens=TOKENS[labels.name]),
    )


def _parse(reply: Reply, candidate: Candidate) -> Parsed[Decided]:
    """The sound items of a reply. Raises AnswerError when there is none and "none" was not said either."""
    read = read_completion(reply.text, label_set(candidate.example.corpus))
    cut = reply.finish == "length" or any("cut-off" in repair for repair in read.repairs)
    if not read.items and (cut or _UNUSABLE.intersection(read.errors)):
        faults = ", ".join(dict.fromkeys(error.replace("_", " ") for error in read.errors))
        raise AnswerError(f"the reply holds no usable answer: {faults or 'cut off'}")
    faults_told = tuple(f"answer: {error.replace('_', ' ')}" for error in read.errors)
    return Parsed(Decided(read.items, read.think or ""), (*read.repairs, *faults_told))


def _render(decided: Decided, candidate: Candidate) -> str:
    labels = label_set(candidate.example.corpus)
    if decided.think:
        return render_completion(decided.think, decided.items, labels)
    return render_answer(decided.items, labels)


def _decided(value: SetProbabilities, candidate: Candidate, threshold: float) -> Decided:
    labels = label_set(candidate.example.corpus)
    sets = candidate_sets(len(candidate.drugs))
    rows = [each.probabilities for each in value.sets]
    if len(rows) != len(sets) or not all(
        math.isfinite(row.get(name, 0.0)) for row in rows for name in (labels.none, *labels.types)
    ):
        raise AnswerError(f"{len(rows)} sets were answered, {len(sets)} were asked about")
    chances = [1.0 - row.get(labels.none, 0.0) for row in rows]
    taken = set(choose_sets(sets, chances, threshold))
    scores = []
    for place, (chosen, row) in enumerate(zip(sets, rows, strict=True)):
        best = max(labels.types, key=lambda name: row.get(name, 0.0))
        scores.append(Scored(chosen, best, chances[place], row.get(best, 0.0), place in taken))
    items = tuple(
        Combination(score.type, tuple(candidate.drugs[i].name for i in score.drugs))
        for score in scores
        if score.believed
    )
    return Decided(items, scores=tuple(scores))


# --- what a reply may look like -------------------------------------------------------------------


def _most_drugs(labels: LabelSet, given: Sequence[str]) -> int:
    most = 2 if labels.name == "ddi" else MAX_ARITY
    return max(2, min(most, len(given))) if given else most


def _json_schema(labels: LabelSet, given: Sequence[str]) -> str:
    name = {"enum": list(given)} if given else {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
    # Not "uniqueItems": the grammar library of embedded engines knows no such thing and refuses the schema.
    members = {
        "type": "array",
        "items": name,
        "minItems": 2,
        "maxItems": _most_drugs(labels, given),
    }
    real = _item({"enum": list(labels.types)}, members)
    nothing = _item({"enum": [labels.none]}, {"type": "array", "items": {"type": "string"}, "maxItems": 0})
    some = {"type": "array", "items": real, "minItems": 1, "maxItems": MOST_ITEMS[labels.name]}
    none = {"type": "array", "items": nothing, "minItems": 1, "maxItems": 1}
    return json.dumps({"anyOf": [some, none]}, ensure_ascii=False)


def _item(type_: object, drugs: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {"type": type_, "drugs": drugs},
        "required": ["type", "drugs"],
        "additionalProperties": False,
    }


def _grammar(labels: LabelSet, given: Sequence[str]) -> str:
    """GBNF of four headed sections of bullets and a list, as `render_completion` writes them."""
    heads = [f"[{number}] {name}\n" for number, name in enumerate(SECTIONS[labels.name], 1)]
    sections = " ".join(f"{_quoted(head)} bullet{{1,{MOST_BULLETS}}}" for head in heads)
    names = " | ".join(_literal(name) for name in given)
    before, after = _quoted("<think>\n"), _quoted("</think>\n\n<answer>\n")
    comma, items, drugs = _quoted(", "), MOST_ITEMS[labels.name], _most_drugs(labels, given)
    rules = {
        "root": f"{before} {sections} {after} list {_quoted(f'{chr(10)}</answer>')}",
        "bullet": f'"- " [^\\n<]{{8,{LONGEST_BULLET}}} "\\n"',
        "list": f'none | "[" item ({comma} item){{0,{items - 1}}} "]"',
        "item": f"{_quoted('{')} typed drugs {_quoted('}')}",
        "typed": f"{_quoted(_KEYS[0])} ({' | '.join(map(_literal, labels.types))})",
        "drugs": f'{_quoted(_KEYS[1])} drug ({comma} drug){{1,{drugs - 1}}} "]"',
        "drug": names or f'"\\"" [^"\\\\<\\x00-\\x1F]{{1,{LONGEST_NAME}}} "\\""',
        "none": _quoted(render_answer((), labels)),
    }
    return "\n".join(f"{name} ::= {rule}" for name, rule in rules.items())


def _literal(name: str) -> str:
    """A name as the JSON of an answer writes it."""
    return _quoted(json.dumps(name, ensure_ascii=False).replace("<", "\\u003c"))


def _quoted(text: str) -> str:
    """A string of GBNF; it has few escapes and no NUL."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + "".join(c if c >= " " else f"\\x{ord(c):02X}" for c in plain) + '"'
