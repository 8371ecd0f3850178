"""Thresholds on log-odds: which odds are enough to accept an outcome, for one engine and one wording.

A model's preference for a code says little by itself (small ones answer every question alike), so
a threshold is fitted on a development split and kept with the SHA-256 of the prompts it was fitted
for. Fitted values ship in ``thresholds.json``; a user's own file has the same shape. Two sections are
optional: ``calibration`` (odds -> probability) and ``abstain`` (odds that decide nothing).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from apothecary.errors import FormatError, UsageError
from apothecary.metrics.calibration import probability

__all__ = ["NEVER", "Thresholds", "find_thresholds", "read_thresholds"]

NEVER = math.inf
"""No odds are enough: what a fit says of a model that cannot tell."""
LARGEST = 1e9


@dataclass(frozen=True)
class Thresholds:
    """Least log-odds by outcome; an outcome that is not named needs even odds (0).

    `pairs` by relation type; `names` under ``=`` (same) and ``<>`` (broader or narrower). `calibration`
    holds a slope and an intercept by relation type, `abstain` the bounds between which odds are unsure
    (an infinite one is open).
    """

    pairs: Mapping[str, float]
    names: Mapping[str, float]
    origin: str = "even odds"
    calibration: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    abstain: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def probability(self, relation: str, odds: float) -> float:
        """The chance that a relation holds: calibrated where possible, else the logistic of the odds."""
        slope, intercept = self.calibration.get(relation, (1.0, 0.0))
        return probability(odds, slope, intercept)

    def unsure(self, relation: str, odds: float) -> bool:
        """Whether odds lie inside the band of their relation type; its bounds themselves are sure."""
        if relation not in self.abstain:
            return False
        low, high = self.abstain[relation]
        return low < odds < high


EVEN = Thresholds({}, {})


def find_thresholds(path: str, engine: str, prompts: str) -> Thresholds:
    """Those of a user's file, else the shipped ones of this engine and these prompts, else even odds.

    A replayed run has the thresholds of the engine that answered it: the odds are that engine's.
    """
    if path:
        return read_thresholds(Path(path))
    engine = _answered_by(engine)
    text = files("apothecary.tasks.relations").joinpath("thresholds.json").read_text(encoding="utf-8")
    for entry in json.loads(text)["fitted"]:
        # A pocket model reads no prompt; alone or before another engine it needs the same odds.
        reads_none = entry["prompts"] is None and re.fullmatch(r"pocket(@.*)?", engine)
        if (entry["engine"] == engine and entry["prompts"] == prompts) or reads_none:
            return _thresholds(entry, f"shipped: {entry['fitted_on']}", "thresholds.json")
    return EVEN


def _answered_by(engine: str) -> str:
    """The engine of the pairs of a replayed run, as its manifest names it; any other engine is itself."""
    if not engine.startswith("replay:"):
        return engine
    try:
        text = Path(engine.removeprefix("replay:"), "manifest.json").read_text(encoding="utf-8")
        return str(json.loads(text)["identity"]["engines"]["relations.pairs"]["name"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # A folder without a manifest is refused where the replay is opened.
        return engine


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
    return Thresholds(
        pairs=_table(entry, "pairs", where),
        names=_table(entry, "names", where),
        origin=origin,
        calibration=_calibration(entry, where),
        abstain=_bands(entry, where),
    )


def _table(entry: Mapping[str, object], key: str, where: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, value in _section(entry, key, where).items():
        number = _number(value)
        if number is None and value is not None:
            raise FormatError(f"threshold {key}.{name} is neither a number nor null", where=where)
        values[name] = NEVER if number is None else number
    return values


def _calibration(entry: Mapping[str, object], where: str) -> dict[str, tuple[float, float]]:
    values: dict[str, tuple[float, float]] = {}
    for name, value in _section(entry, "calibration", where).items():
        given = value if isinstance(value, dict) else {}
        slope, intercept = _number(given.get("slope")), _number(given.get("intercept"))
        if slope is None or intercept is None:
            raise FormatError(f"calibration.{name} has not two numbers, slope and intercept", where=where)
        values[name] = (slope, intercept)
    return values


def _bands(entry: Mapping[str, object], where: str) -> dict[str, tuple[float, float]]:
    values: dict[str, tuple[float, float]] = {}
    for name, value in _section(entry, "abstain", where).items():
        given = value if isinstance(value, list) and len(value) == 2 else [True, True]
        ends = zip(given, (-NEVER, NEVER), strict=True)
        low, high = (end if each is None else _number(each) for each, end in ends)
        if low is None or high is None or low > high:
            hint = "like [-0.5, 1.2]; null leaves a side open"
            raise FormatError(f"abstain.{name} is not two numbers in order", where=where, hint=hint)
        values[name] = (low, high)
    return values


def _section(entry: Mapping[str, object], key: str, where: str) -> Mapping[str, object]:
    table = entry.get(key, {})
    if not isinstance(table, dict):
        raise FormatError(f"'{key}' is not an object", where=where)
    return table


def _number(value: object) -> float | None:
    # Compared before it is converted: no float holds a whole number of 400 digits. NaN compares to nothing.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return float(value)
    return None
