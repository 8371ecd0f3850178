"""Thresholds on log-odds: which odds are enough to accept an outcome, for one engine and one wording.

A model's preference for a code says little by itself (small ones answer every question alike), so
a threshold is fitted on a development split and kept with the SHA-256 of the prompts it was fitted
for. Fitted values ship in ``thresholds.json``; a user's own file has the same shape.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from apothecary.errors import FormatError, UsageError

__all__ = ["NEVER", "Thresholds", "find_thresholds", "read_thresholds"]

NEVER = math.inf
"""No odds are enough: what a fit says of a model that cannot tell."""
LARGEST = 1e9


@dataclass(frozen=True)
class Thresholds:
    """Least log-odds by outcome; an outcome that is not named needs even odds (0).

    `pairs` by relation type; `names` under ``=`` (same) and ``<>`` (broader or narrower).
    """

    pairs: Mapping[str, float]
    names: Mapping[str, float]
    origin: str = "even odds"


EVEN = Thresholds({}, {})


def find_thresholds(path: str, engine: str, prompts: str) -> Thresholds:
    """Those of a user's file, else the shipped ones of this engine and these prompts, else even odds."""
    if path:
        return read_thresholds(Path(path))
    text = files("apothecary.tasks.relations").joinpath("thresholds.json").read_text(encoding="utf-8")
    for entry in json.loads(text)["fitted"]:
        # A pocket model reads no prompt; alone or before another engine it needs the same odds.
        reads_none = entry["prompts"] is None and re.fullmatch(r"pocket(@.*)?", engine)
        if (entry["engine"] == engine and entry["prompts"] == prompts) or reads_none:
            return _thresholds(entry, f"shipped: {entry['fitted_on']}", "thresholds.json")
    return EVEN


def read_thresholds(path: Path) -> Thresholds:
    """One entry from a user's file. Raises UsageError or FormatError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the thresholds: {error}", where=str(path)) from error
    try:
        entry = json.loads(text)
    except json.JSONDecodeError as error:
        raise FormatError(f"not valid JSON: {error.msg}", where=f"{path}:{error.lineno}") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply, or a number too long"
        raise FormatError(f"not valid JSON: {reason}", where=str(path)) from error
    if not isinstance(entry, dict):
        raise FormatError("not a JSON object", where=str(path), hint='like {"pairs": {"CID": 0.4}}')
    return _thresholds(entry, str(path), str(path))


def _thresholds(entry: Mapping[str, object], origin: str, where: str) -> Thresholds:
    return Thresholds(_table(entry, "pairs", where), _table(entry, "names", where), origin)


def _table(entry: Mapping[str, object], key: str, where: str) -> dict[str, float]:
    table = entry.get(key, {})
    if not isinstance(table, dict):
        raise FormatError(f"'{key}' is not an object", where=where)
    values: dict[str, float] = {}
    for name, value in table.items():
        if value is None:
            values[name] = NEVER
        # Compared before it is converted: no float holds a whole number of 400 digits.
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
            values[name] = float(value)
        else:
            raise FormatError(f"threshold {key}.{name} is neither a number nor null", where=where)
    return values
