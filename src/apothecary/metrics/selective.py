"""Acting on confidence: what risk is left when only the most confident cases are taken, and whether a
confidence means what it says.

The coverage of a cut is the share of all cases that it takes, its risk the share of these that are
wrong (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import NormalDist

from apothecary.errors import DataError, UsageError
from apothecary.metrics.thresholds import tied

__all__ = [
    "Bin",
    "RiskPoint",
    "aurc",
    "coverage_at_risk",
    "equal_mass_bins",
    "equal_width_bins",
    "excess_aurc",
    "risk_coverage",
    "wilson",
]

Judged = Sequence[tuple[float, bool]]
"""The confidence of a case (any finite score, higher is surer), and whether the case is right."""


@dataclass(frozen=True)
class RiskPoint:
    """Taking every case of at least the confidence `threshold`: `taken` cases, a share of `risk` wrong."""

    threshold: float
    taken: int
    coverage: float
    risk: float

    def as_dict(self) -> dict[str, float]:
        """The form used in score files."""
        return asdict(self)


@dataclass(frozen=True)
class Bin:
    """The cases whose probability lies in one stretch.

    `low` and `high` are the bounds of the stretch, or its least and greatest probability (equal mass);
    `mean` is the mean probability, `share` the share of the cases that are true, and `share_low` to
    `share_high` its 95 % Wilson interval.
    """

    low: float
    high: float
    count: int
    mean: float
    share: float
    share_low: float
    share_high: float

    def as_dict(self) -> dict[str, float]:
        """The form used in score files."""
        return asdict(self)


def risk_coverage(judged: Judged) -> list[RiskPoint]:
    """A point for each distinct confidence, the highest first: cases of equal confidence come together.

    The last point has coverage 1 and the risk of taking everything. No case gives no point.
    Raises DataError for a confidence that is not finite.

    >>> [(point.coverage, point.risk) for point in risk_coverage([(0.9, True), (0.5, False)])]
    [(0.5, 0.0), (1.0, 0.5)]
    """
    points = []
    taken = wrong = 0
    for threshold, size, errors in _groups(judged):
        taken, wrong = taken + size, wrong + errors
        points.append(RiskPoint(threshold, taken, taken / len(judged), wrong / taken))
    return points


def aurc(judged: Judged) -> float | None:
    """The area under the risk-coverage curve; None without cases.

    With r(k) the risk of the k most confident of n cases, AURC = (r(1) + ... + r(n)) / n. In a group of m
    equally confident cases, e of them wrong, that follows k cases with w wrong ones, the j-th term is
    (w + j e / m) / (k + j): the mean over all orders of the group, so that the order of the input is nothing.

    >>> aurc([(0.9, True), (0.5, False)])
    0.25

    Source: Geifman and El-Yaniv 2017 for the curve; Geifman, Uziel and El-Yaniv 2019 for the area.
    Departure: they leave the order of ties open. Raises DataError as `risk_coverage` does.
    """
    if not judged:
        return None
    risks = []
    taken = 0
    wrong = 0
    for _, size, errors in _groups(judged):
        risks += [(wrong + place * errors / size) / (taken + place) for place in range(1, size + 1)]
        taken, wrong = taken + size, wrong + errors
    return math.fsum(risks) / len(judged)


def excess_aurc(judged: Judged) -> float | None:
    """`aurc` less that of the best order (all right cases before all wrong ones); None without cases.

    0.0 is a perfect ranking, whatever the share of wrong cases. Source: Geifman, Uziel and El-Yaniv 2019.
    Departure: the best area is summed exactly, where they take its limit r + (1 - r) ln(1 - r).
    """
    area = aurc(judged)
    if area is None:
        return None
    best = aurc([(1.0 if right else 0.0, right) for _, right in judged])
    # The best order has the right cases as one tie without errors, which no order improves; its wrong
    # ones are one tie of errors only. Rounding may put the difference just below nothing.
    return max(0.0, area - (best or 0.0))


def coverage_at_risk(judged: Judged, risk: float) -> float:
    """The largest coverage of any cut whose risk is at most `risk`; 0.0 when there is none.

    What was seen, not what is promised: with few cases the risk on new ones can be higher. Raises
    UsageError for a risk outside 0-1, DataError as `risk_coverage` does.

    >>> coverage_at_risk([(0.9, True), (0.8, False), (0.7, True), (0.6, True)], 0.25)
    1.0
    """
    if not 0 <= risk <= 1:
        raise UsageError(f"a risk of {risk} does not exist", hint="give a share of 0-1, such as 0.1")
    return max((point.coverage for point in risk_coverage(judged) if point.risk <= risk), default=0.0)


def equal_width_bins(judged: Judged, bins: int = 10) -> list[Bin]:
    """Bins of equal width over 0-1; those without a case are left out.

    A probability on a border belongs to the upper bin, 1.0 to the last, as in the expected calibration
    error. Raises DataError for what is no probability, UsageError for fewer than one bin.
    """
    _check_bins(judged, bins)
    groups: dict[int, list[tuple[float, bool]]] = {}
    for each in judged:
        groups.setdefault(min(int(each[0] * bins), bins - 1), []).append(each)
    return [_bin(members, place / bins, (place + 1) / bins) for place, members in sorted(groups.items())]


def equal_mass_bins(judged: Judged, bins: int = 10) -> list[Bin]:
    """At most `bins` bins of about equally many cases; equal probabilities are never parted.

    A bin ends with the first group of equal probabilities that fills its share of the cases. Source: Nguyen
    and O'Connor 2015 (adaptive bins). Raises as `equal_width_bins` does.
    """
    _check_bins(judged, bins)
    ordered = sorted(judged, key=lambda each: each[0])
    found: list[Bin] = []
    members: list[tuple[float, bool]] = []
    done = 0
    for _, group in groupby(ordered, key=lambda each: each[0]):
        members += group
        # Compared as whole numbers: a share of the cases is no exact float.
        filled = (done + len(members)) * bins // len(ordered) > done * bins // len(ordered)
        if filled:
            found.append(_bin(members, members[0][0], members[-1][0]))
            done += len(members)
            members = []
    return found


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share; (0, 1) without a trial.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]

    Source: Wilson 1927, without continuity correction. Raises UsageError for impossible numbers.
    """
    if not 0 <= successes <= trials or not 0 < level < 1:
        raise UsageError(f"{successes} of {trials} at level {level} is no share", hint="count anew")
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    middle, scale = share + z * z / (2 * trials), 1 + z * z / trials
    # At 0 and at all of the trials the bound is exactly 0 or 1, which rounding would miss.
    low = (middle - spread) / scale if successes else 0.0
    high = (middle + spread) / scale if successes < trials else 1.0
    return max(0.0, low), min(1.0, high)


def _groups(judged: Judged) -> list[tuple[float, int, int]]:
    """(confidence, cases, wrong ones) for each distinct confidence, the highest first."""
    return [(each, right + wrong, wrong) for each, right, wrong in tied(judged, "confidence")]


def _bin(members: Sequence[tuple[float, bool]], low: float, high: float) -> Bin:
    true = sum(bool(right) for _, right in members)
    bounds = wilson(true, len(members))
    mean = math.fsum(each for each, _ in members) / len(members)
    return Bin(low, high, len(members), mean, true / len(members), *bounds)


def _check_bins(judged: Judged, bins: int) -> None:
    if bins < 1:
        raise UsageError(f"{bins} bins hold nothing", hint="use at least 1, normally 10")
    for value, _ in judged:
        if not 0 <= value <= 1:
            raise DataError(f"{value} is no probability", hint="give values of 0-1")
