"""Answers without a model: what a result has to be better than before it means anything.

majority     of labels the most frequent answer; of questions with letters the most frequent letter; of
             scores the mean
random       an option by chance, each as likely; of texts and scores the answer of another question
dictionary   names of the training part that stand in the text; relations and events of it all of whose
             names do

They know the training part alone. Chance depends on the seed and the id of a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apothecary.metrics.found_spans import greedy_spans
from apothecary.tasks.instruct_answers import (
    Answer,
    Fact,
    Facts,
    Gold,
    Labels,
    Names,
    Score,
    distinct_facts,
    grouped_names,
)
from apothecary.tasks.instruct_templates import chance

__all__ = ["BASELINES", "Known", "baseline_answer", "defined"]

BASELINES = ("majority", "random", "dictionary")
KEPT_ANSWERS = 500
"""Answers in words that the random baseline draws from."""
LETTERED = "choice.choice"


@dataclass
class Known:
    """What baselines keep of a training part, gold by gold.

    `examples` is how many there were; `several` whether an answer had more or fewer labels than one.
    """

    examples: int = 0
    several: bool = False
    labels: Counter[tuple[str, ...]] = field(default_factory=Counter)
    letters: Counter[int] = field(default_factory=Counter)
    types: dict[str, Counter[str]] = field(default_factory=dict)
    facts: dict[Fact, None] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=list)
    texts: list[Answer] = field(default_factory=list)

    def add(self, gold: Gold) -> None:
        """Take the answer of a training example."""
        self.examples += 1
        answer = gold.answer
        if isinstance(answer, Labels):
            self.several = self.several or len(answer.labels) != 1
            if gold.kind == LETTERED:
                self.letters.update(gold.options.index(label) for label in answer.labels[:1])
            else:
                self.labels[answer.labels] += 1
        elif isinstance(answer, Names):
            for type_, name in answer.names:
                self.types.setdefault(name, Counter())[type_] += 1
        elif isinstance(answer, Facts):
            self.facts |= dict.fromkeys(answer.facts)
        elif isinstance(answer, Score):
            self.numbers.append(answer.value)
        elif len(self.texts) < KEPT_ANSWERS:
            self.texts.append(answer)


def defined(gold: Gold) -> tuple[str, ...]:
    """The baselines that there are for questions of this kind."""
    if isinstance(gold.answer, Names | Facts):
        return ("dictionary",)
    return ("majority", "random") if isinstance(gold.answer, Labels | Score) else ("random",)


def baseline_answer(name: str, known: Known, gold: Gold, text: str, *, key: tuple[int, str]) -> Answer | None:
    """The answer of a baseline to a question, None where it has none; `key` is the seed and the id of it.

    Of `gold` the kind and the options are read, never the answer beyond its shape.
    """
    if name not in defined(gold):
        return None
    if name == "dictionary":
        return _looked_up(known, gold, text)
    draw = chance(key[0], "random", key[1])
    if isinstance(gold.answer, Labels):
        if name == "random":
            return Labels((gold.options[int(draw * len(gold.options))],))
        return _usual(known, gold)
    if isinstance(gold.answer, Score):
        if not known.numbers:
            return None
        if name == "majority":
            return Score(sum(known.numbers) / len(known.numbers))
        return Score(known.numbers[int(draw * len(known.numbers))])
    return known.texts[int(draw * len(known.texts))] if known.texts else None


def _usual(known: Known, gold: Gold) -> Answer | None:
    """The most frequent answer that can be given here; of equals the first in the order of the options."""
    if gold.kind == LETTERED:
        there = {place: count for place, count in known.letters.items() if place < len(gold.options)}
        return Labels((gold.options[_most(there)],)) if there else None
    fitting = {labels: count for labels, count in known.labels.items() if set(labels) <= set(gold.options)}
    order = sorted(fitting, key=lambda labels: (-fitting[labels], [gold.options.index(o) for o in labels]))
    return Labels(order[0]) if order else None


def _most(counts: Mapping[int, int]) -> int:
    return min(counts, key=lambda place: (-counts[place], place))


def _looked_up(known: Known, gold: Gold, text: str) -> Answer:
    if isinstance(gold.answer, Facts):
        return distinct_facts(
            (fact for fact in known.facts if _stands(fact.names, text) and fact.type in gold.options),
            gold.options,
        )
    # Only what stands there at all is searched for with its boundaries: a dictionary has many thousands.
    there = ((_usual_type(types), name) for name, types in known.types.items() if name in text)
    found = greedy_spans(text, [pair for pair in there if pair[0] in gold.options])
    return grouped_names(((type_, text[start:end]) for start, end, type_ in found), gold.options)


def _usual_type(types: Counter[str]) -> str:
    return min(types, key=lambda type_: (-types[type_], type_))


def _stands(names: Iterable[str], text: str) -> bool:
    return all(name in text for name in names)
