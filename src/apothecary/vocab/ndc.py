"""National Drug Codes to ingredients, from the user's files: one code, and all it is said to stand for.

A code of a package has 11 digits (labeler 5, product 4, package 2). Maps that end before the package have 9:
one such key speaks for every package of the product. Truncating a code gives false friends (of a public map
with 3,351 keys of nine digits 249 have several values, up to 23), so a whole key comes first, and what has
several values is ambiguous, which the caller is told and nothing is chosen.

No map is shipped: those in use carry DrugBank or WHO identifiers, which may not be passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.csv_lines import csv_cells
from apothecary.vocab.files import content_start, numbered_lines, pieces, printable

__all__ = ["NdcMap", "ndc_digits", "read_ndc"]

PACKAGE, PRODUCT = 11, 9
"""Digits of the code of a package, and of a product."""

_PARTS = (5, 4, 2)
_KEYS = ("ndc", "ndc11", "ndc_11", "ndc9", "ndc_9", "ndc_code", "package_ndc")
_VALUES = (
    *("ingredient", "name", "drug", "generic_name", "drugbank_id", "drugbankid", "drugbank"),
    *("rxcui", "rxnorm", "atc", "atc4", "value"),
)
_PAIR = re.compile(r"""['"]([0-9-]{9,13})['"]\s*:\s*u?['"]([^'"]*)['"]""")
_DICT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class NdcMap:
    """`values` of each code of 11 or 9 digits. Built by `of`."""

    values: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> NdcMap:
        """The map of (code, ingredient) pairs; codes that are none, and empty ingredients, are left out."""
        found: dict[str, set[str]] = {}
        for code, value in pairs:
            digits = ndc_digits(code) or (code.strip() if _is_product(code) else None)
            if digits and value.strip():
                found.setdefault(digits, set()).add(value.strip())
        return cls({code: frozenset(values) for code, values in found.items()})

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ambiguous(self) -> int:
        """How many codes have several values."""
        return sum(len(values) > 1 for values in self.values.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Every value once, sorted."""
        return tuple(sorted({value for values in self.values.values() for value in values}))

    def of_code(self, code: str) -> frozenset[str]:
        """What a code stands for: by all its digits, else by those of its product; empty for nothing."""
        digits = ndc_digits(code)
        if digits is None:
            return frozenset()
        return self.values.get(digits) or self.values.get(digits[:PRODUCT], frozenset())


def ndc_digits(code: str) -> str | None:
    """The 11 digits of a code, with or without hyphens; None for 0, NaN and whatever else is no such code.

    >>> ndc_digits("0069-4200-30"), ndc_digits("00069420030"), ndc_digits("0")
    ('00069420030', '00069420030', None)
    """
    text = code.strip()
    if "-" in text:
        parts = text.split("-")
        if len(parts) != len(_PARTS) or not all(
            part.isascii() and part.isdigit() and len(part) <= length
            for part, length in zip(parts, _PARTS, strict=True)
        ):
            return None
        text = "".join(part.zfill(length) for part, length in zip(parts, _PARTS, strict=True))
    if len(text) != PACKAGE or not (text.isascii() and text.isdigit()) or not text.strip("0"):
        return None
    return text


def read_ndc(path: Path) -> NdcMap:
    """The map of a file: a table with headings (CSV, TSV; plain or gzip), or ``{'code': 'value', ...}``.

    Of the table one column is named ndc (or ndc9, ndc11), another ingredient, name, drug, drugbank_id, rxcui
    or atc, the first of these that it has. Rows whose code is none are left out. Raises FormatError.
    """
    pairs = _dict_pairs if content_start(path, 1) == b"{" else _table_pairs
    found = NdcMap.of(pairs(path))
    if not found:
        hint = "codes have 11 digits, or 9; columns: ndc,ingredient"
        raise FormatError("no code with an ingredient in it", where=printable(path), hint=hint)
    return found


def _is_product(code: str) -> bool:
    text = code.strip()
    return len(text) == PRODUCT and text.isascii() and text.isdigit() and bool(text.strip("0"))


def _dict_pairs(path: Path) -> Iterator[tuple[str, str]]:
    size, parts = 0, []
    for piece in pieces(path):
        size += len(piece)
        if size > _DICT_BYTES:
            raise FormatError("more than 64 MiB in one piece", where=printable(path), hint="write a table")
        parts.append(piece)
    return (
        (match[1], match[2]) for match in _PAIR.finditer(b"".join(parts).decode("utf-8", errors="replace"))
    )


def _table_pairs(path: Path) -> Iterator[tuple[str, str]]:
    delimiter, columns = ",", (-1, -1)
    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        line = line.removeprefix("\ufeff")
        if not line.strip():
            continue
        if columns == (-1, -1):
            delimiter = "\t" if "\t" in line else ";" if ";" in line and "," not in line else ","
            columns = _columns(csv_cells(line, delimiter, where), where)
            continue
        cells = csv_cells(line, delimiter, where)
        if len(cells) > max(columns):
            yield cells[columns[0]], cells[columns[1]]


def _columns(headings: list[str], where: str) -> tuple[int, int]:
    names = [heading.lower() for heading in headings]
    places = [
        next((names.index(name) for name in known if name in names), None) for known in (_KEYS, _VALUES)
    ]
    if places[0] is None or places[1] is None:
        missing = "ndc" if places[0] is None else "ingredient (or name, drug, drugbank_id, rxcui, atc)"
        raise FormatError(f"no column {missing}", where=where, hint="the first row names the columns")
    return places[0], places[1]
