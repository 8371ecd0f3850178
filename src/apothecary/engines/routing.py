"""Which engine answers which step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apothecary.errors import StepNotServed, UsageError
from apothecary.messages import Done, Engine, EngineInfo, Failure, Outcome, Request, nothing

__all__ = ["KINDS", "Routed", "parse_routes"]

KINDS = ("pocket", "llamacpp:", "http://", "https://", "hf:", "scripted:", "replay:")
"""How an ENGINE begins. A comma only separates where one of these follows, so paths may hold commas."""

A_LANGUAGE_MODEL = "llamacpp:smollm2-135m-instruct"

_START = "|".join(re.escape(kind) for kind in KINDS)
_SEPARATOR = re.compile(rf",(?=(?:[\w.]+=)?(?:{_START}))")
_ROUTE = re.compile(rf"(?P<step>[\w.]+)=(?P<engine>(?:{_START}).*)", re.DOTALL)


def parse_routes(text: str, steps: Sequence[str], asked: Sequence[str] | None = None) -> dict[str, str]:
    """Step -> ENGINE from ``ENGINE`` or ``STEP=ENGINE,STEP=ENGINE[,ENGINE for the rest]``.

    `steps` are all that a task has, `asked` those that need an engine (None: all). The name of the task may
    be left out of a step. Raises UsageError for an unknown step, a step named
    twice, and steps that are left without an engine.
    """
    named: dict[str, str] = {}
    rest: str | None = None
    for item in _SEPARATOR.split(text):
        route = _ROUTE.fullmatch(item)
        if route is None:
            if rest is not None:
                raise UsageError(f"two engines for the rest: {rest} and {item}", where="--engine")
            rest = item
            continue
        step = _full_name(route["step"], steps)
        if step in named:
            raise UsageError(f"step {step} is given two engines", where="--engine")
        named[step] = route["engine"]
    routes = {step: named.get(step, rest) for step in (steps if asked is None else asked)}
    open_steps = [step for step, engine in routes.items() if engine is None]
    if open_steps:
        raise UsageError(
            f"no engine for {', '.join(open_steps)}",
            where="--engine",
            hint="add one without STEP= for the rest",
        )
    return {step: engine for step, engine in routes.items() if engine is not None}


def _full_name(name: str, steps: Sequence[str]) -> str:
    found = [step for step in steps if name in (step, step.partition(".")[2])]
    if not found:
        raise UsageError(f"there is no step '{name}'", where="--engine", hint=f"steps: {', '.join(steps)}")
    return found[0]


@dataclass(frozen=True)
class Routed:
    """An engine that passes each request to the engine of its step."""

    engines: Mapping[str, Engine]

    @property
    def info(self) -> EngineInfo:
        """Named after all engines; as concurrent as the least concurrent of them."""
        infos = [engine.info for engine in self._distinct()]
        return EngineInfo(
            name=", ".join(sorted({info.name for info in infos})),
            digest=",".join(sorted({info.digest for info in infos})),
            adapter_digest=",".join(sorted({info.adapter_digest for info in infos if info.adapter_digest})),
            steps=tuple(self.engines),
            local=all(info.local for info in infos),
            concurrency=min((info.concurrency for info in infos), default=1),
        )

    def check(self, steps: Sequence[str]) -> None:
        """Raise StepNotServed unless every step has an engine that serves it."""
        infos = [engine.info for engine in self._distinct()]
        for step in steps:
            info = self._engine(step).info
            if not _serves(info, step):
                other = next((each.name for each in infos if _serves(each, step)), A_LANGUAGE_MODEL)
                raise StepNotServed(f"{info.name} does not serve the step {step}", hint=f"{step}={other}")

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """One group for each engine, the outcomes in the order of the requests.

        Raises StepNotServed when an engine serves a step, but not with the labels it is asked about: no
        document would fare better.
        """
        groups: dict[int, list[int]] = {}
        for position, request in enumerate(requests):
            groups.setdefault(id(self._engine(request.step)), []).append(position)
        outcomes: dict[int, Outcome] = {}
        for positions in groups.values():
            engine = self._engine(requests[positions[0]].step)
            answered = engine.answer([requests[position] for position in positions])
            for position, outcome in zip(positions, answered, strict=True):
                if isinstance(outcome, Failure) and outcome.kind == StepNotServed.__name__:
                    step = requests[position].step
                    raise StepNotServed(outcome.message, hint=f"--engine {step}={A_LANGUAGE_MODEL}")
            outcomes |= dict(zip(positions, answered, strict=True))
        return [outcomes[position] for position in range(len(requests))]

    def _engine(self, step: str) -> Engine:
        if step not in self.engines:
            raise StepNotServed(f"no engine is routed to the step {step}")
        return self.engines[step]

    def close(self) -> None:
        """Close every engine."""
        for engine in self._distinct():
            engine.close()

    def _distinct(self) -> list[Engine]:
        """Every engine once, though it may serve several steps."""
        return list({id(engine): engine for engine in self.engines.values()}.values())


def _serves(info: EngineInfo, step: str) -> bool:
    return info.steps is None or step in info.steps
