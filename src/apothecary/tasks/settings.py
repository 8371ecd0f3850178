"""Settings of a task: a frozen dataclass, checked where a user's values come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import UsageError

__all__ = ["as_record", "bind"]

T = TypeVar("T")


def bind(kind: type[T], given: Mapping[str, object]) -> T:
    """Settings of a kind from names and values; text is converted ("3" -> 3, "true" -> True).

    Raises UsageError that names the setting and the ones there are.
    """
    if not is_dataclass(kind):
        raise UsageError(f"{kind.__name__} holds no settings")
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            raise UsageError(f"there is no setting '{name}'", hint=f"settings: {', '.join(known)}")
    try:
        return TypeAdapter(kind).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {name} = {first['input']!r}: {first['msg']}") from error


def as_record(settings: object) -> dict[str, object]:
    """Settings as plain values for a manifest."""
    if is_dataclass(settings) and not isinstance(settings, type):
        return dict(asdict(settings))
    return {}
