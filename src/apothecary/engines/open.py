"""ENGINE, as a user writes it -> an open engine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from apothecary.engines.cache import default_cache_path
from apothecary.engines.cascade import Cascade
from apothecary.engines.gathering import Gathering
from apothecary.engines.hf import HfOptions, open_hf
from apothecary.engines.hf_roles import OpenRoles
from apothecary.engines.http_probe import open_http
from apothecary.engines.llamacpp import open_llamacpp
from apothecary.engines.pocket import open_pocket
from apothecary.engines.replay import open_replay
from apothecary.engines.routing import KINDS
from apothecary.engines.scripted import read_script
from apothecary.engines.soft import OpenSoft
from apothecary.engines.tuned import shipped_adapter
from apothecary.engines.weights import resolve
from apothecary.errors import UsageError
from apothecary.messages import Engine

__all__ = ["DEFAULT_ENGINE", "EngineOptions", "engine_spec", "open_engine"]

DEFAULT_ENGINE = "pocket"
BUILT = (
    "pocket[:FOLDER], pocket@SURE/ENGINE, llamacpp:NAME-or-path[+adapter], hf:NAME-or-path[+adapter],"
    " http://host:port/v1#model, replay:RUN, scripted:FILE"
)
SURE = 0.9
"""A cascade passes on what its first engine is less sure of than this, unless the user says otherwise."""

# A plus sign within a path that ends in .gguf does not begin the adapter.
_LLAMACPP = re.compile(r"llamacpp:(?P<weights>.+?\.gguf|[^+]+)(?:\+(?P<adapter>.+))?", re.DOTALL)
_HF = re.compile(r"hf:(?P<weights>[^+]+)(?:\+(?P<adapter>.+))?", re.DOTALL)
_OTHERS = "|".join(re.escape(kind) for kind in KINDS if kind != "pocket")
# A slash within the path of a folder does not begin the second engine.
_POCKET = re.compile(
    rf"pocket(?::(?P<folder>.+?))?(?:@(?P<sure>[\d.]+))?(?:/(?P<second>(?:{_OTHERS}).+))?", re.DOTALL
)


@dataclass(frozen=True)
class EngineOptions:
    """What is the same for every engine of a run.

    None for `threads` means the cores at hand; `seed` is added to that of a request and matters
    only where a request samples; `cache` is where a replayed run finds its replies (None: the user's).
    `roles` opens role-conditioned adapters, `soft` those with soft tokens; None refuses them.
    """

    threads: int | None = None
    slots: int = 1
    context: int = 4096
    seed: int = 0
    cache: Path | None = None
    roles: OpenRoles | None = None
    soft: OpenSoft | None = None


def engine_spec(option: str | None) -> str:
    """What was asked for: the option, else ``APOTHECARY_ENGINE``, else the models that ship."""
    return option or os.environ.get("APOTHECARY_ENGINE") or DEFAULT_ENGINE


def open_engine(spec: str, options: EngineOptions) -> Engine:
    """Open an engine. Raises UsageError for one that there is not, EngineError for one that will not open."""
    if spec.startswith("scripted:") and spec != "scripted:":
        return read_script(Path(spec.removeprefix("scripted:")))
    if spec.startswith("replay:") and spec != "replay:":
        return open_replay(Path(spec.removeprefix("replay:")), options.cache or default_cache_path())
    if spec.startswith(("http://", "https://")):
        return open_http(spec, in_flight=options.slots if options.slots > 1 else None, seed=options.seed)
    pocket = _POCKET.fullmatch(spec)
    if pocket is not None:
        return _open_pocket(spec, pocket, options)
    hugging_face = _HF.fullmatch(spec)
    if hugging_face is not None:
        opened = open_hf(
            hugging_face["weights"],
            name=spec,
            adapter=_path(hugging_face["adapter"]),
            options=HfOptions(
                threads=options.threads,
                context=options.context,
                seed=options.seed,
                roles=options.roles,
                soft=options.soft,
            ),
        )
        return Gathering(opened, options.slots) if options.slots > 1 else opened
    parts = _LLAMACPP.fullmatch(spec)
    if parts is not None:
        weights, adapter = _weights_and_adapter(parts["weights"], parts["adapter"])
        return open_llamacpp(
            resolve(weights),
            name=spec,
            threads=options.threads,
            context=options.context,
            slots=options.slots,
            adapter=_path(adapter),
            seed=options.seed,
        )
    if spec.startswith(("scripted:", "llamacpp:", "hf:", "replay:")):
        raise UsageError(f"'{spec}' names no file", hint=f"engines: {BUILT}")
    raise UsageError(f"there is no engine '{spec}'", hint=f"engines: {BUILT}")


def _weights_and_adapter(weights: str, adapter: str | None) -> tuple[str, str | None]:
    """NAME+ADAPTER.gguf looks like the path of one file; it is that only where there is such a file."""
    name, plus, rest = weights.partition("+")
    # No name of weights has a slash, a plus sign or the ending of a file.
    is_name = re.fullmatch(r"[\w.-]+(?<!\.gguf)", name) and plus and not rest.startswith("+")
    if adapter is None and is_name and not Path(weights).exists():
        return name, rest
    return weights, adapter


def _path(name: str | None) -> Path | None:
    """The path of an adapter; the name of one that ships stands for it, where there is no such path here."""
    if not name:
        return None
    shipped = shipped_adapter(name) if not Path(name).exists() else None
    return shipped or Path(name)


def _open_pocket(spec: str, parts: re.Match[str], options: EngineOptions) -> Engine:
    folder, sure, second = parts["folder"], parts["sure"], parts["second"]
    if sure and (not second or not _is_probability(sure)):
        raise UsageError(
            f"'{spec}' does not say from which probability on to ask which engine", hint="pocket@0.9/ENGINE"
        )
    name = f"pocket:{folder}" if folder else "pocket"
    first = open_pocket(Path(folder) if folder else None, name=name, threads=options.threads)
    if not second:
        return first
    return Cascade(first, open_engine(second, options), float(sure) if sure else SURE)


def _is_probability(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False
