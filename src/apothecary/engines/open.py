"""ENGINE, as a user writes it -> an open engine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from apothecary.engines.llamacpp import open_llamacpp
from apothecary.engines.routing import KINDS
from apothecary.engines.scripted import read_script
from apothecary.engines.weights import resolve
from apothecary.errors import UsageError
from apothecary.messages import Engine

__all__ = ["DEFAULT_ENGINE", "EngineOptions", "engine_spec", "open_engine"]

DEFAULT_ENGINE = "llamacpp:smollm2-135m-instruct"
BUILT = "llamacpp:NAME-or-path[+adapter], scripted:FILE"

# A plus sign within a path that ends in .gguf does not begin the adapter.
_LLAMACPP = re.compile(r"llamacpp:(?P<weights>.+?\.gguf|[^+]+)(?:\+(?P<adapter>.+))?", re.DOTALL)


@dataclass(frozen=True)
class EngineOptions:
    """What is the same for every engine of a run.

    None for `threads` means the cores at hand; `seed` is added to that of a request and matters
    only where a request samples.
    """

    threads: int | None = None
    slots: int = 1
    context: int = 4096
    seed: int = 0


def engine_spec(option: str | None) -> str:
    """What was asked for: the option, else ``APOTHECARY_ENGINE``, else the embedded engine."""
    return option or os.environ.get("APOTHECARY_ENGINE") or DEFAULT_ENGINE


def open_engine(spec: str, options: EngineOptions) -> Engine:
    """Open an engine. Raises UsageError for one that there is not, EngineError for one that will not open."""
    if spec.startswith("scripted:") and spec != "scripted:":
        return read_script(Path(spec.removeprefix("scripted:")))
    parts = _LLAMACPP.fullmatch(spec)
    if parts is not None:
        adapter: str | None = parts["adapter"]
        return open_llamacpp(
            resolve(parts["weights"]),
            name=spec,
            threads=options.threads,
            context=options.context,
            slots=options.slots,
            adapter=Path(adapter) if adapter else None,
            seed=options.seed,
        )
    if spec.startswith(("scripted:", "llamacpp:")):
        raise UsageError(f"'{spec}' names no file", hint=f"engines: {BUILT}")
    known = any(spec.startswith(start) for start in KINDS)
    message = "this version has no engine" if known else "there is no engine"
    raise UsageError(f"{message} '{spec}'", hint=f"engines: {BUILT}")
