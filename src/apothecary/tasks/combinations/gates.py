"""What a program can tell of a completion, told before anybody is asked for an opinion.

The source (RexDrug's trace generator) leaves all of it to the model that judges. Departures:
1. Tags, sections, answer, leaks and length are checked here; a judge never sees what fails.
2. A word that gives the answer away is allowed where the sentence or paragraph itself holds it: gold
   is a drug too.
3. A drug of the answer must occur in the sentence or be annotated there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from apothecary.tasks.combinations.answers import Combination, normal_name, read_completion
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.labels import label_set

__all__ = ["LEAKS", "LONGEST_WORDS", "SHORTEST_WORDS", "Gate", "GateFailure", "check", "signature"]

Gate = Literal["tags", "sections", "length", "answer", "drugs", "leak"]

SHORTEST_WORDS = 60
LONGEST_WORDS = 300
MOST_BULLETS = 8

LEAKS = (
    "gold",
    "ground truth",
    "ground-truth",
    "given answer",
    "given label",
    "provided answer",
    "provided label",
    "reference answer",
    "reference label",
    "expected answer",
    "expected output",
    "correct answer",
    "correct label",
    "known answer",
    "target answer",
    "answer key",
    "answer is given",
    "hard constraint",
    "annotation",
    "annotated",
    "annotators",
    "as instructed",
    "instructions",
    "the prompt",
)
"""Phrases of somebody who was shown the answer, or speaks of the task instead of the text."""

_TAGGED = re.compile(r"\s*<think>(?P<think>.*)</think>\s*<answer>(?P<answer>.*)</answer>\s*", re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer)>", re.IGNORECASE)
_HEAD = re.compile(r"\[(\d+)\]\s*(\S.*)?")
_BULLET = re.compile(r"[-*•]\s+\S")


@dataclass(frozen=True)
class GateFailure:
    """A gate that a completion does not pass, and what its writer should mend."""

    gate: Gate
    message: str


def check(completion: str, example: Example) -> tuple[GateFailure, ...]:
    """Every gate that a completion fails; none for one that may be judged.

    A completion is ``<think>`` with four numbered sections of bullets, then ``<answer>`` with the
    example's combinations in any order. Its thinking has 60 to 300 words.
    """
    tagged = _TAGGED.fullmatch(completion) if len(_TAG.findall(completion)) == 4 else None
    if tagged is None:
        message = "write exactly one <think>...</think>, then exactly one <answer>...</answer>, nothing else"
        return (GateFailure("tags", message), *_answer(completion, example), *_leaks(completion, example))
    think = tagged["think"]
    return (
        *_sections(think),
        *_length(think),
        *_answer(completion, example),
        *_leaks(think, example),
    )


def signature(items: tuple[Combination, ...]) -> frozenset[tuple[str, frozenset[str]]]:
    """Combinations without their order: type and set of normal names."""
    return frozenset((each.type, frozenset(map(normal_name, each.drugs))) for each in items)


def _sections(think: str) -> tuple[GateFailure, ...]:
    """The heads [1] to [4] once each and in order, on lines of their own, over bullets and nothing else."""
    bullets: list[int] = []
    for line in filter(None, map(str.strip, think.splitlines())):
        head = _HEAD.fullmatch(line)
        if head:
            if head[1] != str(len(bullets) + 1) or not head[2]:
                return _fail("sections", f"a head reads '{line[:60]}': [1] to [4] must follow each other")
            bullets.append(0)
        elif not bullets or not _BULLET.match(line):
            return _fail("sections", f"a line is neither a head nor a bullet: '{line[:60]}'")
        else:
            bullets[-1] += 1
    if len(bullets) != 4:
        return _fail("sections", f"{len(bullets)} sections with a head such as '[1] ...' instead of four")
    if not all(1 <= count <= MOST_BULLETS for count in bullets):
        return _fail("sections", f"each section needs one to {MOST_BULLETS} bullets")
    return ()


def _length(think: str) -> tuple[GateFailure, ...]:
    words = len(think.split())
    if SHORTEST_WORDS <= words <= LONGEST_WORDS:
        return ()
    return _fail("length", f"the thinking has {words} words instead of {SHORTEST_WORDS} to {LONGEST_WORDS}")


def _answer(completion: str, example: Example) -> tuple[GateFailure, ...]:
    read = read_completion(completion, label_set(example.corpus))
    if read.errors:
        return _fail("answer", f"the answer cannot be read: {'; '.join(str(each) for each in read.errors)}")
    failures: list[GateFailure] = []
    if signature(read.items) != signature(example.gold) or len(read.items) != len(example.gold):
        failures += _fail("answer", "the answer block differs from the answer that was asked for")
    sentence, listed = normal_name(example.sentence), set(map(normal_name, example.drugs))
    named = {normal_name(drug) for item in read.items for drug in item.drugs}
    strange = sorted(name for name in named if name not in sentence and name not in listed)
    if strange:
        failures += _fail("drugs", f"not in the sentence: {', '.join(strange)}")
    return tuple(failures)


def _leaks(think: str, example: Example) -> tuple[GateFailure, ...]:
    written, source = think.lower(), f"{example.sentence} {example.paragraph}".lower()
    found = [leak for leak in LEAKS if _says(leak, written) and not _says(leak, source)]
    return _fail("leak", f"it gives away that an answer was known: {', '.join(found)}") if found else ()


def _says(phrase: str, text: str) -> bool:
    # Most texts hold none of the phrases: the plain search spares the pattern.
    return phrase in text and re.search(rf"\b{re.escape(phrase)}\b", text) is not None


def _fail(gate: Gate, message: str) -> tuple[GateFailure, ...]:
    return (GateFailure(gate, message),)
