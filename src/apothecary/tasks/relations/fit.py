"""Fit thresholds, calibration and abstention on the odds that a run has recorded, against gold.

A run keeps the odds of every pair it asked about (`candidates`) and of every two names (`names`);
a fit needs no engine. Fit on a training or development split, never on a test set.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from apothecary.errors import DataError, FormatError, UsageError
from apothecary.metrics.calibration import brier, expected_calibration_error, platt, probability
from apothecary.metrics.thresholds import Threshold, fit_threshold, roc_auc
from apothecary.tasks.flow import Pairs
from apothecary.tasks.relations.candidates import LARGEST, read_candidates, rows
from apothecary.tasks.relations.evaluators import (
    GoldRelations,
    Pair,
    gold_relations,
    normalised,
    undirected_types,
)

__all__ = ["FOLDS", "abstention_band", "fit"]

Scored = list[tuple[float, bool]]
FOLDS = 5
"""Parts of the documents for the figures of a calibration: each is judged by a fit on the others."""
NAMES_PRECISION = 0.5
"""Two names are only joined by a rule that is right more often than wrong: a false join spreads over all
relations of both concepts, a missed one costs a synonym."""


@dataclass
class _Asked:
    """The questions of one relation type: odds and truth, the fold of each, and missed gold pairs."""

    scored: Scored = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    missed: int = 0


def fit(pairs: Pairs, risk: float | None = None) -> dict[str, object]:
    """The thresholds that maximise F1, as a thresholds file holds them, with what they were fitted on.

    Pairs: a pair is right when it maps to a gold pair (as the ``concept`` evaluator maps); gold pairs
    that were never asked about count as missed. Names: two names are the same when gold mentions give
    them a common id, and no threshold below `NAMES_PRECISION` is taken; pairs with a name that gold does
    not know are left out. Broader and narrower have no gold in CDR: ``<>`` is null (never).

    ``calibration`` has a slope and an intercept (Platt) for each relation type with right and wrong
    candidates. They are fitted on all documents; their figures under ``fit`` are not: each document is judged
    by a calibration that was fitted without it (`FOLDS` parts, by a hash of its id).

    With a `risk`, ``abstain`` has a band for each relation type (see `abstention_band`). Raises FormatError
    for records without odds, UsageError for a risk outside 0-1.
    """
    if risk is not None and not 0 <= risk <= 1:
        raise UsageError(f"a risk of {risk} does not exist", hint="give a share of 0-1, such as 0.1")
    asked, same, documents = _read(pairs)
    kinds = {kind: each for kind, each in asked.items() if each.scored}
    if not kinds and not same:
        raise FormatError(
            "the predictions hold no odds", hint="extract with an engine that tells log-probabilities"
        )
    fitted = {kind: fit_threshold(each.scored, extra_fn=each.missed) for kind, each in kinds.items()}
    names = fit_threshold(same, min_precision=NAMES_PRECISION) if same else None
    lines = {kind: line for kind, each in kinds.items() if (line := _line(each.scored))}
    figures: dict[str, object] = {
        "documents": documents,
        "pairs": {kind: _row(fitted[kind], each.scored) for kind, each in kinds.items()},
        "names": _row(names, same) if names else None,
        "calibration": {kind: _calibration_row(kinds[kind]) for kind in lines},
    }
    result: dict[str, object] = {
        "pairs": {kind: _finite(threshold.value) for kind, threshold in fitted.items()},
        "names": {"=": _finite(names.value) if names else None, "<>": None},
        "calibration": {kind: {"slope": a, "intercept": b} for kind, (a, b) in lines.items()},
        "fit": figures,
    }
    if risk is not None:
        bands = {k: abstention_band(each.scored, fitted[k].value, risk) for k, each in kinds.items()}
        result["abstain"] = {kind: [_finite(low), _finite(high)] for kind, (low, high) in bands.items()}
        effects = {kind: _abstain_row(each, bands[kind], risk) for kind, each in kinds.items()}
        figures["abstain"] = {"risk": risk, "pairs": effects}
    return result


def abstention_band(scored: Scored, threshold: float, risk: float) -> tuple[float, float]:
    """The narrowest band around `threshold` outside of which either decision has at most the risk.

    At the upper bound and above relations are asserted, and at most the share `risk` of them is wrong; at
    the lower bound and below they are denied, and at most the share `risk` of them is right. The risk
    is asked of both sides, not of their mean: most pairs are unrelated, and a mean would be kept by
    the many easy denials however wrong the assertions are. A side that keeps the risk nowhere is open
    (infinite). What is kept is the risk on these candidates; on others it can be higher.
    """
    above = sorted((each for each in scored if each[0] >= threshold), reverse=True)
    below = sorted(each for each in scored if each[0] < threshold)
    low = _furthest(below, risk, otherwise=-math.inf if below else threshold)
    wrongly = [(odds, not right) for odds, right in above]
    return low, _furthest(wrongly, risk, otherwise=math.inf if above else threshold)


def _furthest(ordered: Scored, risk: float, *, otherwise: float) -> float:
    """The last value up to which, from the safe end on, the share of errors is within the risk."""
    found, errors = otherwise, 0
    for place, (odds, wrong) in enumerate(ordered):
        errors += wrong
        tied = place + 1 < len(ordered) and ordered[place + 1][0] == odds
        if not tied and errors <= risk * (place + 1):
            found = odds
    return found


def _read(pairs: Pairs) -> tuple[dict[str, _Asked], Scored, int]:
    asked: dict[str, _Asked] = {}
    same: Scored = []
    documents = 0
    for document, record in pairs:
        gold = gold_relations(document, undirected_types(document.id, record))
        documents += 1
        if record is None:
            continue
        fold = int.from_bytes(hashlib.sha256(document.id.encode("utf-8", "replace")).digest()[:8]) % FOLDS
        found: dict[str, set[Pair]] = {}
        for candidate in read_candidates(gold, record):
            each = asked.setdefault(candidate.relation, _Asked())
            each.scored.append((candidate.odds, bool(candidate.gold)))
            each.folds.append(fold)
            found.setdefault(candidate.relation, set()).update(candidate.gold)
        for kind, ids in gold.pairs.items():
            asked.setdefault(kind, _Asked()).missed += len(ids - found.get(kind, set()))
        same += _names(record, gold)
    return asked, same, documents


def _names(record: Mapping[str, object], gold: GoldRelations) -> Scored:
    scored: Scored = []
    for row in rows(record, "names"):
        odds = row.get("log_odds")
        value = odds.get("=") if isinstance(odds, Mapping) else None
        keys = [(str(row.get("type")), normalised(str(row.get(side)))) for side in ("first", "second")]
        ids = [gold.named.get(key, frozenset()) for key in keys]
        if isinstance(value, int | float) and abs(value) <= LARGEST and all(ids):
            scored.append((float(value), bool(ids[0] & ids[1])))
    return scored


def _line(scored: Scored) -> tuple[float, float] | None:
    """Slope and intercept; None where one class is absent or the odds differ too little to be told apart."""
    if len({right for _, right in scored}) < 2:
        return None
    try:
        slope, intercept = platt([odds for odds, _ in scored], [right for _, right in scored])
    except DataError:
        return None
    return (slope, intercept) if max(abs(slope), abs(intercept)) <= LARGEST else None


def _calibration_row(asked: _Asked) -> dict[str, object]:
    """Calibration error and Brier score of the plain odds, and of calibrations that did not see them."""
    outcomes = [right for _, right in asked.scored]
    plain = [probability(odds, 1.0, 0.0) for odds, _ in asked.scored]
    row: dict[str, object] = {"plain": _errors(plain, outcomes), "cross_fitted": None}
    lines = {fold: _line(_other_folds(asked, fold)) for fold in set(asked.folds)}
    if all(lines.values()):
        crossed = [
            probability(odds, *(lines[fold] or (1.0, 0.0)))
            for (odds, _), fold in zip(asked.scored, asked.folds, strict=True)
        ]
        row["cross_fitted"] = _errors(crossed, outcomes)
    return row


def _abstain_row(asked: _Asked, band: tuple[float, float], risk: float) -> dict[str, object]:
    """What the band does to the candidates it was chosen on, and bands to candidates they did not see."""
    crossed: list[tuple[float, bool, float, float]] = []
    for fold in sorted(set(asked.folds)):
        others = _other_folds(asked, fold)
        if others:
            low, high = abstention_band(others, fit_threshold(others).value, risk)
            own = (each for each, of in zip(asked.scored, asked.folds, strict=True) if of == fold)
            crossed += [(odds, right, low, high) for odds, right in own]
    seen = [(odds, right, *band) for odds, right in asked.scored]
    return {"seen": _outside(seen), "cross_fitted": _outside(crossed)}


def _outside(decided: Sequence[tuple[float, bool, float, float]]) -> dict[str, object] | None:
    """The share that is unsure, and of what is asserted and denied outside the band the share of errors."""
    if not decided:
        return None
    asserted = [not right for odds, right, low, high in decided if odds >= high]
    denied = [right for odds, right, low, high in decided if odds <= low and odds < high]
    sure = len(asserted) + len(denied)
    return {
        "unsure": round(1 - sure / len(decided), 4),
        "asserted": len(asserted),
        "wrongly_asserted": _share(asserted),
        "denied": len(denied),
        "wrongly_denied": _share(denied),
    }


def _other_folds(asked: _Asked, fold: int) -> Scored:
    return [each for each, of in zip(asked.scored, asked.folds, strict=True) if of != fold]


def _errors(probabilities: Sequence[float], outcomes: Sequence[bool]) -> dict[str, float]:
    return {
        "ece": round(expected_calibration_error(probabilities, outcomes), 4),
        "brier": round(brier(probabilities, outcomes), 4),
    }


def _share(errors: Iterable[bool]) -> float | None:
    members = list(errors)
    return round(sum(members) / len(members), 4) if members else None


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _row(threshold: Threshold, scored: Scored) -> dict[str, object]:
    return {
        "questions": threshold.n,
        "positives": threshold.positives,
        "f1": round(threshold.f1, 4),
        "precision": round(threshold.precision, 4),
        "recall": round(threshold.recall, 4),
        "auc": roc_auc(scored),
    }
