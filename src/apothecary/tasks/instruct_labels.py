# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Labels of a reply: which of a closed list of options it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from apothecary.errors import AnswerError
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_items import is_nothing, split_items, unquoted
from apothecary.tasks.instruct_replies import DUPLICATE, body_of, bullet_free, json_of, type_of

__all__ = ["EMPTY", "found_in_prose", "in_order", "read_labels"]

EMPTY = "[]"
"""No label, where the word for nothing is a label itself."""
UNKNOWN_LABEL = "unknown label dropped"
_LEAD = re.compile(r"[^:：\"“]{0,80}[:：]\s*[*_]*")


def in_order(labels: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """Labels in the order of the options, each once."""
    return tuple(option for option in options if option in labels)


def read_labels(reply: str, options: Sequence[str]) -> Parsed[tuple[str, ...]]:
    """The options that a reply names, () where it says that none does. Raises AnswerError for no answer.

    In this order: items as they are written; JSON; items behind a lead-in or one a line; options found in
    prose, where a longer one hides the shorter ones within it.
    """
    strict = split_items(reply.strip()) if "\n" not in reply.strip() else []
    if strict and all(item in options for item in strict):
        return Parsed(in_order(strict, options), tuple([DUPLICATE] * (len(strict) - len(set(strict)))))
    body, repairs = body_of(reply)
    if body == EMPTY or (type_of(body, options) is None and is_nothing(body)):
        return Parsed((), tuple(repairs))
    items = _of_json(json_of(body))
    if items is not None:
        repairs.append("JSON read")
    else:
        items = _of_lines(body, options)
    known = [label for item in items if (label := type_of(item, options)) is not None]
    if known:
        repairs += [UNKNOWN_LABEL] * (len(items) - len(known))
        repairs += [DUPLICATE] * (len(known) - len(set(known)))
        return Parsed(in_order(known, options), tuple(repairs))
    said = found_in_prose(body, options)
    if said:
        return Parsed(in_order(said, options), (*repairs, "labels found in prose"))
    if items == [] or any(map(is_nothing, items)) or is_nothing(body, prose=True):
        return Parsed((), tuple(repairs))
    raise AnswerError("the reply names none of the options")


def found_in_prose(text: str, options: Sequence[str]) -> list[str]:
    """Options that occur in a text as whole words, longest first and none within another."""
    longest = sorted(options, key=lambda option: (-len(option), option))
    forms = "|".join(re.escape(option) for option in longest)
    # 不是 names no 是: an option behind a Chinese negation is not said.
    pattern = re.compile(rf"(?<![A-Za-z0-9不没非未])(?:{forms})(?![A-Za-z0-9])", re.IGNORECASE)
    found = [type_of(match.group(), options) for match in pattern.finditer(text)]
    return list(dict.fromkeys(label for label in found if label is not None))


def _of_lines(body: str, options: Sequence[str]) -> list[str]:
    items: list[str] = []
    for line in filter(str.strip, body.split("\n")):
        bare = bullet_free(line)
        whole = unquoted(bare)
        if type_of(whole, options) is not None:
            items.append(whole)
            continue
        lead = _LEAD.match(bare)
        rest = bare[lead.end() :] if lead else bare
        items += split_items(rest)
    return items


def _of_json(value: object) -> list[str] | None:
    if isinstance(value, Mapping):
        value = next((v for v in value.values() if isinstance(v, list | str)), None)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return None
    return [item for item in value if isinstance(item, str)]
