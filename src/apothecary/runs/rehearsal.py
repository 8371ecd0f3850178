"""A dry run: walks the flows with made-up replies and counts what would be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from apothecary.messages import Done, EngineInfo, Outcome, Reply, Request, Usage, nothing
from apothecary.runs.driver import Item, drive
from apothecary.runs.ledger import Ledger
from apothecary.tasks.flow import Job

__all__ = ["Estimate", "estimate"]

CHARACTERS_PER_TOKEN = 3.6
"""English abstracts in SmolLM2's vocabulary; other vocabularies differ by a fifth or so."""


@dataclass(frozen=True)
class Estimate:
    """What a run would ask for, about: the ledger's tokens are characters / 3.6.

    Later rounds depend on earlier answers, which are made up here with the density of names in CDR.
    """

    documents: int
    unreadable: int
    ledger: Ledger


@dataclass(frozen=True)
class _Rehearsal:
    """The engine of a dry run."""

    job: Job

    @property
    def info(self) -> EngineInfo:
        """It serves every step and costs nothing."""
        return EngineInfo("rehearsal", "rehearsal")

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Made-up replies, with the size of prompt and reply as usage."""
        return [self._reply(request) for request in requests]

    def _reply(self, request: Request) -> Outcome:
        outcome = self.job.rehearse(request)
        if not isinstance(outcome, Reply):
            return outcome
        prompt = sum(len(message.content) for message in request.messages)
        usage = Usage(
            prompt_tokens=round(prompt / CHARACTERS_PER_TOKEN),
            completion_tokens=round(len(outcome.text) / CHARACTERS_PER_TOKEN) or 1,
        )
        return replace(outcome, usage=usage)

    def close(self) -> None:
        """Nothing to free."""


def estimate(items: Iterable[Item], job: Job, flow: str = "extract") -> Estimate:
    """Calls and tokens that a run of a flow over the items would take, by step."""
    ledger = Ledger()
    documents = unreadable = 0
    for result in drive(items, job.flows[flow], _Rehearsal(job)):
        ledger.add(result.spent)
        if result.record is None:
            unreadable += 1
        else:
            documents += 1
    return Estimate(documents, unreadable, ledger)
