"""A finished run as an engine: its replies, out of the reply cache, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.engines.cache import Cached
from apothecary.errors import EngineError, UsageError
from apothecary.messages import Done, EngineInfo, Outcome, Request, nothing

__all__ = ["Replay", "open_replay"]


@dataclass(frozen=True)
class _Gone:
    """Stands behind the cache in the place of an engine that is not asked."""

    info: EngineInfo
    run: str

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Raises EngineError: what is asked for here is not in the cache."""
        raise EngineError(
            f"no reply to a {requests[0].step} request is kept for this run",
            where=self.run,
            hint="other texts, prompts or settings, or the cache was emptied: run it with its engine again",
        )

    def close(self) -> None:
        """Nothing to free."""


class Replay:
    """The engines of a run, by step, as far as the reply cache remembers them. Safe for threads."""

    def __init__(self, folder: Path, infos: Mapping[str, EngineInfo], cache: Path) -> None:
        self._steps = {step: Cached(_Gone(info, str(folder)), cache) for step, info in infos.items()}
        digests = [f"{step} {info.digest} {info.adapter_digest}" for step, info in sorted(infos.items())]
        self._info = EngineInfo(
            name=f"replay:{folder}",
            digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
            steps=tuple(infos),
            concurrency=4,
        )

    @property
    def info(self) -> EngineInfo:
        """Serves the steps that the run used."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """The replies of the run. Raises EngineError for a request that it did not make."""
        outcomes: dict[int, Outcome] = {}
        for step in dict.fromkeys(request.step for request in requests):
            places = [place for place, request in enumerate(requests) if request.step == step]
            answered = self._steps[step].answer([requests[place] for place in places])
            outcomes |= dict(zip(places, answered, strict=True))
        return [outcomes[place] for place in range(len(requests))]

    def close(self) -> None:
        """Close the cache."""
        for engine in self._steps.values():
            engine.close()


def open_replay(folder: Path, cache: Path) -> Replay:
    """Open a run folder. Raises UsageError for a folder that holds no run."""
    path = folder / "manifest.json"
    try:
        engines = json.loads(path.read_text(encoding="utf-8"))["identity"]["engines"]
        infos = {
            str(step): EngineInfo(
                str(each["name"]), str(each["digest"]), str(each["adapter"]), tuned=each.get("tuned", {})
            )
            for step, each in engines.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        hint = "name the folder of an earlier run"
        raise UsageError("holds no run that can be replayed", where=str(folder), hint=hint) from error
    return Replay(folder, infos, cache)
