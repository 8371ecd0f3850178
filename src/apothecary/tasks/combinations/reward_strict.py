"""The four rewards without the faults of the published ones. Numbers are those of the tests.

The parts, their ranges and the rules of overlap are those of `reward_reference`. Departures:

1. Garbage is worth less than an honest wrong answer. There, on a sentence with a combination, text that
   is no answer beats a wrong "no combination" (0.075 against 0.0 in all). Here it has format 0, think 0,
   coverage -1 and accuracy 0, which no well-formed completion can undercut.
2. A type over an empty set, or any other faulty item, costs: it counts as predicted and matches nothing.
   There the penalty for an empty set can never be reached.
3. Duplicates are equal in type and set, whatever the case. There two spellings escape, and one pair with two
   types of interaction is punished. Each surplus item also counts as wrong in the accuracy.
4. Thinking is worth a quarter for every section: a head [1] to [4] with a name on a line of its own, over
   1 to 8 bullets, in this order, nothing between. Half of it outside 20 to 300 words: less is heads alone,
   more than the writer of traces may use. There any text with 1. 2. 3. 4. passes, and doses do.
5. Full format takes one block of thinking, then one answer, and no other text. There order, text behind the
   answer and further answers are free. A completion that can be read in spite of such a fault has half.
6. A solution without an answer that can be read is an error. There it means "no combination".
7. The first of two lists in one answer is read, and "no combination" beside combinations is a faulty item.
   There two lists cannot be read, and "no combination" beside others is free.
8. An item that holds a number is a faulty item in every part. There it loses coverage and keeps accuracy.
9. A completion without tags that holds no list is no answer. There, bare text earns 0.9 where there is no
   combination. A bare list has half the format. An empty list says "no combination", there it is garbage.
10. A drug that the sentence does not hold costs, where the sentence is given: the share of such drugs among
    those predicted is taken off the coverage. A drug of the solution never costs.
"""

from __future__ import annotations

import re

from apothecary.errors import UsageError
from apothecary.tasks.combinations.answers import (
    AnswerFault,
    Combination,
    Completion,
    normal_name,
    read_completion,
)
from apothecary.tasks.combinations.blocks import split_blocks
from apothecary.tasks.combinations.gates import LONGEST_WORDS, MOST_BULLETS
from apothecary.tasks.combinations.labels import DDI, LabelSet

__all__ = ["strict_parts", "thinking_worth"]

_Item = tuple[str, frozenset[str]]

_OF_ITEMS: frozenset[AnswerFault] = frozenset(
    {
        "item_not_object",
        "unknown_type",
        "drugs_not_strings",
        "too_few_drugs",
        "none_with_drugs",
        "duplicate",
    }
)
"""Faults that stand for one item each, which was left out."""

_HARMLESS_IN_A_SOLUTION: frozenset[AnswerFault] = frozenset({"duplicate", "too_few_drugs"})
"""The corpora list some sets twice, and one drug twice in a set."""

_SECTIONS = 4
_SHORTEST_WORDS = 20
_HEAD = re.compile(r"\[(\d+)\]\s*\S.*")
_BULLET = re.compile(r"[-*•]\s+\S")


def strict_parts(
    completion: str, solution: str, labels: LabelSet, sentence: str | None = None
) -> dict[str, float]:
    """format in {0, .5, 1}, think in 0..1, coverage in -1..1, accuracy in 0..1.

    Raises UsageError for a solution without an answer that can be read.
    """
    gold = _gold(solution, labels)
    read = read_completion(completion, labels)
    wrong = [fault for fault in read.errors if fault in _OF_ITEMS]
    if not read.items and (wrong or {"no_answer", "not_json"} & set(read.errors)):
        return {"format": 0.0, "think": 0.0, "coverage": -1.0, "accuracy": 0.0}
    predicted = [_key(item) for item in read.items]
    repeated = read.errors.count("duplicate") / max(1, len(predicted) + len(wrong))
    lost = repeated + (_strange(predicted, gold, sentence) if sentence else 0.0)
    return {
        "format": 1.0 if _clean(completion, read) else 0.5,
        "think": thinking_worth(read.think or ""),
        "coverage": max(-1.0, _coverage(predicted, gold, labels) - lost),
        "accuracy": _accuracy(predicted, gold, labels, len(wrong)),
    }


def thinking_worth(think: str) -> float:
    """0 to 1: a quarter for every section in its place, half of it if the whole is too short or too long."""
    bullets: list[int] = []
    tidy = True
    for line in filter(None, map(str.strip, think.splitlines())):
        head = _HEAD.fullmatch(line)
        if head and head[1] == str(len(bullets) + 1):
            bullets.append(0)
        elif not head and bullets and _BULLET.match(line):
            bullets[-1] += 1
        else:
            tidy = False
            break
    sound = sum(1 <= count <= MOST_BULLETS for count in bullets[:_SECTIONS])
    if not tidy or len(bullets) > _SECTIONS:
        # What stands out of place spoils the section that it stands in.
        sound = max(0, sound - 1)
    right_length = _SHORTEST_WORDS <= len(think.split()) <= LONGEST_WORDS
    return sound / _SECTIONS * (1.0 if right_length else 0.5)


def _gold(solution: str, labels: LabelSet) -> list[_Item]:
    read = read_completion(solution, labels)
    faults: list[str] = sorted(set(read.errors) - _HARMLESS_IN_A_SOLUTION)
    if not split_blocks(solution).tagged:
        faults = ["no answer tags"]
    if faults:
        raise UsageError(
            f"the solution {solution[:60]!r} is no answer: {', '.join(faults)}",
            hint="a solution reads <answer>[...]</answer>",
        )
    return [_key(item) for item in read.items]


def _key(item: Combination) -> _Item:
    return item.type, frozenset(map(normal_name, item.drugs))


def _clean(completion: str, read: Completion) -> bool:
    return read.think is not None and split_blocks(completion).tagged and not read.errors and not read.repairs


def _strange(predicted: list[_Item], gold: list[_Item], sentence: str) -> float:
    """The share of predicted drugs that the sentence does not hold as words of their own."""
    text = normal_name(sentence)
    known = {name for _, names in gold for name in names}
    named = {name for _, names in predicted for name in names}
    strange = [name for name in named - known if not _occurs(name, text)]
    return len(strange) / len(named) if named else 0.0


def _occurs(name: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) is not None


def _coverage(predicted: list[_Item], gold: list[_Item], labels: LabelSet) -> float:
    """How much of every gold set its best match covers, whatever the types."""
    if not gold:
        return 0.0 if predicted else 1.0
    if not predicted:
        return -1.0
    sets, found = {names for _, names in gold}, {names for _, names in predicted}
    if labels is DDI:
        return len(sets & found) / len(sets)
    return sum(max(_overlap(one, other) for other in found) for one in sets) / len(sets)


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if len(one & other) >= 2 else 0.0


def _accuracy(predicted: list[_Item], gold: list[_Item], labels: LabelSet, wrong: int) -> float:
    """F1 over types and sets; `wrong` items more were predicted than can be compared."""
    if not gold:
        return float(not predicted)
    if not predicted:
        return 0.0
    # What is right exactly counts the same from both sides, what is right in part does not.
    exact = float(len({*predicted} & {*gold}))
    whole = _f1(exact / (len(predicted) + wrong), exact / len({*gold}))
    if labels is DDI:
        return whole
    right = sum(max(_agree(one, other) for other in gold) for one in predicted)
    found = sum(max(_agree(one, other) for other in predicted) for one in {*gold})
    return 0.33 * _f1(right / (len(predicted) + wrong), found / len({*gold})) + 0.67 * whole


def _agree(one: _Item, other: _Item) -> float:
    return _overlap(one[1], other[1]) if one[0] == other[0] else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
