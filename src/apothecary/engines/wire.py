"""Requests and replies as JSON, for keys and caches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import FormatError
from apothecary.messages import Reply, Request

__all__ = ["reply_from_json", "reply_to_json", "request_to_json"]

_REPLY = TypeAdapter(Reply)


def request_to_json(request: Request) -> str:
    """Canonical JSON of everything in a request: equal text for equal requests, and only for these.

    The kind of input and of constraint is named, as two kinds may have the same fields.
    """
    record: dict[str, object] = asdict(request)
    record["input"] = _tagged(request.input, record["input"])
    record["constraint"] = _tagged(request.constraint, record["constraint"])
    return _canonical(record)


def reply_to_json(reply: Reply) -> str:
    """A reply as JSON."""
    record: dict[str, object] = asdict(reply)
    record["logprobs"] = dict(reply.logprobs) if reply.logprobs is not None else None
    return _canonical(record)


def reply_from_json(text: str) -> Reply:
    """A reply from `reply_to_json`. Raises FormatError."""
    try:
        return _REPLY.validate_json(text)
    except ValidationError as error:
        raise FormatError("is not a stored reply") from error


def _tagged(value: object, fields: object) -> object:
    return None if value is None else {"kind": type(value).__name__, "fields": fields}


def _canonical(record: Mapping[str, object]) -> str:
    # ASCII escapes: a lone surrogate in a prompt must not make a key impossible.
    return json.dumps(record, sort_keys=True, separators=(",", ":"))
