"""Invented documents of the look-up benchmark: treatments with their conditions, and a question.

    [filler] disease [filler] drug condition [condition] [condition] ; ... ? disease drug

A question names disease and drug of one record, its answer is the conditions of that record and ";". Words
are numbers, so there is no tokenizer. Drawn by lot throughout: nothing can be known of a word beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from apothecary.adapters.role_batch import UNLEARNT, RoleRow
from apothecary.adapters.role_tokens import random_roles

__all__ = [
    "PADDING",
    "VOCABULARY",
    "Case",
    "Lesson",
    "Record",
    "ambiguous",
    "lesson",
    "marked_at_random",
    "randomly_tagged",
    "repetition",
    "row_of",
    "unambiguous",
]

PADDING, QUESTION, STOP = range(3)
_DRUG, _DISEASE = 1, 2
_MARKS = {_DRUG: (3, 4), _DISEASE: (5, 6)}
"""The words around a marked drug and a marked disease."""
_DRUGS, _DISEASES, _CONDITIONS, _FILLERS = range(7, 47), range(47, 87), range(87, 147), range(147, 167)
VOCABULARY = _FILLERS.stop
_MOST_CONDITIONS, _MOST_FILLERS = 3, 2
_SHORTEST_REPETITION, _LONGEST_REPETITION = 4, 12


@dataclass(frozen=True)
class Record:
    """One treatment; `before` and `between` are the filler before the disease and before the drug."""

    drug: int
    disease: int
    conditions: tuple[int, ...]
    before: tuple[int, ...]
    between: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A document and the record that is asked about."""

    records: tuple[Record, ...]
    asked: Record

    @property
    def pair(self) -> frozenset[int]:
        """The two words that the question names."""
        return frozenset({self.asked.drug, self.asked.disease})


@dataclass(frozen=True)
class Lesson:
    """A sequence to learn from before any tuning; labels are `UNLEARNT` where it costs nothing."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


def unambiguous(rng: Random, records: int) -> Case:
    """No drug occurs twice, so the drug alone tells the record. Diseases recur: they tell little."""
    drugs = rng.sample(_DRUGS, records)
    diseases = rng.sample(_DISEASES, max(1, records // 2))
    return _case(rng, [(drug, rng.choice(diseases)) for drug in drugs])


def ambiguous(rng: Random) -> Case:
    """Two drugs, each for the same two diseases: neither drug nor disease tells the record, the pair does."""
    drugs, diseases = rng.sample(_DRUGS, 2), rng.sample(_DISEASES, 2)
    return _case(rng, [(drug, disease) for drug in drugs for disease in diseases])


def _case(rng: Random, pairs: list[tuple[int, int]]) -> Case:
    """Records of the pairs in an order by lot, and one of them asked about. No condition occurs twice."""
    rng.shuffle(pairs)
    counts = [rng.randint(1, _MOST_CONDITIONS) for _ in pairs]
    words = iter(rng.sample(_CONDITIONS, sum(counts)))
    records = tuple(
        Record(drug, disease, tuple(next(words) for _ in range(count)), _filler(rng), _filler(rng))
        for (drug, disease), count in zip(pairs, counts, strict=True)
    )
    return Case(records, rng.choice(records))


def _filler(rng: Random) -> tuple[int, ...]:
    return tuple(rng.choice(_FILLERS) for _ in range(rng.randint(0, _MOST_FILLERS)))


def row_of(case: Case, marked: Collection[int] = ()) -> RoleRow:
    """The question with the roles of its pair in text and question, and the answer.

    `marked` words have markers around them in the text, as `tasks.conditions` marks a pair; not in the
    question.
    """
    prompt = (*_text(case.records, marked), *_question(case.asked))
    numbers = {case.asked.drug: _DRUG, case.asked.disease: _DISEASE}
    return RoleRow(prompt, tuple(numbers.get(word, 0) for word in prompt), _answer(case.asked))


def randomly_tagged(row: RoleRow, name: str, seed: int) -> RoleRow:
    """The row with roles by lot: always the same for one name and seed."""
    return RoleRow(row.prompt, random_roles(len(row.prompt), example=name, seed=seed), row.answer)


def marked_at_random(rng: Random, case: Case) -> frozenset[int]:
    """Half of the drugs and diseases of a document: markers that tell nothing."""
    words = {word for record in case.records for word in (record.drug, record.disease)}
    return frozenset(word for word in sorted(words) if rng.random() < 0.5)


def lesson(rng: Random, case: Case, marked: Collection[int] = ()) -> Lesson:
    """The document with a question about each of its records, in an order by lot; answers are learnt."""
    tokens = list(_text(case.records, marked))
    labels = [UNLEARNT] * len(tokens)
    for record in rng.sample(case.records, len(case.records)):
        question, answer = _question(record), _answer(record)
        tokens += [*question, *answer]
        labels += [*([UNLEARNT] * len(question)), *answer]
    return Lesson(tuple(tokens), tuple(labels))


def repetition(rng: Random) -> Lesson:
    """Words by lot, all different, said twice; the second time each but the first is to be foreseen.

    From such sequences a model learns to look up where a word stood and to copy what followed.
    """
    words = rng.sample(range(1, VOCABULARY), rng.randint(_SHORTEST_REPETITION, _LONGEST_REPETITION))
    return Lesson((*words, *words), (*([UNLEARNT] * (len(words) + 1)), *words[1:]))


def _text(records: Sequence[Record], marked: Collection[int]) -> list[int]:
    def named(word: int, role: int) -> tuple[int, ...]:
        before, behind = _MARKS[role]
        return (before, word, behind) if word in marked else (word,)

    tokens: list[int] = []
    for each in records:
        tokens += [*each.before, *named(each.disease, _DISEASE), *each.between, *named(each.drug, _DRUG)]
        tokens += [*each.conditions, STOP]
    return tokens


def _question(record: Record) -> tuple[int, ...]:
    return (QUESTION, record.disease, record.drug)


def _answer(record: Record) -> tuple[int, ...]:
    return (*record.conditions, STOP)
