"""Walk a flow with replies made by hand: no engine, no driver."""

from __future__ import annotations

from collections.abc import Callable

from apothecary.messages import Flow, Outcome, Request
from apothecary.tasks.flow import Extraction

__all__ = ["walk"]


def walk(flow: Flow[Extraction], answer: Callable[[Request], Outcome]) -> tuple[Extraction, list[Request]]:
    """What the flow leaves, and every request it made."""
    asked: list[Request] = []
    outcomes: list[Outcome] | None = None
    while True:
        try:
            requests = flow.send(outcomes) if outcomes is not None else next(flow)
        except StopIteration as end:
            extraction: Extraction = end.value
            return extraction, asked
        asked += requests
        outcomes = [answer(request) for request in requests]
