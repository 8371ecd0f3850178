"""Traces of a task: reasoning written for rows whose answer is known, and the training data made of them.

A task that has them exports ``TRACES`` from the module ``traces`` of its folder; it is found by the name of
that folder, as tasks are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files

from apothecary.errors import UsageError
from apothecary.messages import EngineInfo
from apothecary.tasks import catalog
from apothecary.tasks.flow import Job

__all__ = ["REHEARSAL", "TRACES", "Traces", "TrainingRows", "load"]

TRACES = "traces"
"""The flow that makes the trace of one row."""
REHEARSAL = "rehearsal"
"""The flow that asks all that the other one may ask of a row, whatever is answered."""
Row = Mapping[str, object]


@dataclass(frozen=True)
class TrainingRows:
    """What makes a row of training data out of a row of a run's journal; None: it gives none."""

    sft: Callable[[Row], Row | None]
    grpo: Callable[[Row], Row | None]


@dataclass(frozen=True)
class Traces:
    """How a task writes traces.

    `steps` are all that it may ask. `prepare` binds settings, as given by a user, to a job with the flows
    `TRACES` and `REHEARSAL`; the setting ``rules`` is for the writer that needs no engine, ``revise`` for a
    reviser after the first attempt. `rows` binds the settings of the chats, and whether rows that failed get
    a trace by rules. Both raise UsageError.
    """

    steps: tuple[str, ...]
    prepare: Callable[[Mapping[str, object], Mapping[str, EngineInfo]], Job]
    rows: Callable[[Mapping[str, object], bool], TrainingRows]


def load(task: str) -> Traces:
    """How the task of that name writes traces. Raises UsageError with the tasks that do."""
    folder = files("apothecary.tasks")
    having = [name for name in catalog.names() if folder.joinpath(name, "traces.py").is_file()]
    if task not in having:
        raise UsageError(f"no traces are written for '{task}'", hint=f"tasks: {', '.join(having)}")
    found: Traces = import_module(f"apothecary.tasks.{task}.traces").TRACES
    return found
