"""Typed access to a JSON object that may hold anything; every error names the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from apothecary.errors import FormatError, OffsetError

__all__ = ["Fields", "identifier"]

Option = TypeVar("Option", bound=str)


class Fields(NamedTuple):
    """One object of a record. `where` is its file:line, `name` its place in the record ("mentions[2]").

    A field that is null counts as absent. Every method raises FormatError when the value has
    another type than asked for, or is absent and has no default.
    """

    values: Mapping[str, object]
    where: str
    name: str = ""

    def error(self, key: str, problem: str) -> FormatError:
        """The error to raise about one field."""
        return FormatError(f"field {self.path(key)} {problem}", where=self.where)

    def path(self, key: str) -> str:
        """The field's place in the whole record."""
        return f"{self.name}.{key}" if self.name else key

    def has(self, key: str) -> bool:
        """Present and not null."""
        return self.values.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        if value is not None or default is None:
            raise self.error(key, "is missing" if value is None else "is not a string")
        return default

    def number(self, key: str) -> float | None:
        """A finite number, or None when absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "is not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(key, "is not a finite number")
        return number

    def option(self, key: str, options: tuple[Option, ...], default: Option) -> Option:
        """One of a closed set of strings."""
        value = self.text(key, default)
        for option in options:
            if option == value:
                return option
        raise self.error(key, f"is {value!r}, not one of {', '.join(options)}")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        value = self._list(key)
        for item in value:
            if not isinstance(item, str):
                raise self.error(key, "is not a list of strings")
        return tuple(str(item) for item in value)

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers; empty when absent."""
        return tuple(self._whole(item, key) for item in self._list(key))

    def objects(self, key: str) -> list[Fields]:
        """A list of objects; empty when absent."""
        items = self._list(key)
        if not items:
            return []
        found, path = [], self.path(key)
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise self.error(f"{key}[{index}]", "is not an object")
            found.append(Fields(item, self.where, f"{path}[{index}]"))
        return found

    def inner(self, key: str) -> Fields | None:
        """One object, or None when absent."""
        return None if self.values.get(key) is None else Fields(self.mapping(key), self.where, self.path(key))

    def mapping(self, key: str) -> Mapping[str, object]:
        """One object as it stands; empty when absent."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(key, "is not an object")
        return value

    def strings(self, key: str) -> dict[str, str]:
        """An object whose values are strings; empty when absent."""
        inner = self.inner(key)
        return {} if inner is None else {name: inner.text(name) for name in inner.values}

    def offsets(self, length: int) -> tuple[int, int]:
        """`start` and `end`; raises OffsetError unless 0 <= start <= end <= length."""
        pair = (self._whole(self.values.get("start"), "start"), self._whole(self.values.get("end"), "end"))
        self._check(pair, length)
        return pair

    def pairs(self, key: str, length: int) -> list[tuple[int, int]]:
        """A list of [start, end]; empty when absent. Raises OffsetError as `offsets` does."""
        found = []
        for item in self._list(key):
            if not isinstance(item, list) or len(item) != 2:
                raise self.error(key, "is not a list of [start, end]")
            pair = (self._whole(item[0], key), self._whole(item[1], key))
            self._check(pair, length)
            found.append(pair)
        return found

    def _check(self, pair: tuple[int, int], length: int) -> None:
        if not 0 <= pair[0] <= pair[1] or pair[1] > length:
            raise OffsetError(
                f"{self.name} {pair[0]}-{pair[1]} lies outside the text of {length} characters",
                where=self.where,
            )

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, "is not a list")
        return value

    def _whole(self, value: object, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, "is missing" if value is None else "is not a whole number")
        return value


def identifier(record: Mapping[str, object], *, where: str) -> str:
    """The record's `id` as text; a whole number counts. Raises FormatError when there is none."""
    value = record.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        problem = "is missing" if value is None or value == "" else "is neither a string nor a whole number"
        raise FormatError(f"field id {problem}", where=where, hint='give every record an "id"')
    return value
