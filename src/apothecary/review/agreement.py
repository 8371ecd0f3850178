"""How far reviewers agree beyond chance, over items that several of them decided.

Two: Cohen's kappa, ``(p - e) / (1 - e)``; p is the share of items with the same verdict, e the share that the
two would share if each gave verdicts at random in the shares in which they give them.
More: Krippendorff's alpha for nominal data, ``1 - Do / De``; Do is the share of pairs of verdicts on one item
that differ, De the share among pairs from anywhere. Items that not everyone decided count.

Both depend on items through sums alone, so their intervals (95 %) come from sums of resampled items.

Sources: Cohen 1960, Educ Psychol Meas 20(1); Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
Worked example: two reviewers, of ten items both accept 4, both reject 3, and differ on 3 that the first
accepts: p = .7, e = .7 * .4 + .3 * .6 = .46, kappa = .24 / .54 = .444.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from apothecary.metrics.bootstrap import Interval
from apothecary.metrics.resampling import drawn_sums, interval

__all__ = ["Agreement", "Pair", "Share", "agreement_of", "cohen_kappa", "krippendorff_alpha"]

VERDICTS = ("accept", "reject", "edit")
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """What one reviewer has decided."""

    reviewer: str
    accepted: int
    rejected: int
    edited: int

    @property
    def decided(self) -> int:
        """Items in all."""
        return self.accepted + self.rejected + self.edited


@dataclass(frozen=True)
class Pair:
    """Two reviewers: items that both decided, those they gave one verdict, and kappa (None: undefined)."""

    first: str
    second: str
    both: int
    same: int
    kappa: Interval | None


@dataclass(frozen=True)
class Agreement:
    """All of it; `shared` are the items that two or more decided, `alpha` is for three reviewers and more."""

    shares: tuple[Share, ...]
    pairs: tuple[Pair, ...]
    shared: int
    differ: int
    alpha: Interval | None


def agreement_of(verdicts: Iterable[tuple[str, str, str]], *, seed: int = 0) -> Agreement:
    """From (item, reviewer, verdict), items together."""
    items = [
        {reviewer: verdict for _, reviewer, verdict in rows}
        for _, rows in groupby(verdicts, key=lambda row: row[0])
    ]
    reviewers = sorted({reviewer for item in items for reviewer in item})
    shared = [item for item in items if len(item) > 1]
    return Agreement(
        shares=tuple(_share(name, items) for name in reviewers),
        pairs=tuple(_pair(a, b, shared, seed) for a, b in combinations(reviewers, 2)),
        shared=len(shared),
        differ=sum(len(set(item.values())) > 1 for item in shared),
        alpha=krippendorff_alpha([list(item.values()) for item in shared], seed=seed)
        if len(reviewers) > 2
        else None,
    )


def cohen_kappa(pairs: Sequence[tuple[str, str]], *, seed: int = 0) -> Interval | None:
    """Kappa of two reviewers' verdicts on the same items; None where one verdict is all there is."""
    rows = []
    for first, second in pairs:
        row = [0.0] * len(VERDICTS) ** 2
        row[len(VERDICTS) * VERDICTS.index(first) + VERDICTS.index(second)] = 1.0
        rows.append(row)
    return _estimate(rows, _kappas, seed)


def krippendorff_alpha(items: Sequence[Sequence[str]], *, seed: int = 0) -> Interval | None:
    """Alpha of any number of verdicts on each item; None where there is one verdict, or no pair of them."""
    rows = []
    for verdicts in items:
        if len(verdicts) > 1:
            counts = np.array([verdicts.count(verdict) for verdict in VERDICTS], dtype=np.float64)
            pairs = (np.outer(counts, counts) - np.diag(counts)) / (len(verdicts) - 1)
            rows.append(pairs.ravel().tolist())
    return _estimate(rows, _alphas, seed)


def _estimate(
    rows: Sequence[Sequence[float]], figure: Callable[[Table], Table], seed: int
) -> Interval | None:
    if not rows:
        return None
    value = float(figure(np.sum(np.asarray(rows), axis=0, keepdims=True))[0])
    if np.isnan(value):
        return None
    samples = figure(drawn_sums(rows, seed=seed))
    # A resample of one verdict alone says nothing of agreement.
    return interval(value, samples[~np.isnan(samples)])


def _kappas(sums: Table) -> Table:
    tables = sums.reshape(-1, len(VERDICTS), len(VERDICTS))
    total = tables.sum(axis=(1, 2))
    same = np.trace(tables, axis1=1, axis2=2) / total
    chance = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / total**2
    return _beyond(same, chance)


def _alphas(sums: Table) -> Table:
    tables = sums.reshape(-1, len(VERDICTS), len(VERDICTS))
    each = tables.sum(axis=2)
    total = each.sum(axis=1)
    same = np.trace(tables, axis1=1, axis2=2) / total
    chance = (each * (each - 1)).sum(axis=1) / (total * (total - 1))
    return _beyond(same, chance)


def _beyond(same: Table, chance: Table) -> Table:
    left = 1 - chance
    return np.divide(same - chance, left, out=np.full_like(left, np.nan), where=left > 1e-12)


def _share(reviewer: str, items: Sequence[Mapping[str, str]]) -> Share:
    mine = [item[reviewer] for item in items if reviewer in item]
    return Share(reviewer, *(mine.count(verdict) for verdict in VERDICTS))


def _pair(first: str, second: str, items: Sequence[Mapping[str, str]], seed: int) -> Pair:
    both = [(item[first], item[second]) for item in items if first in item and second in item]
    same = sum(one == other for one, other in both)
    return Pair(first, second, len(both), same, cohen_kappa(both, seed=seed))
