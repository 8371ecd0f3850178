"""What stands beside an adapter: how it wants to be asked.

``asked.json`` lies in the folder of ``adapter.gguf``, or in a PEFT folder itself; ``NAME.asked.json`` beside
``NAME.gguf`` is of this file alone:

    {"settings": {"combinations": {"prompt": "brief", "context": false}}, "steps": ["combinations.answer"]}

`settings` are those of each task that the adapter was trained with: a run takes them where its user says
nothing. `steps`, where it is there, are the only steps that the adapter was trained for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import WeightsError
from apothecary.messages import EngineInfo

__all__ = ["ASKED", "Asked", "read_asked", "shipped_adapter", "tuned_settings"]

ASKED = "asked.json"


@dataclass(frozen=True)
class Asked:
    """The contents of ``asked.json``."""

    settings: Mapping[str, Mapping[str, str | int | float | bool]] = field(default_factory=dict)
    steps: tuple[str, ...] | None = None


_ASKED = TypeAdapter(Asked)


def read_asked(adapter: Path | None) -> Asked:
    """How an adapter, a GGUF file or a PEFT folder, wants to be asked; nothing where no file says it.

    Raises WeightsError for a file that is damaged.
    """
    if adapter is None:
        return Asked()
    own = adapter.with_name(f"{adapter.stem}.{ASKED}")
    path = adapter / ASKED if adapter.is_dir() else own if own.is_file() else adapter.parent / ASKED
    try:
        return _ASKED.validate_python(json.loads(path.read_text(encoding="utf-8")), extra="forbid")
    except FileNotFoundError:
        return Asked()
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        hint = 'it holds {"settings": {TASK: {NAME: VALUE}}, "steps": [STEP, ...]}'
        raise WeightsError("cannot be read", where=str(path), hint=hint) from error


def shipped_adapter(name: str) -> Path | None:
    """The adapter of that name that comes with the package, None where there is none."""
    folder = Path(str(files("apothecary"))) / "models" / name
    path = folder / "adapter.gguf"
    return path if folder.parent.name == "models" and name == folder.name and path.is_file() else None


def tuned_settings(task: str, engines: Mapping[str, EngineInfo]) -> dict[str, object]:
    """The settings of a task that the engines of a run were trained with; the first that says it counts."""
    found: dict[str, object] = {}
    for info in engines.values():
        for name, value in info.tuned.get(task, {}).items():
            found.setdefault(name, value)
    return found
