"""What a language model learns about lists of medication: the questions of a run, with their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from apothecary.messages import Request
from apothecary.tasks.list_asking import Lesson, Teaching
from apothecary.tasks.medication.corrupted import Corrupted, Errors, corrupted
from apothecary.tasks.medication.edit_lines import render_edits, render_names
from apothecary.tasks.medication.line_rewards import Mode
from apothecary.tasks.medication.list_prompts import LINES, messages_of
from apothecary.tasks.medication.list_state import STOP, Action
from apothecary.tasks.medication.questions import NO, YES, question
from apothecary.tasks.medication.visit_text import VisitText, visit_text

__all__ = ["list_lessons", "question_lessons"]


def list_lessons(teaching: Teaching) -> tuple[Iterator[Lesson], Mapping[str, object]]:
    """Lessons of corrupted lists, and how the first lists differ from gold.

    With ``two`` passes a list gives two lessons, what to add and what to remove; with ``loop`` one for each
    turn, removals first. Drugs that the vocabulary lacks are left out. Raises DataError without a visit.
    """
    places = {name: place for place, name in enumerate(teaching.vocabulary)}

    def known(names: Sequence[str]) -> frozenset[int]:
        return frozenset(places[name] for name in names if name in places)

    errors = Errors(
        [known(each.case.visit.names) for each in teaching.first],
        [known(each.listed) for each in teaching.first],
        len(places),
    )
    missed, extra = errors.counts.mean(axis=0).tolist()
    sizes = (np.mean([len(each) for each in lists]) for lists in (errors.gold, errors.listed))
    gold, listed = map(float, sizes)
    figures = {"visits": len(errors.gold), "missed": missed, "extra": extra, "gold": gold, "listed": listed}
    return _lessons(teaching, errors), figures


def question_lessons(teaching: Teaching) -> Iterator[tuple[Request, str]]:
    """Questions about drugs drawn evenly from the vocabulary, each of a visit drawn alike, with Yes or No."""
    draw = np.random.default_rng(teaching.seed)
    for _ in range(teaching.draws):
        visit = teaching.first[int(draw.integers(len(teaching.first)))].case
        drug = teaching.vocabulary[int(draw.integers(len(teaching.vocabulary)))]
        text = visit_text(visit, note=teaching.note, soft=teaching.soft)
        yield question(text, drug), YES if drug in visit.visit.names else NO


def _lessons(teaching: Teaching, errors: Errors) -> Iterator[Lesson]:
    for number, each in enumerate(corrupted(errors, teaching.draws, seed=teaching.seed)):
        case = teaching.first[each.visit].case
        text = visit_text(case, note=teaching.note, soft=teaching.soft)
        lesson = _Writer(teaching.vocabulary, text, f"{case.visit.id}#{number}", errors.gold[each.visit])
        yield from lesson.passes(each) if teaching.passes == "two" else lesson.turns(each)


class _Writer:
    """Writes the lessons of one corrupted list."""

    def __init__(self, vocabulary: Sequence[str], text: VisitText, name: str, gold: frozenset[int]) -> None:
        self._vocabulary, self._text, self._name = vocabulary, text, name
        self._gold = self._names(sorted(gold))

    def passes(self, each: Corrupted) -> Iterator[Lesson]:
        """What to add and what to remove, both of the same list."""
        start = self._names(each.listed)
        named: tuple[tuple[Mode, tuple[int, ...]], ...] = (("add", each.dropped), ("remove", each.added))
        for mode, drugs in named:
            answer = render_names(self._names(drugs))
            yield self._lesson(mode, mode, start, answer)

    def turns(self, each: Corrupted) -> Iterator[Lesson]:
        """All edits, as many in a turn as are asked for, with a stop after the last."""
        edits = [Action("remove", drug) for drug in each.added] + [
            Action("add", drug) for drug in each.dropped
        ]
        listed = set(each.listed)
        for turn, begin in enumerate(range(0, max(1, len(edits)), LINES)):
            made = edits[begin : begin + LINES]
            start = self._names(sorted(listed))
            said = made if begin + LINES < len(edits) else [*made, STOP]
            answer = render_edits(said, self._vocabulary)
            yield self._lesson(str(turn), "edit", start, answer, later=turn > 0)
            listed ^= {action.drug for action in made}

    def _lesson(
        self, name: str, mode: Mode, start: tuple[str, ...], answer: str, *, later: bool = False
    ) -> Lesson:
        return Lesson(
            id=f"{self._name}.{name}",
            messages=messages_of(self._text, start, mode),
            answer=answer,
            start=start,
            gold=self._gold,
            mode=mode,
            later=later,
            soft=self._text.soft_with(start),
        )

    def _names(self, drugs: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._vocabulary[drug] for drug in drugs)
