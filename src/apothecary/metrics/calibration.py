"""Scores -> probabilities, and how far probabilities are from what happens."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from apothecary.errors import DataError, UsageError

__all__ = ["brier", "expected_calibration_error", "platt", "probability"]

_STEPS = 100
_HALVINGS = 40
_NEARLY = 1e-12


def probability(score: float, slope: float, intercept: float) -> float:
    """``1 / (1 + exp(-(slope * score + intercept)))``, without overflow.

    >>> probability(2.0, 1.0, -2.0)
    0.5
    """
    return _logistic(slope * score + intercept)


def platt(scores: Sequence[float], outcomes: Sequence[bool]) -> tuple[float, float]:
    """Fit the slope and the intercept of `probability` to what the scored things turned out to be.

    The targets are Platt's: (n+1)/(n+2) for the n positives and 1/(m+2) for the m negatives instead of 1
    and 0. So the fit is finite even when the score separates the two, and a class may be absent. The
    slope is negative when higher scores mean less likely, and 0.0 when all scores are equal. A score
    a million times larger than the others flattens the fit: no target is 1, so certainty costs there too.

    Source: Platt 1999; Newton's method with a line search after Lin, Lin and Weng 2007, algorithm 1.
    Departures: 1. The signs of both figures are the opposite of theirs. 2. Scores are brought to -1..1
    for the fit, so that nothing depends on their unit and no ridge is needed.

    Raises DataError without scores, when the two differ in length, and for a score that is not finite.
    """
    _check(scores, outcomes)
    positives = sum(map(bool, outcomes))
    negatives = len(outcomes) - positives
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    targets = [high if outcome else low for outcome in outcomes]
    # In three steps, since the difference of two large scores may be infinite.
    largest = max(map(abs, scores)) or 1.0
    shares = [score / largest for score in scores]
    middle = min(shares) / 2 + max(shares) / 2
    width = max(shares) - middle
    if not width:
        return 0.0, _log_odds(math.fsum(targets) / len(targets))
    slope, intercept = _newton([(share - middle) / width for share in shares], targets)
    steepness = slope / width
    if not math.isfinite(steepness / largest):
        raise DataError("the scores are too small to be calibrated", hint="multiply them by a constant")
    return steepness / largest, intercept - steepness * middle


def expected_calibration_error(
    probabilities: Sequence[float], outcomes: Sequence[bool], bins: int = 10
) -> float:
    """The mean gap between what was said and what happened, over `bins` equally wide bins of probability.

    The gap of a bin is that between its mean probability and its share of positives; bins weigh as much
    as they hold. A probability on a border belongs to the upper bin, 1.0 to the last. 0.0 is best; few
    things in a bin make the figure too large, and it depends on the number of bins.

    >>> round(expected_calibration_error([0.9, 0.9, 0.2, 0.2], [True, False, False, False]), 4)
    0.3

    Source: Naeini et al. 2015; Guo et al. 2017, eq. 5 (there the confidence in the predicted class, here
    the probability of the positive one). Raises DataError without probabilities, when the two
    differ in length and for what is no probability; UsageError for fewer than one bin.
    """
    _check_probabilities(probabilities, outcomes)
    if bins < 1:
        raise UsageError(f"{bins} bins hold nothing", hint="use at least 1, normally 10")
    gaps: dict[int, list[float]] = {}
    for each, outcome in zip(probabilities, outcomes, strict=True):
        gaps.setdefault(min(int(each * bins), bins - 1), []).append(each - bool(outcome))
    return math.fsum(abs(math.fsum(members)) for members in gaps.values()) / len(probabilities)


def brier(probabilities: Sequence[float], outcomes: Sequence[bool]) -> float:
    """The mean squared difference between probability and outcome (1 or 0): 0.0 is best, 1.0 worst.

    >>> brier([1.0, 0.5], [True, False])
    0.125

    Source: Brier 1950, for two classes and counting one of them (half of the original figure).
    Raises DataError as `expected_calibration_error` does.
    """
    _check_probabilities(probabilities, outcomes)
    pairs = zip(probabilities, outcomes, strict=True)
    return math.fsum((each - bool(outcome)) ** 2 for each, outcome in pairs) / len(probabilities)


def _newton(scores: Sequence[float], targets: Sequence[float]) -> tuple[float, float]:
    slope, intercept = 0.0, _log_odds(math.fsum(targets) / len(targets))
    loss = _loss(scores, targets, slope, intercept)
    for _ in range(_STEPS):
        (down_slope, down_intercept), decrease = _direction(scores, targets, slope, intercept)
        if decrease < _NEARLY:
            # So close a full step is right, and what it gains drowns in the rounding of the loss.
            return slope + down_slope, intercept + down_intercept
        step = 1.0
        for _ in range(_HALVINGS):
            tried = (slope + step * down_slope, intercept + step * down_intercept)
            new = _loss(scores, targets, *tried)
            if new <= loss - 1e-4 * step * decrease:
                break
            step /= 2
        else:
            break
        (slope, intercept), loss = tried, new
    return slope, intercept


def _direction(
    scores: Sequence[float], targets: Sequence[float], slope: float, intercept: float
) -> tuple[tuple[float, float], float]:
    """The Newton step, and how fast the mean loss falls along it (the squared Newton decrement).

    Scores are taken from their weighted mean, where the Hessian is diagonal: no cancellation in a
    determinant when most scores lie close together.
    """
    chances = [_logistic(slope * score + intercept) for score in scores]
    weights = [chance * (1 - chance) for chance in chances]
    weight = math.fsum(weights)
    mean = math.fsum(map(operator.mul, weights, scores)) / weight if weight else 0.0
    shifted = [score - mean for score in scores]
    spread = math.fsum(w * score * score for w, score in zip(weights, shifted, strict=True))
    if not weight or not spread:
        return (0.0, 0.0), 0.0
    misses = list(map(operator.sub, targets, chances))
    pull, lift = math.fsum(map(operator.mul, misses, shifted)), math.fsum(misses)
    down_slope = pull / spread
    decrease = (pull * down_slope + lift * lift / weight) / len(scores)
    return (down_slope, lift / weight - down_slope * mean), decrease


def _loss(scores: Sequence[float], targets: Sequence[float], slope: float, intercept: float) -> float:
    """Mean cross-entropy in nats."""
    terms = []
    for score, target in zip(scores, targets, strict=True):
        log_odds = slope * score + intercept
        terms.append(max(log_odds, 0.0) - target * log_odds + math.log1p(math.exp(-abs(log_odds))))
    return math.fsum(terms) / len(terms)


def _logistic(log_odds: float) -> float:
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _check(values: Sequence[float], outcomes: Sequence[bool]) -> None:
    if len(values) != len(outcomes):
        raise DataError(
            f"{len(values)} values and {len(outcomes)} outcomes", hint="give one outcome for each value"
        )
    if not values:
        raise DataError("nothing to calibrate on", hint="give at least one value with its outcome")
    for value in values:
        if not math.isfinite(value):
            raise DataError(f"{value} is not finite", hint="clip log-odds to a finite range first")


def _check_probabilities(probabilities: Sequence[float], outcomes: Sequence[bool]) -> None:
    _check(probabilities, outcomes)
    for value in probabilities:
        if not 0 <= value <= 1:
            raise DataError(f"{value} is no probability", hint="give values of 0-1")
