"""Two engines: a quick one answers, and a second one only what the first is not sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apothecary.messages import (
    Done,
    Engine,
    EngineInfo,
    LabelProbabilities,
    Outcome,
    Reply,
    Request,
    SetProbabilities,
    TaggedSpans,
    nothing,
)

__all__ = ["Cascade", "confidence"]


def confidence(outcome: Outcome) -> float:
    """How sure an outcome is, 0 to 1: the probability of its likeliest label.

    A failure is not sure at all. Tagged spans count as sure, for what a tagger left out has no probability;
    so does a reply that tells no probabilities. Of several sets the least sure one counts.
    """
    if not isinstance(outcome, Reply):
        return 0.0
    if isinstance(outcome.value, LabelProbabilities):
        return max(outcome.value.probabilities.values(), default=0.0)
    if isinstance(outcome.value, SetProbabilities):
        return min(
            (max(each.probabilities.values(), default=0.0) for each in outcome.value.sets), default=1.0
        )
    return 1.0 if isinstance(outcome.value, TaggedSpans) or outcome.text else 0.0


@dataclass(frozen=True)
class Cascade:
    """An engine that asks `first`, and passes on to `second` what it is less sure of than `sure`.

    A step that the first does not serve goes to the second at once. Where the second fails, the doubtful
    answer of the first stands.
    """

    first: Engine
    second: Engine
    sure: float

    @property
    def info(self) -> EngineInfo:
        """Named after both; as concurrent as the less concurrent of them."""
        one, two = self.first.info, self.second.info
        return EngineInfo(
            name=f"{one.name}@{self.sure:g}/{two.name}",
            digest=f"{one.digest},{two.digest},{self.sure:g}",
            adapter_digest=",".join(each for each in (one.adapter_digest, two.adapter_digest) if each),
            steps=None if one.steps is None or two.steps is None else (*one.steps, *two.steps),
            local=one.local and two.local,
            concurrency=min(one.concurrency, two.concurrency),
            tuned={**two.tuned, **one.tuned},
        )

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """The first engine's outcomes, those in doubt replaced by the second's."""
        served = self.first.info.steps
        mine = [place for place, request in enumerate(requests) if served is None or request.step in served]
        outcomes = dict(zip(mine, self.first.answer([requests[place] for place in mine]), strict=True))
        doubtful = [
            place
            for place in range(len(requests))
            if place not in outcomes or confidence(outcomes[place]) < self.sure
        ]
        if doubtful:
            answered = self.second.answer(
                [requests[place] for place in doubtful],
                lambda place, outcome: done(doubtful[place], outcome),
            )
            for place, outcome in zip(doubtful, answered, strict=True):
                if isinstance(outcome, Reply) or not isinstance(outcomes.get(place), Reply):
                    outcomes[place] = outcome
        return [outcomes[place] for place in range(len(requests))]

    def close(self) -> None:
        """Close both."""
        self.first.close()
        self.second.close()
