"""Sets of drugs against sets of drugs: the official scores of the DrugComb corpus.

Two views, two ways of matching, hence four scores. In the view "positive" only POS counts, in "any"
every combination does (NEG and COMB are one label officially, and told apart in neither view). Two sets
of one document match exactly when they are equal, partially when they share at least two members.
Every gold set is credited with the Jaccard index of its best match among the predictions of the view,
every predicted set with that among the gold; recall and precision are the means of these credits.

Source: Tiktinsky et al. 2022, NAACL, section 5, and the scorer released with the corpus. Departures:

1. Members have no order: a set that is predicted twice in two orders counts once, there twice.
2. Where a mean is over nothing the figure is 0.0; the released scorer stops.
3. Equal sets of fewer than two members match there, if exact; so they do here, but empty ones never.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apothecary.errors import DataError

__all__ = ["Combinations", "Credits", "pooled", "score_combinations", "score_documents"]

Combinations = Mapping[str, Sequence[tuple[Collection[Hashable], str]]]
"""Document -> its sets with their labels. Members are drug names or positions of mentions, compared by
equality; labels are POS, NEG, COMB, or NO_COMB, which counts as if it were not there."""

_Sets = frozenset[frozenset[Hashable]]

_LABELS: Mapping[str, int] = {"POS": 2, "COMB": 1, "NEG": 1, "NO_COMB": 0}
_VIEWS: tuple[tuple[str, int, bool], ...] = (
    ("positive_exact", 2, True),
    ("positive_partial", 2, False),
    ("any_exact", 1, True),
    ("any_partial", 1, False),
)


@dataclass(frozen=True)
class Credits:
    """How many sets there are, and the sum of their credits (0-1 each), on both sides.

    Figures lie in 0-1 and are never rounded; a mean over nothing is 0.0.

    >>> both = Credits(gold=1, found=2 / 3, predicted=1, right=2 / 3) + Credits(gold=1, predicted=0)
    >>> round(both.precision, 4), round(both.recall, 4), round(both.f1, 4)
    (0.6667, 0.3333, 0.4444)
    """

    gold: int = 0
    found: float = 0.0
    predicted: int = 0
    right: float = 0.0

    def __add__(self, other: Credits) -> Credits:
        return pooled((self, other))

    @property
    def precision(self) -> float:
        """The mean credit of a predicted set."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The mean credit of a gold set."""
        return self.found / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        precision, recall = self.precision, self.recall
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def figures(self) -> dict[str, float]:
        """The figures under the names used in score files."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def pooled(credits_of: Iterable[Credits]) -> Credits:
    """The sum over documents, the same in any order; its figures are the official ones.

    For an interval: ``bootstrap(units, lambda drawn: pooled(drawn).f1, seed=0)``, where `units` holds
    the credits of one view, one for each document.
    """
    every = list(credits_of)
    return Credits(
        gold=sum(each.gold for each in every),
        found=math.fsum(each.found for each in every),
        predicted=sum(each.predicted for each in every),
        right=math.fsum(each.right for each in every),
    )


def score_combinations(gold: Combinations, predicted: Combinations) -> dict[str, Credits]:
    """The official scores: positive_exact, positive_partial, any_exact, any_partial.

    >>> gold = {"a": [({1, 2}, "POS")], "b": [({0, 1}, "NEG")]}
    >>> scores = score_combinations(gold, {"a": [({0, 1, 2}, "POS")]})
    >>> round(scores["positive_partial"].f1, 4), round(scores["any_partial"].f1, 4)
    (0.6667, 0.4444)
    >>> scores["positive_exact"].f1
    0.0

    Documents of either side count; one that the other side lacks has no set there. Raises DataError
    for an unknown label.
    """
    rows = list(score_documents(gold, predicted).values())
    return {view: pooled(row[view] for row in rows) for view, _, _ in _VIEWS}


def score_documents(gold: Combinations, predicted: Combinations) -> dict[str, dict[str, Credits]]:
    """What each document adds to the four scores: those of gold in its order, then the others.

    Time grows with the number of documents, within a document with gold times predicted sets.
    Raises DataError for an unknown label.
    """
    return {
        document: dict(_views(document, gold.get(document, ()), predicted.get(document, ())))
        for document in dict.fromkeys((*gold, *predicted))
    }


def _views(
    document: str,
    gold: Sequence[tuple[Collection[Hashable], str]],
    predicted: Sequence[tuple[Collection[Hashable], str]],
) -> Iterator[tuple[str, Credits]]:
    for view, least, exact in _VIEWS:
        expected, found = _of_view(document, gold, least), _of_view(document, predicted, least)
        yield (
            view,
            Credits(
                gold=len(expected),
                found=_credit(expected, found, exact=exact),
                predicted=len(found),
                right=_credit(found, expected, exact=exact),
            ),
        )


def _of_view(document: str, rows: Sequence[tuple[Collection[Hashable], str]], least: int) -> _Sets:
    for _, label in rows:
        if label not in _LABELS:
            raise DataError(
                f"unknown label {label!r}",
                where=f"document {document}",
                hint=f"labels: {', '.join(_LABELS)}",
            )
    return frozenset(frozenset(members) for members, label in rows if _LABELS[label] >= least)


def _credit(sets: _Sets, others: _Sets, *, exact: bool) -> float:
    if exact:
        return float(len((sets & others) - {frozenset()}))
    return math.fsum(max((_overlap(one, other) for other in others), default=0.0) for one in sets)


def _overlap(one: frozenset[Hashable], other: frozenset[Hashable]) -> float:
    shared = len(one & other)
    return shared / len(one | other) if shared >= 2 or (shared and one == other) else 0.0
