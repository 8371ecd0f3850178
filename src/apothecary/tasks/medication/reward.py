"""Rewards of completions that edit a list, for training: files and weights in, a judge of completions out.

A judge is given a completion and the row that it answers: ``start`` and ``gold`` are names of drugs, ``mode``
is what the completion is made of (`line_rewards.Mode`). What it says is `line_rewards.LineSteps`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from apothecary.errors import DataError, FormatError, UsageError
from apothecary.tasks.medication.line_rewards import LineSteps, Mode, line_steps
from apothecary.tasks.medication.objective import MEASURES, Measure, Objective
from apothecary.tasks.medication.potential import Potential, Vector, Weighted, refusals
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable

__all__ = ["Judge", "line_judge"]

Judge = Callable[[str, Mapping[str, object]], LineSteps]


def line_judge(
    vocabulary: str,
    interactions: Sequence[str] = (),
    *,
    alpha: float = 0.0,
    beta: float = 0.5,
    measure: Measure = "rate",
    target: float = 0.0,
    severity: bool = False,
) -> Judge:
    """A judge by the Jaccard index with gold, less alpha times interactions, less beta times refusals.

    `vocabulary` is a JSON file, a list of names or an object that has it under that key, such as the
    ``model.json`` of a policy. `interactions` are files of interacting pairs, measured as in `objective`;
    what is below `target` costs nothing, and with `severity` they count by `interactions.GRADES`. Paths
    are relative to the current folder.

    Raises UsageError, DataError. A judge raises UsageError for a row of another form, and shows its id alone.
    """
    if measure not in MEASURES:
        raise UsageError(f"there is no measure {measure!r}", hint=f"measures: {', '.join(MEASURES)}")
    if alpha and not interactions:
        raise UsageError("alpha weighs interactions, and there are none", hint="interactions = [FILE]")
    names = _names(Path(vocabulary))
    table = read_interactions(interactions) if interactions else InteractionTable.of(())
    objective = Objective(alpha, table.graded(names, by_severity=severity), measure, target)

    def potential(gold: Vector) -> Potential:
        return Potential((*objective.potential(gold).terms, Weighted("refusals", -beta, refusals)))

    def judge(completion: str, row: Mapping[str, object]) -> LineSteps:
        mode = row.get("mode")
        if mode not in get_args(Mode):
            raise _of_another_form(row, f"mode: {', '.join(get_args(Mode))}")
        start, gold = _listed(row, "start"), _listed(row, "gold")
        return line_steps(completion, start, gold, names, cast(Mode, mode), potential)

    return judge


def _listed(row: Mapping[str, object], key: str) -> list[str]:
    found = row.get(key)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _of_another_form(row, f"{key}: a list of names")
    return found


def _of_another_form(row: Mapping[str, object], hint: str) -> UsageError:
    return UsageError("the row is of another form", where=f"row {row.get('id', '')}".rstrip(), hint=hint)


def _names(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise FormatError("is not JSON", where=str(path)) from error
    names = found.get("vocabulary") if isinstance(found, dict) else found
    if not isinstance(names, list) or not names or not all(isinstance(each, str) for each in names):
        raise DataError("holds no vocabulary", where=str(path), hint='["drug", ...]')
    return names
