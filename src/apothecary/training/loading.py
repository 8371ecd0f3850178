"""The parts of training that need optional libraries, loaded when they are used."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from apothecary.errors import UsageError

__all__ = ["training_part"]

NEEDED = ("torch", "transformers", "peft", "accelerate", "gguf", "safetensors")


def training_part(name: str, more: Sequence[str] = ()) -> ModuleType:
    """A module of this package, found by its name as tasks are; `more` are libraries that it alone needs.

    Raises UsageError that names what is missing and how to get it.
    """
    missing = [each for each in (*NEEDED, *more) if importlib.util.find_spec(each) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed", hint="pip install 'apothecary[train]'")
    return import_module(f"apothecary.training.{name}")
