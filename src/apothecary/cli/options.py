"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from apothecary.errors import FormatError, UsageError

__all__ = [
    "EXIT_CODES",
    "Config",
    "Encoding",
    "EngineSeed",
    "Json",
    "MaxCalls",
    "MaxSeconds",
    "MaxTokens",
    "NoCache",
    "Seed",
    "Set",
    "Slots",
    "Threads",
    "named_path",
    "read_settings",
]

EXIT_CODES = {"complete": 0, "incomplete": 1, "stopped by budget": 3, "interrupted": 130}
"""By the status that a run ends with."""
NO_VALUE = "nested too deeply, or a number too long"
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings from a TOML file.", metavar="FILE.toml")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, over the file's; may be repeated.", metavar="KEY=VALUE"),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
EngineSeed = Annotated[
    int, typer.Option("--seed", help="Seed of what engines draw; of what a task draws: --set seed=N.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads of the engine [default: the cores at hand].")
]
Encoding = Annotated[str, typer.Option("--encoding", help="Character encoding of the inputs.")]
MaxCalls = Annotated[
    int | None, typer.Option("--max-calls", min=0, help="Stop before more requests than this.")
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=0, help="Stop when this many tokens are spent.")
]
MaxSeconds = Annotated[float | None, typer.Option("--max-seconds", min=0, help="Stop after this time.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Do not use the cache of replies.")]
Slots = Annotated[
    int,
    typer.Option("--slots", min=1, help="Documents at work at once (llamacpp; hf answers them in batches)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def named_path(value: str) -> Path:
    """A path as it was given; an empty one, as of a shell variable that is not set, is no path."""
    if not value:
        raise typer.BadParameter("is empty")
    return Path(value)


def read_settings(config: Path | None, assignments: Sequence[str] | None, task: str) -> dict[str, object]:
    """Settings of a file (its top level, and its table named like the task), then single assignments.

    Raises UsageError or FormatError.
    """
    settings: dict[str, object] = {}
    if config is not None:
        try:
            table = tomllib.loads(config.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the settings: {error}", where=str(config)) from error
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else NO_VALUE
            raise FormatError(f"not valid TOML: {reason}", where=str(config)) from error
        own = table.get(task, {})
        settings |= {key: value for key, value in table.items() if not isinstance(value, dict)}
        settings |= own if isinstance(own, dict) else {}
    for assignment in assignments or ():
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"'{assignment}' is not KEY=VALUE", where="--set")
        settings[key.strip().removeprefix(f"{task}.")] = value.strip()
    return settings
