"""What a run has cost: calls, tokens and seconds, by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from apothecary.errors import FormatError
from apothecary.messages import Usage

__all__ = ["Ledger", "Spent"]


@dataclass(frozen=True)
class Spent:
    """Counts that add up.

    `calls` are requests that an engine answered or failed on; `cache_hits` requests that the reply
    cache answered, which cost nothing more; `cached_tokens` of `prompt_tokens` came from the
    engine's own prefix cache; `seconds` are the engine's, and overlap when it works in parallel.
    """

    calls: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, usage: Usage | None) -> Spent:
        """The cost of one request; None for one that failed."""
        if usage is None:
            return cls(calls=1)
        if usage.from_cache:
            return cls(cache_hits=1)
        return cls(1, 0, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.seconds)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            self.cache_hits + other.cache_hits,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )


_STEPS = TypeAdapter(dict[str, Spent])
_SECONDS = TypeAdapter(Annotated[float, Field(ge=0, allow_inf_nan=False)])


class Ledger:
    """The account of a run; it rolls forward when the run is taken up again."""

    def __init__(self, steps: Mapping[str, Spent] | None = None, wall_seconds: float = 0.0) -> None:
        self.steps: dict[str, Spent] = dict(steps or {})
        self.wall_seconds = wall_seconds

    def add(self, spent: Mapping[str, Spent]) -> None:
        """Book what one document cost."""
        for step, amount in spent.items():
            self.steps[step] = self.steps.get(step, Spent()) + amount

    @property
    def total(self) -> Spent:
        """The sum over all steps."""
        return sum(self.steps.values(), Spent())

    def to_record(self, *, documents: int) -> dict[str, object]:
        """The contents of ``ledger.json``."""
        return {
            "documents": documents,
            "wall_seconds": round(self.wall_seconds, 3),
            **_rounded(self.total),
            "steps": {step: _rounded(spent) for step, spent in sorted(self.steps.items())},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, object], *, where: str) -> Ledger:
        """Read ``ledger.json`` back. Raises FormatError."""
        try:
            steps = _STEPS.validate_python(record.get("steps", {}))
            wall = _SECONDS.validate_python(record.get("wall_seconds", 0.0))
        except ValidationError as error:
            raise FormatError("is not a ledger", where=where, hint="start again with --fresh") from error
        return cls(steps, wall)


def _rounded(spent: Spent) -> dict[str, object]:
    return asdict(spent) | {"seconds": round(spent.seconds, 3)}
