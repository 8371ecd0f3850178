"""Requests and replies as JSON, for keys and caches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import FormatError
from apothecary.messages import Reply, Request

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["reply_from_json", "reply_to_json", "request_to_json"]

_REPLY = TypeAdapter(Reply)


def request_to_json(request: Request) -> str:
    """Canonical JSON of everything in a request: equal text for equal requests, and only for these.

    The kind of input and of constraint is named, as two kinds may have the same fields. A number
    written as ``0`` and as ``0.0`` counts as two.
    """
    record = _fields(request)
    for name, part in (("input", request.input), ("constraint", request.constraint)):
        record[name] = None if part is None else {"kind": type(part).__name__, "fields": _plain(part)}
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def reply_to_json(reply: Reply) -> str:
    """A reply as JSON; its options and labels keep their order."""
    return json.dumps(_plain(reply), separators=(",", ":"))


def reply_from_json(text: str) -> Reply:
    """A reply from `reply_to_json`. Raises FormatError."""
    # Not validate_json: it refuses the escape of a lone surrogate, which json.dumps writes for one.
    try:
        return _REPLY.validate_python(json.loads(text))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise FormatError("is not a stored reply") from error


def _plain(value: object) -> object:
    """Dataclasses and mappings of any kind as dicts (dataclasses.asdict cannot copy every mapping)."""
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _fields(value: DataclassInstance) -> dict[str, object]:
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
