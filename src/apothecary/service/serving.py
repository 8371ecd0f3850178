"""What a server works with, checked before it listens: what it cannot do is told when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.engines.open import EngineOptions, engine_spec, open_engine
from apothecary.errors import UsageError
from apothecary.hosts import is_loopback_host
from apothecary.runs.policies import policy_folder
from apothecary.store.opening import opened
from apothecary.vocab.interaction_files import read_interactions

__all__ = ["MOST_BYTES", "Serving", "check_serving", "names_of_host"]

MOST_BYTES = 10 << 20


@dataclass(frozen=True)
class Serving:
    """What requests are answered with. Nothing of it can be named or changed by a request.

    `jobs` is the folder of jobs; `policy` with `interactions` is what lists of medication come from, `store`
    is the knowledge base: None answers no such request. A request has at most `most_bytes`, is answered
    within `seconds` or not at all, and waits `turn_seconds` for the one before; `waiting` jobs may stand in
    the queue. `token` "" asks for none.
    """

    jobs: Path
    engine: str | None = None
    store: Path | None = None
    policy: str | None = None
    interactions: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    token: str = ""
    most_bytes: int = MOST_BYTES
    seconds: float = 60.0
    turn_seconds: float = 10.0
    waiting: int = 20


def check_serving(serving: Serving) -> None:
    """Raises ApothecaryError for what would fail later: the engine, the policy, the base, the address."""
    if not serving.token and not is_loopback_host(serving.host):
        raise UsageError(
            "whoever reaches this address could use the server",
            where=f"--host {serving.host}",
            hint="set APOTHECARY_TOKEN to a long random text, or take --host 127.0.0.1",
        )
    if serving.policy is not None:
        policy_folder(serving.policy)
        read_interactions(_demanded(serving.interactions))
    if serving.store is not None:
        with opened(serving.store):
            pass
    spec = engine_spec(serving.engine)
    # Of routes by step no task uses all; those that are wrong are told by the request that needs them.
    if "=" not in spec:
        open_engine(spec, EngineOptions()).close()


def _demanded(interactions: Sequence[Path]) -> Sequence[Path]:
    if not interactions:
        raise UsageError("a policy needs to know which drugs interact", hint="--interactions FILE")
    return interactions


def names_of_host(host: str) -> frozenset[str] | None:
    """The names by which requests may call a server; None: by any, since a token guards it.

    A page on the web can have a name of its own resolve to this machine, and so reach a server on loopback
    as if it were its own. It cannot choose the name that the browser sends.
    """
    if not is_loopback_host(host):
        return None
    return frozenset({"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host})
