"""Settings from a user's TOML file: read whole, checked before anything else happens."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import FormatError, UsageError

__all__ = ["checked", "toml_of", "toml_table"]

S = TypeVar("S")
_NO_VALUE = "nested too deeply, or a number too long"


def toml_table(path: Path) -> dict[str, object]:
    """What a file says. Raises UsageError where it cannot be read, FormatError where it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the configuration: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        known = isinstance(error, UnicodeDecodeError)
        raise _no_toml(str(error) if known else _NO_VALUE, str(path)) from error
    return toml_of(text, str(path))


def toml_of(text: str, where: str) -> dict[str, object]:
    """What a text says. Raises FormatError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        known = isinstance(error, tomllib.TOMLDecodeError)
        raise _no_toml(str(error) if known else _NO_VALUE, where) from error


def _no_toml(reason: str, where: str) -> FormatError:
    return FormatError(f"is not TOML: {reason}", where=where)


def checked(adapter: TypeAdapter[S], table: Mapping[str, object], where: str) -> S:
    """The settings that a table says, no key left over. Raises UsageError that names the first wrong key."""
    try:
        return adapter.validate_python(table, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{name}: {first['msg']}", where=where) from error
