"""A language model edits a list: in a loop over the list as it is, or in two passes over the first one.

Source: FLAME (arXiv 2505.20218). Departures: 1. By default the model is shown the list again after every
few edits, so that a removal can react to an addition; `two_passes` is as published. 2. A reply is read as
far as it is legal; what is barred cannot be added, whatever it says. 3. Edits may be weighed (`weighing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from apothecary.messages import Failure, Flow, Outcome
from apothecary.tasks.medication.compose import compose
from apothecary.tasks.medication.edit_lines import read_edits, read_names
from apothecary.tasks.medication.list_prompts import ListQuestion
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.visit_text import VisitText
from apothecary.tasks.medication.weighing import Declined, Weigh

__all__ = ["Edited", "ListForm", "edit_loop", "two_passes"]


@dataclass(frozen=True)
class ListForm:
    """What all lists of a run share: the vocabulary with its places by `drug_key`, and the most of a loop."""

    vocabulary: tuple[str, ...]
    places: Mapping[str, int]
    lines: int
    turns: int


@dataclass(frozen=True)
class Edited:
    """The edits of a list in their order; how many lines were refused; how many questions had no answer.

    Edits that were `declined` are among neither.
    """

    actions: tuple[Action, ...]
    refused: int = 0
    unanswered: int = 0
    declined: tuple[Declined, ...] = ()


def edit_loop(visit: VisitText, start: ListState, form: ListForm, weigh: Weigh | None = None) -> Flow[Edited]:
    """Ask until the model stops, budget or turns are spent, or a turn leads to a list that was there."""
    state, seen = start, {start.present}
    actions: list[Action] = []
    declined: list[Declined] = []
    refused = 0
    for _ in range(form.turns):
        request = ListQuestion(form.vocabulary, state, "edit", form.lines).request(visit)
        if request is None:
            break
        (outcome,) = yield [request]
        if isinstance(outcome, Failure):
            return Edited(tuple(actions), refused, 1, tuple(declined))
        lines = read_edits(outcome.text, state, form.places, weigh)
        declined += [line.declined for line in lines if line.declined is not None]
        refused += sum(line.action is None and line.declined is None for line in lines)
        actions += [line.action for line in lines if line.action is not None and line.action.kind != "stop"]
        state = lines[-1].after if lines else state
        # Asked about the same list again, the model would answer the same.
        if state.stopped or state.present in seen:
            break
        seen.add(state.present)
    return Edited(tuple(actions), refused, 0, tuple(declined))


def two_passes(
    visit: VisitText, start: ListState, form: ListForm, weigh: Weigh | None = None
) -> Flow[Edited]:
    """Ask what to add and what to remove, both of the first list; a drug that is named twice is removed.

    Within the budget removals come first: they cannot make a list less safe.
    """
    questions = [ListQuestion(form.vocabulary, start, mode) for mode in ("add", "remove")]
    requests = [question.request(visit) for question in questions]
    outcomes = iter((yield [request for request in requests if request is not None]))
    named, refused, unanswered = [], 0, 0
    for request in requests:
        drugs, bad, failed = _named(next(outcomes), form.places) if request is not None else ([], 0, 0)
        named.append(drugs)
        refused, unanswered = refused + bad, unanswered + failed
    adds, removes = named
    final = set(compose(start.drugs, adds, removes))
    wanted = chain(
        (Action("remove", drug) for drug in removes if drug not in final),
        (Action("add", drug) for drug in adds if drug in final),
    )
    state, actions, declined = start, [], []
    for action in wanted:
        if not state.allows(action):
            continue
        against = weigh(state, action) if weigh is not None else None
        if against is None:
            state = state.after(action)
            actions.append(action)
        else:
            declined.append(against)
    return Edited(tuple(actions), refused, unanswered, tuple(declined))


def _named(outcome: Outcome, places: Mapping[str, int]) -> tuple[list[int], int, int]:
    """The drugs that a reply names, how many lines name none, and whether there is no reply."""
    if isinstance(outcome, Failure):
        return [], 0, 1
    lines = read_names(outcome.text, places)
    drugs = [line.drug for line in lines if line.drug is not None]
    return drugs, len(lines) - len(drugs), 0
