"""What a model says about conditions: a JSON list of ``Span: ... | Label: ...``, read and written.

The one reader of predictions and of gold that comes as text. It is tolerant and says so: `Status` tells how
much had to be mended, and an item that cannot be meant costs that item alone. Time grows linearly with the
text, and no more than `LIMIT` characters of it are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apothecary.metrics.literals import python_literal
from apothecary.tasks.answers import split_thinking
from apothecary.tasks.conditions.labels import canonical
from apothecary.tasks.conditions.salvage import salvage

__all__ = [
    "LIMIT",
    "Condition",
    "ParsedOutput",
    "Status",
    "item_fields",
    "read_items",
    "read_output",
    "read_reference",
    "reference_item",
    "render_item",
    "render_output",
]

LIMIT = 65_536
"""Characters of an answer that are read; what stands behind them is cut off."""

Status = Literal["ok", "empty", "salvaged", "malformed"]
"""How an answer was read.

``ok``: a list with at least one usable item. ``empty``: an empty list. ``salvaged``: a list, perhaps an
empty one, that had to be found in other text or put together from its complete items. ``malformed``: nothing
usable, which is never the statement that there are no conditions.
"""

_REFERENCE_ENDS = ("</s>", "<|im_end|>", "<eos>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
_END = re.compile("|".join(map(re.escape, (*_REFERENCE_ENDS, "<|endoftext|>", "<end_of_turn>"))))
_LEAD = re.compile(r"[#*\s]*(?:(?:final\s+)?answer|applica(?:ble|bility)\s+conditions)\s*:[*\s]*", re.I)
_FENCE = re.compile(r"```[A-Za-z]*")
_SPAN = re.compile(r"Span\s*:", re.I)
_LABEL = re.compile(r"\|\s*Label\s*:", re.I)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Not strict: models break lines inside a string.
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Condition:
    """A span copied from the document and its type: canonical where it is known, else as written."""

    span: str
    type: str


@dataclass(frozen=True)
class ParsedOutput:
    """An answer taken apart: its usable items in their order, repeated ones kept.

    `dropped` counts items without a span or a label; scores count each as a wrong prediction.
    """

    items: tuple[Condition, ...]
    status: Status
    dropped: int = 0


def read_output(text: str) -> ParsedOutput:
    """Read what a model wrote. Never raises.

    A JSON list comes as it is. Else thinking, everything behind an end marker, a code fence and a leading
    "Answer:" are taken off; then a JSON list, a Python list and an object are tried, and at last what
    `salvage` finds.
    """
    text = text[:LIMIT].strip()
    whole = _json(text)
    if isinstance(whole, list):
        return read_items(whole)
    _, text = split_thinking(text)
    text = _without_lead(_END.split(text, maxsplit=1)[0])
    value = _value(_unfenced(text))
    if isinstance(value, list):
        return read_items(value)
    if isinstance(value, Mapping):
        inside = value.get("conditions", [value])
        return _mended(read_items(inside)) if isinstance(inside, list) else ParsedOutput((), "malformed")
    found = salvage(text)
    return _mended(read_items(found.items), found.broken) if found else ParsedOutput((), "malformed")


def read_items(values: Sequence[object]) -> ParsedOutput:
    """Read the items of a list: ``Span: ... | Label: ...``, or objects with a span and a type or label.

    The text is split at its last "| Label:", so that a span may hold a "|"; without one, at its last "|".
    Parts behind the label are ignored.
    """
    read = [_item(each) for each in values]
    items = tuple(item for item in read if item is not None)
    status: Status = "ok" if items else "malformed" if read else "empty"
    return ParsedOutput(items, status, len(read) - len(items))


def read_reference(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of span and lower-cased label that the published scorer reads from an answer.

    A Python list literal as a whole, or nothing at all; items as `reference_item` reads them. Departure: a
    text of more than `LIMIT` characters is read as nothing, where the release would try.
    """
    text = text.strip()
    for marker in _REFERENCE_ENDS:
        text = text.split(marker, 1)[0]
    value = _python(text.strip())
    try:
        return tuple(reference_item(str(each).strip()) for each in value) if isinstance(value, list) else ()
    except (ValueError, RecursionError):
        # A number of more than 4300 digits has no text.
        return ()


def reference_item(text: str) -> tuple[str, str]:
    """Span and lower-cased label before and behind the first "|", less every "Span: " and "Label: ".

    An item without "|" is a pair of blanks, which matches any other such.
    """
    if "|" not in text:
        return " ", " "
    span, label = text.split("|")[:2]
    return span.strip().replace("Span: ", ""), label.strip().replace("Label: ", "").lower()


def item_fields(item: Mapping[object, object]) -> tuple[object, object]:
    """Span and label of an item that is an object, as they are; keys in any case, "label" or "type"."""
    fields = {key.strip().casefold(): each for key, each in item.items() if isinstance(key, str)}
    return fields.get("span"), fields.get("type", fields.get("label"))


def render_item(item: Condition) -> str:
    """One condition as it stands in an answer."""
    return f"Span: {item.span} | Label: {item.type}"


def render_output(items: Sequence[Condition]) -> str:
    """The answer a perfect model would have written; ``[]`` where there are no conditions.

    `read_output` gives the items back as long as they were read by this module and the text keeps to `LIMIT`.
    """
    return json.dumps([render_item(each) for each in items], ensure_ascii=False)


def _mended(found: ParsedOutput, broken: int = 0) -> ParsedOutput:
    status: Status = "malformed" if found.status == "malformed" else "salvaged"
    return ParsedOutput(found.items, status, found.dropped + broken)


def _without_lead(text: str) -> str:
    lead = _LEAD.match(text)
    return text[lead.end() :].strip() if lead else text.strip()


def _unfenced(text: str) -> str:
    """The inside of a code fence with nothing around it."""
    fence = _FENCE.match(text)
    return text[fence.end() :].removesuffix("```").strip() if fence else text


def _value(text: str) -> object:
    value = _json(text)
    return _python(text) if value is None else value


def _json(text: str) -> object:
    """The list or object that the whole text is; None when it is neither."""
    if not text.startswith(("[", "{")):
        return None
    try:
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError):
        # A ValueError that is no JSONDecodeError: a number of more than 4300 digits.
        return None
    return value


def _python(text: str) -> object:
    """The value of a list or dict literal; None when it is none, or too long for Python's parser."""
    return python_literal(text, limit=LIMIT) if text.startswith(("[", "{")) else None


def _item(value: object) -> Condition | None:
    if isinstance(value, str):
        return _item_of_text(value)
    if not isinstance(value, Mapping):
        return None
    span, label = item_fields(value)
    return _condition(span, label) if isinstance(span, str) and isinstance(label, str) else None


def _item_of_text(text: str) -> Condition | None:
    labels = list(_LABEL.finditer(text))
    if labels:
        span, label = text[: labels[-1].start()], text[labels[-1].end() :]
    elif "|" in text:
        span, label = text.rsplit("|", 1)
    else:
        return None
    span = span.strip()
    prefix = _SPAN.match(span)
    return _condition(span[prefix.end() :] if prefix else span, label)


def _condition(span: str, label: str) -> Condition | None:
    span, label = span.strip(), label.split("|", 1)[0].strip()
    # Half a surrogate pair, which a JSON escape can make, is no text: it cannot be written to a file.
    if not span or not label or _SURROGATE.search(span) or _SURROGATE.search(label):
        return None
    return Condition(span, canonical(label) or label)
