"""What a user may set of a language model that is asked about visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from apothecary.tasks.medication.list_prompts import LINES
from apothecary.tasks.medication.visit_text import SOFT_KINDS

__all__ = ["AskSettings"]

_KIND = "|".join(SOFT_KINDS)
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class AskSettings:
    """How an engine is asked.

    `asks`: ``scores`` (a question for each drug of the vocabulary), ``edits`` (to edit the list that
    another policy begins) or ``both``. `passes`: ``loop``, edits of the list as it is, or ``two``,
    additions and removals named apart, both from the first list, as published. `lines` are the edits of one
    turn of the loop, `turns` its most turns. `note` tells the note of the visit, which may have been
    written after the list. `soft` are the kinds of soft tokens to mark, with commas between them: an adapter
    that reads them says it by itself (`engines.tuned`).

    Probabilities are ``logistic(slope * log-odds + intercept)`` of the answer Yes; from `fitted_threshold`
    on a drug is in the first list. ``apothecary fit medication`` finds the three.
    """

    asks: Literal["scores", "edits", "both"] = "both"
    passes: Literal["loop", "two"] = "loop"
    lines: Annotated[int, Field(ge=1, le=32)] = LINES
    turns: Annotated[int, Field(ge=1, le=200)] = 10
    note: bool = False
    soft: Annotated[str, Field(pattern=rf"^(({_KIND})(,({_KIND}))*)?$")] = ""
    slope: Finite = 1.0
    intercept: Finite = 0.0
    fitted_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of soft tokens."""
        return tuple(filter(None, self.soft.split(",")))
