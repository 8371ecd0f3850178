"""Folder name -> task, imported on demand.

A task is a folder here whose ``task.py`` exports ``TASK``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files

from apothecary.errors import UsageError
from apothecary.tasks.flow import Task
from apothecary.tasks.rows import load_rows

__all__ = ["load", "names"]


def names() -> tuple[str, ...]:
    """Every task, in alphabetical order."""
    folder = files("apothecary.tasks")
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.joinpath("task.py").is_file()))


def load(name: str) -> Task:
    """The task of that name. Raises UsageError with the names there are, or for one without documents."""
    if name not in names():
        if load_rows(name) is not None:
            raise UsageError(f"{name} reads visits, not documents", hint=f"apothecary score {name}")
        raise UsageError(f"there is no task '{name}'", hint=f"tasks: {', '.join(names())}")
    module = import_module(f"apothecary.tasks.{name}.task")
    task: Task = module.TASK
    return task
