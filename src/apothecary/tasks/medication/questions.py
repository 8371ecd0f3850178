"""One question for each visit and drug, and the probability that the answer is Yes.

Source: the point-wise classifier of FLAME (arXiv 2505.20218). Departures:
1. Probabilities are kept, calibrated and compared with a fitted threshold; there, the more likely answer
   counts.
2. The visit comes first and the drug last, so that all questions about a visit share their beginning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from apothecary.messages import Choices, Decoding, Failure, Flow, Message, Outcome, Request
from apothecary.tasks.medication.list_prompts import SYSTEM
from apothecary.tasks.medication.visit_text import VisitText, visit_text
from apothecary.tasks.prompting import fill, load_prompt
from apothecary.tasks.recommending import Case

__all__ = ["NO", "QUESTION", "STEP", "YES", "ask_about", "log_odds_of", "question"]

STEP = "medication.question"
YES, NO = "Yes", "No"
QUESTION = load_prompt("apothecary.tasks.medication", "question.txt")

BARE_ODDS = math.log(9.0)
"""An answer without probabilities counts as one of nine to one."""


def question(visit: VisitText, drug: str) -> Request:
    """Whether a drug belongs to a visit."""
    content = fill(QUESTION, {"visit": visit.text, "drug": visit.named(drug)})
    return Request(
        messages=(Message("system", SYSTEM), Message("user", content)),
        step=STEP,
        constraint=Choices((YES, NO)),
        decoding=Decoding(max_new_tokens=4),
        want_logprobs=True,
        soft_tokens=visit.soft_with((drug,)),
    )


def log_odds_of(outcome: Outcome) -> float:
    """The log-odds of Yes; NaN where there is no answer."""
    if isinstance(outcome, Failure):
        return math.nan
    if outcome.logprobs is not None and {YES, NO} <= outcome.logprobs.keys():
        return outcome.logprobs[YES] - outcome.logprobs[NO]
    said = outcome.text.strip().rstrip(".").casefold()
    return {YES.casefold(): BARE_ODDS, NO.casefold(): -BARE_ODDS}.get(said, math.nan)


def ask_about(
    case: Case, drugs: Sequence[str], *, note: bool = False, soft: Iterable[str] = ()
) -> Flow[NDArray[np.float64]]:
    """The log-odds of every drug, all asked in one round; NaN for a question without an answer."""
    visit = visit_text(case, note=note, soft=soft)
    outcomes = yield [question(visit, drug) for drug in drugs]
    return np.array([log_odds_of(outcome) for outcome in outcomes], dtype=np.float64)
