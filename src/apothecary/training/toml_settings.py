"""Settings of a training from a user's TOML file: read whole, checked before anything else happens."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import FormatError, UsageError

__all__ = ["checked", "toml_table"]

S = TypeVar("S")


def toml_table(path: Path) -> dict[str, object]:
    """What a file says. Raises UsageError where it cannot be read, FormatError where it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        known = isinstance(error, tomllib.TOMLDecodeError | UnicodeDecodeError)
        reason = str(error) if known else "nested too deeply, or a number too long"
        raise FormatError(f"is not TOML: {reason}", where=str(path)) from error


def checked(adapter: TypeAdapter[S], table: Mapping[str, object], where: str) -> S:
    """The settings that a table says, no key left over. Raises UsageError that names the first wrong key."""
    try:
        return adapter.validate_python(table, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{name}: {first['msg']}", where=where) from error
