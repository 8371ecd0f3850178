"""Damage to bytes that hold something: what disks, tools and attackers do to a file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["KINDS", "TOKENS", "WRONG", "Edit", "edited", "variants"]

KINDS = ("flip", "cut", "double", "swap lines", "insert", "change a number", "end here")

TOKENS = (
    *(b"\0", b"\r", b"\n", b"\t", b"|", b'"', b"\\", b"<", b"&", b"\xff\xfe", b"\xed\xa0\x80", b"\x1b[2J"),
    *(b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"null", b"true", b"[]", b"{}", b'""', b"9" * 30),
    *(
        b"9" * 5000,
        b"[" * 2000,
        b'{"a":' * 1000,
        b"\\ud800",
        b"\\u0000",
        b"<a>" * 300,
        b"&x;",
        b"<!--",
        b"]]>",
    ),
    *(b"10|t|", b"T1\t", b"*NEWRECORD", b"\x1f\x8b", b"PAR1", b"SQLite", b"\xef\xbb\xbf", "βß中😀".encode()),
)
"""What is put in: marks of the formats, and values that break careless readers."""

WRONG: tuple[object, ...] = (
    *(None, True, False, 0, -1, 10**30, -(10**30), 0.5, 1e308, "", " ", "x", "\0", "-1", "9" * 40),
    *(
        [],
        {},
        [[]],
        [None],
        [1, 2, 3],
        [{}],
        {"a": {}},
        ["x"],
        [-1],
        [True],
        [[0, 0]],
        [[5, 2]],
        [["a", "b"]],
    ),
)
"""What a field of JSON may hold instead of what it should."""

_NUMBER = re.compile(rb"-?[0-9]+")


@dataclass(frozen=True)
class Edit:
    """One change, at `start` (taken modulo the length), over `length` bytes, with the help of `token`."""

    kind: str
    start: int
    length: int
    token: bytes


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """The data after all changes, in their order."""
    for edit in edits:
        data = _changed(data, edit)
    return data


def _changed(data: bytes, edit: Edit) -> bytes:
    start = edit.start % (len(data) + 1)
    end = min(len(data), start + edit.length)
    match edit.kind:
        case "flip":
            return (
                data[:start] + bytes(byte ^ (1 + edit.start % 255) for byte in data[start:end]) + data[end:]
            )
        case "cut":
            return data[:start] + data[end:]
        case "double":
            return data[:end] + data[start:]
        case "swap lines":
            return _swapped(data, edit)
        case "insert":
            return data[:start] + edit.token + data[start:]
        case "change a number":
            return _renumbered(data, start, edit.token)
    return data[:start]


def _swapped(data: bytes, edit: Edit) -> bytes:
    lines = data.split(b"\n")
    one, other = edit.start % len(lines), (edit.start + edit.length) % len(lines)
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _renumbered(data: bytes, start: int, token: bytes) -> bytes:
    found = _NUMBER.search(data, start) or _NUMBER.search(data)
    return data[: found.start()] + token + data[found.end() :] if found else data + token


def variants(value: object, wrong: Sequence[object]) -> Iterator[object]:
    """The value with each of its parts, at any depth, replaced by each wrong one, and each part left out."""
    yield from wrong
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            for variant in variants(value[key], wrong):
                yield {**value, key: variant}
    elif isinstance(value, list):
        for place in range(len(value)):
            for variant in variants(value[place], wrong):
                yield [*value[:place], variant, *value[place + 1 :]]
