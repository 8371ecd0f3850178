"""Gold lists and predicted ones, read from rows and put together by visit.

Errors name the file, the line and the visit, never what a row says of a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import FormatError
from apothecary.tasks.medication.list_state import Kind
from apothecary.tasks.rows import Rows
from apothecary.vocab.interactions import drug_key

__all__ = ["Drugs", "Gold", "Predicted", "Visits", "read_gold", "read_predictions"]

_EDITS: Mapping[object, Kind] = {"add": "add", "remove": "remove", "stop": "stop"}


@dataclass
class Drugs:
    """The drugs that occur, numbered as they are met; names with one `drug_key` are one drug.

    `known` has every way in which they were written so far.
    """

    names: list[str] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int:
        """The number of a drug, a new one for a new drug."""
        place = self.known.get(name)
        if place is None:
            place = self._keys.setdefault(drug_key(name), len(self.names))
            if place == len(self.names):
                self.names.append(name)
            self.known[name] = place
        return place


@dataclass(frozen=True)
class Gold:
    """What was given in a visit; without a patient the visit stands for one."""

    id: str
    patient: str
    drugs: tuple[int, ...]


@dataclass(frozen=True)
class Predicted:
    """What was predicted for a visit; `edits` has (added, drug), `refused` counts lines without a drug."""

    drugs: tuple[int, ...] = ()
    scored: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    edits: tuple[tuple[bool, int], ...] | None = None
    refused: int | None = None


@dataclass(frozen=True)
class Visits:
    """The visits with gold; `left_out` counts those without, of which nothing is known."""

    rows: tuple[Gold, ...]
    ids: frozenset[str]
    left_out: int


def read_gold(rows: Rows, drugs: Drugs) -> Visits:
    """Every visit of a gold file. Raises FormatError for a row that is none, and for a repeated id."""
    found: list[Gold] = []
    ids: set[str] = set()
    for where, row in rows:
        visit = _visit(row, where)
        if visit in ids:
            raise FormatError(f"visit {visit} occurs twice", where=where, hint="keep one row for each visit")
        ids.add(visit)
        if row.get("gold") is not None:
            given = _list(row, "gold", drugs, where, visit)
            found.append(Gold(visit, _patient(row, where, visit), given))
    return Visits(tuple(found), frozenset(ids), len(ids) - len(found))


def read_predictions(rows: Rows, drugs: Drugs, known: frozenset[str]) -> dict[str, Predicted]:
    """Predictions by visit. Raises FormatError for a wrong row, and an unknown or repeated visit."""
    found: dict[str, Predicted] = {}
    for where, row in rows:
        visit = _visit(row, where)
        if visit in found:
            raise FormatError(
                f"visit {visit} was already predicted", where=where, hint="keep one row for each visit"
            )
        if visit not in known:
            hint = "score against the file the predictions were made from"
            raise FormatError(f"visit {visit} is not in the gold", where=where, hint=hint)
        listed = _list(row, "drugs", drugs, where, visit)
        scored, scores = _scores(row, drugs, where, visit)
        edits = _edits(row, drugs, where, visit)
        found[visit] = Predicted(listed, scored, scores, edits, _refused(row, where, visit))
    return found


def _visit(row: Mapping[str, object], where: str) -> str:
    value = row.get("visit_id")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip():
        hint = 'every row has a "visit_id", a text'
        raise FormatError("field visit_id is missing or no text", where=where, hint=hint)
    return text


def _patient(row: Mapping[str, object], where: str, visit: str) -> str:
    value = row.get("patient_id")
    if value is None:
        return f"visit {visit}"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _error("patient_id", "is no text", where, visit)
    return f"patient {value}"


def _list(row: Mapping[str, object], key: str, drugs: Drugs, where: str, visit: str) -> tuple[int, ...]:
    """The drugs of a list; an item may be an object with a name, as in files of visits."""
    value = row.get(key)
    if not isinstance(value, list):
        raise _error(key, "is missing" if value is None else "is not a list", where, visit)
    known = drugs.known
    try:
        # Nearly all names were met before.
        return tuple({known[item] for item in value})
    except (KeyError, TypeError):
        return tuple({_drug(item, f"{key}[{at}]", drugs, where, visit) for at, item in enumerate(value)})


def _drug(item: object, key: str, drugs: Drugs, where: str, visit: str) -> int:
    name = item.get("name") if isinstance(item, dict) else item
    if not isinstance(name, str) or not name.strip():
        raise _error(key, "is not the name of a drug", where, visit)
    return drugs.place(name)


def _scores(
    row: Mapping[str, object], drugs: Drugs, where: str, visit: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    value = row.get("scores")
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _error("scores", "is not an object", where, visit)
    if not set(map(type, value.values())) <= {int, float}:
        raise _error("scores", "holds what is no number", where, visit)
    try:
        scores = np.array(list(value.values()), dtype=np.float64)
    except OverflowError as error:
        raise _error("scores", "holds a number too large", where, visit) from error
    if not np.isfinite(scores).all():
        raise _error("scores", "holds a number that is not finite", where, visit)
    known = drugs.known
    try:
        places = [known[name] for name in value]
    except KeyError:
        places = [_drug(name, "scores", drugs, where, visit) for name in value]
    if len(set(places)) == len(places):
        return np.array(places, dtype=np.int64), scores
    # Of a drug that is written in two ways the higher score counts.
    best: dict[int, float] = {}
    for place, score in zip(places, scores.tolist(), strict=True):
        best[place] = max(score, best.get(place, score))
    return np.fromiter(best, dtype=np.int64), np.fromiter(best.values(), dtype=np.float64)


def _edits(
    row: Mapping[str, object], drugs: Drugs, where: str, visit: str
) -> tuple[tuple[bool, int], ...] | None:
    value = row.get("edits")
    if value is None:
        return None
    if not isinstance(value, list):
        raise _error("edits", "is not a list", where, visit)
    found = []
    for place, item in enumerate(value):
        action = item.get("action") if isinstance(item, dict) else None
        kind = _EDITS.get(action) if isinstance(action, str) else None
        if not isinstance(item, dict) or kind is None:
            raise _error(f"edits[{place}].action", "is not one of add, remove, stop", where, visit)
        if kind != "stop":
            drug = _drug(item.get("drug"), f"edits[{place}].drug", drugs, where, visit)
            found.append((kind == "add", drug))
    return tuple(found)


def _refused(row: Mapping[str, object], where: str, visit: str) -> int | None:
    value = row.get("refused")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or value >> 53:
        raise _error("refused", "is no count", where, visit)
    return value


def _error(key: str, problem: str, where: str, visit: str) -> FormatError:
    return FormatError(f"visit {visit}: field {key} {problem}", where=where)
