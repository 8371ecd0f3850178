"""What a run begins with: the engines of its steps, within a budget and behind the cache, and its folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path

from apothecary.align.roles import ROLES
from apothecary.engines.budget import Budget, Budgeted, Meter
from apothecary.engines.cache import Cached, default_cache_path
from apothecary.engines.hf_roles import RoleReader
from apothecary.engines.open import EngineOptions, engine_spec, open_engine
from apothecary.engines.replay import Replay
from apothecary.engines.routing import Routed, parse_routes
from apothecary.engines.soft import SoftReader
from apothecary.messages import Engine
from apothecary.runs.folder import unfinished

__all__ = ["ExtractOptions", "open_engines", "run_folder"]


@dataclass(frozen=True)
class ExtractOptions:
    """How a run is made, as opposed to what is extracted.

    `threads` are the engine's (None: the cores at hand), `slots` how many documents an embedded
    engine works on at once; `cache` is the file of the reply cache (None: the user's, "" for none);
    `fresh` starts an existing folder anew.
    """

    limit: int | None = None
    fresh: bool = False
    encoding: str = "utf-8"
    seed: int = 0
    threads: int | None = None
    slots: int = 1
    cache: Path | str | None = None
    budget: Budget = field(default_factory=Budget)


def open_engines(
    steps: Sequence[str], engine: str | None, options: ExtractOptions, asked: Sequence[str] | None = None
) -> Routed:
    """The engines of the steps asked for (None: all of `steps`), within the budget, behind the cache.

    Raises UsageError or EngineError. To be closed by the caller.
    """
    routes = parse_routes(engine_spec(engine), steps, asked)
    meter = Meter(options.budget)
    path = Path(options.cache) if options.cache else default_cache_path()
    opened: dict[str, Engine] = {}
    with ExitStack() as stack:
        for spec in routes.values():
            if spec not in opened:
                bare = open_engine(
                    spec,
                    EngineOptions(
                        threads=options.threads,
                        slots=options.slots,
                        seed=options.seed,
                        cache=path,
                        roles=_role_reader,
                        soft=_soft_reader,
                    ),
                )
                stack.callback(bare.close)
                limited = Budgeted(bare, meter)
                uncached = options.cache == "" or isinstance(bare, Replay)
                opened[spec] = limited if uncached else Cached(limited, path)
        # All are open: from here on they are closed by whoever holds them.
        stack.pop_all()
    return Routed({step: opened[spec] for step, spec in routes.items()})


def _role_reader() -> RoleReader:
    # By its name: it needs libraries that are optional, and most runs none of them.
    reader: RoleReader = import_module("apothecary.adapters.role_reader").RoleAdapters(ROLES)
    return reader


def _soft_reader() -> SoftReader:
    reader: SoftReader = import_module("apothecary.adapters.soft_reader").SoftAdapters()
    return reader


def run_folder(out: str | Path | None, task: str, run_fingerprint: str, *, fresh: bool) -> Path:
    """Where a run goes: `out`, else the newest unfinished one of the very same run, else a new folder."""
    if out is not None:
        return Path(out)
    parent = Path("runs")
    earlier = None if fresh else unfinished(parent, task, run_fingerprint)
    return earlier or parent / f"{task}-{datetime.now():%Y%m%d-%H%M%S}"
