"""What the flow of a task notes on its way: what went wrong, and what of replies was mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from apothecary.tasks.flow import Answer, Problem

__all__ = ["FlowNotes"]

S = TypeVar("S")


@dataclass
class FlowNotes:
    """What a flow collects on its way beside its result."""

    problems: list[Problem] = field(default_factory=list)
    repairs: list[dict[str, str]] = field(default_factory=list)

    def within(self, step: str, subjects: Iterable[S], limit: int, what: str) -> list[S]:
        """The first subjects up to a limit, the setting ``max_<what>``; a problem says if there were more."""
        found = list(islice(subjects, limit + 1))
        if len(found) > limit:
            message = f"more than {limit} {what}; the others were left out (--set max_{what}=...)"
            self.problems.append(Problem(step, "the document", "TooManyQuestions", message))
        return found[:limit]

    def take(self, step: str, answers: Iterable[Answer[object]]) -> None:
        """Keep the problems and repairs of one round."""
        for answer in answers:
            self.repairs += [{"step": step, "repair": repair} for repair in answer.repairs]
            if answer.problem:
                self.problems.append(answer.problem)
