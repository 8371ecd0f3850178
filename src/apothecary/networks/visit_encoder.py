"""Vectors of codes, drugs and visits, made without a network, by truncated decompositions.

Two kinds: what names share by knowledge (their classes, their place in a hierarchy), and what they share in
the visits of a training split. A visit is the mean of the vectors of its codes, so one never seen has a
vector, too. Nothing here is learnt by gradients; who learns from the vectors keeps them as they are.

Source: the patient and code vectors of FLAME (arXiv 2505.20218), which come from two other networks trained
on the drugs of all visits, one vector for each visit id. Departures: 1. decompositions instead of networks;
2. only the visits that are given, those of the training split, are looked at; 3. no vector belongs to a
visit or patient.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from apothecary.errors import DataError, FormatError, UsageError

__all__ = [
    "Asked",
    "VectorTable",
    "attribute_table",
    "encode_visits",
    "read_table",
    "read_tables",
    "write_tables",
]

Matrix = NDArray[np.float32]
Asked = Mapping[str, Mapping[str, str | int | float | bool]]
"""Settings by task."""


@dataclass(frozen=True, eq=False)
class VectorTable:
    """A vector for each name. Shapes: vectors names x width.

    Raises DataError for names without a vector, a name that is there twice, and what is no finite number.
    """

    names: tuple[str, ...]
    vectors: Matrix

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.names) or not self.vectors.size:
            raise DataError(f"{len(self.names)} names, and vectors of the shape {self.vectors.shape}")
        if len(self._places) != len(self.names):
            raise DataError("a table of vectors names something twice")
        if not np.isfinite(self.vectors).all():
            raise DataError("a table of vectors holds what is no finite number")

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return int(self.vectors.shape[1])

    def mean(self, names: Iterable[str]) -> Matrix:
        """The mean of the vectors of these names; unknown ones are passed over, of none it is zero.

        Shapes: result width.
        """
        places = [self._places[name] for name in names if name in self._places]
        empty: Matrix = np.zeros(self.width, dtype=np.float32)
        return self.vectors[places].mean(axis=0) if places else empty

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(self.names)}


def encode_visits(
    visits: Iterable[tuple[Collection[str], Collection[str]]], width: int = 64
) -> tuple[VectorTable, VectorTable]:
    """Vectors of codes and of drugs from visits, each its codes and its drugs.

    By how much more often a code and a drug stand in one visit than chance would have it (the positive part
    of the pointwise mutual information). `mean` of the first table over a visit's codes is that visit's
    vector. Raises DataError for visits without a code or a drug, UsageError for a width below 1.
    """
    rows = [(frozenset(codes), frozenset(drugs)) for codes, drugs in visits]
    codes = tuple(sorted(set().union(*(each for each, _ in rows))))
    drugs = tuple(sorted(set().union(*(each for _, each in rows))))
    if not codes or not drugs:
        raise DataError("the visits hold no code, or no drug")
    coded = {name: place for place, name in enumerate(codes)}
    given = {name: place for place, name in enumerate(drugs)}
    together = np.zeros((len(codes), len(drugs)))
    of_code, of_drug = np.zeros(len(codes)), np.zeros(len(drugs))
    for own_codes, own_drugs in rows:
        across, along = [coded[name] for name in own_codes], [given[name] for name in own_drugs]
        together[np.ix_(across, along)] += 1
        of_code[across] += 1
        of_drug[along] += 1
    chance = np.outer(of_code, of_drug) / len(rows)
    gain = np.log(np.maximum(together, 1e-12) / np.maximum(chance, 1e-12))
    left, right = _factors(np.where(together > 0, np.maximum(gain, 0.0), 0.0), width)
    return VectorTable(codes, left), VectorTable(drugs, right)


def attribute_table(attributes: Mapping[str, Collection[str]], width: int = 64) -> VectorTable:
    """Vectors of names from their attributes, such as classes, ancestors or partners; rare ones count more.

    Raises DataError without an attribute, UsageError for a width below 1.
    """
    names = tuple(sorted(attributes))
    known = tuple(sorted(set().union(*map(set, attributes.values()))))
    if not known:
        raise DataError("no name has an attribute to make vectors of")
    places = {name: place for place, name in enumerate(known)}
    matrix = np.zeros((len(names), len(known)))
    for row, name in enumerate(names):
        matrix[row, [places[each] for each in set(attributes[name])]] = 1.0
    rarity = 1.0 + np.log(len(names) / matrix.sum(axis=0))
    return VectorTable(names, _factors(matrix * rarity, width)[0])


def read_table(path: Path) -> VectorTable:
    """A table of the user's, CSV without a header: a name, then its numbers, such as those of its molecule.

    Raises UsageError for a file that cannot be read, FormatError with its line for one of another form.
    """
    names: list[str] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), 1):
                rows.append(_numbers(row, f"{path}:{number}", len(rows[0]) if rows else 0))
                names.append(row[0])
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError("is no CSV in UTF-8", where=str(path)) from error
    if not rows:
        raise DataError("holds no vector", where=str(path))
    return VectorTable(tuple(names), np.array(rows, dtype=np.float32))


@dataclass(frozen=True)
class _Table:
    names: tuple[str, ...]
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class _File:
    format: Literal[1]
    asked: Asked
    tables: dict[str, _Table]


_FILE = TypeAdapter(_File)


def write_tables(path: Path, tables: Mapping[str, VectorTable], asked: Asked) -> None:
    """Write tables by kind as JSON, with the settings that texts with their marks are made by."""
    told = {
        kind: {"names": table.names, "vectors": [[float(f"{x:.7g}") for x in row] for row in table.vectors]}
        for kind, table in tables.items()
    }
    record = {"format": 1, "asked": asked, "tables": told}
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def read_tables(path: Path) -> tuple[dict[str, VectorTable], Asked]:
    """What `write_tables` wrote. Raises UsageError, FormatError, DataError."""
    try:
        found = _FILE.validate_python(json.loads(path.read_text(encoding="utf-8")), extra="forbid")
        tables = {
            kind: VectorTable(each.names, np.array(each.vectors, dtype=np.float32))
            for kind, each in found.tables.items()
        }
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), hint="apothecary visits lists --soft"
        ) from error
    except (ValueError, ValidationError, RecursionError) as error:
        raise FormatError("holds no tables of vectors", where=str(path)) from error
    except DataError as error:
        raise DataError(error.message, where=str(path)) from error
    return tables, found.asked


def _numbers(row: Sequence[str], where: str, wanted: int) -> list[float]:
    try:
        found = [float(each) for each in row[1:]]
    except ValueError as error:
        raise FormatError("holds what is no number", where=where, hint="name,0.1,-0.2,...") from error
    if not found or (wanted and len(found) != wanted):
        raise FormatError(f"{len(found)} numbers, {wanted or 'at least 1'} wanted", where=where)
    return found


def _factors(matrix: NDArray[np.float64], width: int) -> tuple[Matrix, Matrix]:
    """Vectors of rows and of columns, `width` wide whatever the rank, and of a mean square near 1."""
    if width < 1:
        raise UsageError(f"vectors of {width} numbers", hint="a width of 1 or more")
    left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
    kept = min(width, len(sizes))
    # A decomposition leaves the signs open: the largest number of each direction is to be positive.
    signs = np.sign(left[np.abs(left[:, :kept]).argmax(axis=0), np.arange(kept)])
    scale = np.sqrt(sizes[:kept]) * np.where(signs == 0, 1.0, signs)
    return _scaled(left[:, :kept] * scale, width), _scaled(right[:kept].T * scale, width)


def _scaled(vectors: NDArray[np.float64], width: int) -> Matrix:
    size = float(np.sqrt(np.mean(vectors**2))) or 1.0
    found: Matrix = np.pad(vectors / size, ((0, 0), (0, width - vectors.shape[1]))).astype(np.float32)
    return found
