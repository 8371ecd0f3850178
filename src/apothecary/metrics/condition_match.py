"""Matching of labelled spans of text that have no places: which predictions answer which gold spans.

Four views: a span matches when the strings are equal (``hard``) or one holds the other and is not much longer
(``soft``); a ``pair`` needs the same label as well, a ``span`` does not.

Source: Luo et al. 2026 (Drug-ACE, arXiv 2606.14031) and the scorer released with it, whose rules are
`match_greedy`, `reference_soft_match` and `callback_score`. Departures of `match`:

1. The largest possible number of matches, not the first found. Greedy matching can gain from a higher
   threshold and depends on the order of the items; this cannot and does not.
2. The similarity of two strings of which one holds the other, 2 * shorter / (sum of both lengths), is
   computed as such. The release asks ``difflib``, which gives the same up to 200 characters and may give less
   beyond.
3. Options the release lacks: whole words, and folding of characters that look alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from apothecary.errors import UsageError
from apothecary.metrics.counts import Counts, by_label, total

__all__ = [
    "VIEWS",
    "CallbackScore",
    "Item",
    "Rule",
    "View",
    "callback_score",
    "counts_of",
    "label_counts",
    "match",
    "match_greedy",
    "reference_soft_match",
    "sample_figures",
    "soft_match",
]

View = Literal["hard_span", "soft_span", "hard_pair", "soft_pair"]
VIEWS: tuple[View, ...] = ("hard_span", "soft_span", "hard_pair", "soft_pair")
"""In the order in which the release prints them."""

Item = tuple[str, str]
"""A span and its label. Labels compare by equality: bring them to one spelling before."""

Matched = list[tuple[int, int]]
"""Positions in gold and in the predictions, each used once, in the order of gold."""

_BLANKS = re.compile(r"\s+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")


@dataclass(frozen=True)
class Rule:
    """How `match` compares spans.

    `threshold`: the least similarity of a soft match, 0 to 1; at 0.5 the shorter string has at least a third
    of the length of the longer. `whole_words`: a soft match ends at word borders, so that "men" is not found
    in "women". `fold`: runs of blanks, dashes and characters of one look (micro sign and Greek mu) are alike,
    in hard matches, too. Raises UsageError for a threshold out of range.
    """

    threshold: float = 0.5
    whole_words: bool = False
    fold: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise UsageError(
                f"a similarity of {self.threshold} does not exist", hint="use a threshold from 0 to 1"
            )


@dataclass(frozen=True)
class CallbackScore:
    """Pooled counts over samples, and those of each label; the first lack what `callback_score` removes."""

    overall: Counts
    by_label: dict[str, Counts]


def soft_match(gold: str, predicted: str, rule: Rule) -> bool:
    """Does one string hold the other, case and outer blanks apart, and are they of similar length?

    >>> soft_match("men (57%)", "Men", Rule()), soft_match("men (57%)", "Men", Rule(threshold=0.51))
    (True, False)
    >>> soft_match("women", "men", Rule()), soft_match("women", "men", Rule(whole_words=True))
    (True, False)
    """
    return _alike(gold.strip().lower(), predicted.strip().lower(), rule)


def reference_soft_match(gold: str, predicted: str, threshold: float = 0.5) -> bool:
    """The soft rule as released: containment, and the ratio of ``difflib`` with its heuristics."""
    a, b = gold.strip().lower(), predicted.strip().lower()
    if not (a in b or b in a) or _similarity(a, b) < threshold:
        # No ratio is above this similarity, so that difflib need not read strings of unlike length.
        return False
    return SequenceMatcher(a=a, b=b).ratio() >= threshold


def match(gold: Sequence[Item], predicted: Sequence[Item], view: View, rule: Rule) -> Matched:
    """A largest set of matches. Equal strings are matched first, as far as that costs no other match.

    >>> gold = [("weeks", "Dosage"), ("tablets for six weeks", "Dosage")]
    >>> said = [("for six weeks", "Dosage"), ("weeks", "Dosage")]
    >>> match(gold, said, "soft_pair", Rule())
    [(0, 1), (1, 0)]
    """
    if rule.fold:
        gold, predicted = _folded(gold), _folded(predicted)
    taken = _augmented(_edges(gold, predicted, view, lambda a, b: a == b), {})
    if view.startswith("soft"):
        gold, predicted = _lowered(gold), _lowered(predicted)
        taken = _augmented(_edges(gold, predicted, view, lambda a, b: _alike(a, b, rule)), taken)
    return sorted(taken.items())


def match_greedy(
    gold: Sequence[Item], predicted: Sequence[Item], view: View, threshold: float = 0.5
) -> Matched:
    """The matches of the release: each gold item in turn takes the first acceptable item that is left.

    >>> gold = [("weeks", "dosage"), ("tablets for six weeks", "dosage")]
    >>> said = [("for six weeks", "dosage"), ("weeks", "dosage")]
    >>> match_greedy(gold, said, "soft_pair")
    [(0, 0)]
    """
    left = list(range(len(predicted)))
    matched: Matched = []
    for number, (span, label) in enumerate(gold):
        for place in left:
            other, other_label = predicted[place]
            if view.endswith("pair") and label != other_label:
                continue
            if span == other if view.startswith("hard") else reference_soft_match(span, other, threshold):
                matched.append((number, place))
                left.remove(place)
                break
    return matched


def counts_of(gold: Sequence[Item], predicted: Sequence[Item], matched: Matched) -> Counts:
    """Matches, predictions without one and gold items without one."""
    return Counts(len(matched), len(predicted) - len(matched), len(gold) - len(matched))


def label_counts(gold: Sequence[Item], predicted: Sequence[Item], matched: Matched) -> dict[str, Counts]:
    """Counts by label: those of gold for what was found or missed, those of predictions for what is wrong."""
    found, used = {number for number, _ in matched}, {place for _, place in matched}
    return by_label(
        [
            *({label: Counts(tp=1) if n in found else Counts(fn=1)} for n, (_, label) in enumerate(gold)),
            *({label: Counts(fp=1)} for n, (_, label) in enumerate(predicted) if n not in used),
        ]
    )


def sample_figures(counts: Counts) -> tuple[float, float, float]:
    """Precision, recall and F1 of one sample: all 1.0 where nothing was to be found and nothing was said.

    >>> sample_figures(Counts()), sample_figures(Counts(fn=1)), sample_figures(Counts(tp=1, fp=1))[0]
    ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), 0.5)
    """
    return (1.0, 1.0, 1.0) if counts.empty else (counts.precision, counts.recall, counts.f1)


def callback_score(
    samples: Iterable[tuple[Sequence[Item], Sequence[Item]]], threshold: float = 0.5
) -> CallbackScore:
    """The score by which the release chooses a checkpoint: gold and predicted items of each sample.

    Greedy soft pairs, pooled, so that a rightly empty answer adds nothing. Wrong predictions of a label that
    occurs nowhere in gold are taken out of the overall counts; they stay in those by label.
    """
    rows = [
        label_counts(gold, said, match_greedy(gold, said, "soft_pair", threshold)) for gold, said in samples
    ]
    labels = by_label(rows)
    known = [counts for counts in labels.values() if counts.tp or counts.fn]
    return CallbackScore(total(known), labels)


def _similarity(a: str, b: str) -> float:
    length = len(a) + len(b)
    return 2.0 * min(len(a), len(b)) / length if length else 1.0


def _alike(a: str, b: str, rule: Rule) -> bool:
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    if short not in long or _similarity(a, b) < rule.threshold:
        return False
    return not rule.whole_words or _holds_words(long, short)


def _holds_words(long: str, short: str) -> bool:
    start = long.find(short)
    while start >= 0:
        if _is_border(long, start) and _is_border(long, start + len(short)):
            return True
        start = long.find(short, start + 1)
    return False


def _is_border(text: str, place: int) -> bool:
    return not (0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum())


def _folded(items: Sequence[Item]) -> list[Item]:
    return [
        (_BLANKS.sub(" ", unicodedata.normalize("NFKC", span)).translate(_DASHES).strip(), label)
        for span, label in items
    ]


def _lowered(items: Sequence[Item]) -> list[Item]:
    return [(span.strip().lower(), label) for span, label in items]


def _edges(
    gold: Sequence[Item], predicted: Sequence[Item], view: View, accept: Callable[[str, str], bool]
) -> list[list[int]]:
    """The predictions that each gold item could take."""
    pairs = view.endswith("pair")
    return [
        [
            place
            for place, (other, other_label) in enumerate(predicted)
            if (not pairs or label == other_label) and accept(span, other)
        ]
        for span, label in gold
    ]


def _augmented(edges: Sequence[Sequence[int]], taken: dict[int, int]) -> dict[int, int]:
    """Gold -> prediction, enlarged to a maximum matching by shortest augmenting paths (Kuhn 1955).

    What is matched stays matched, perhaps with another partner.
    """
    taken = dict(taken)
    owner = {place: number for number, place in taken.items()}
    for root in range(len(edges)):
        if root in taken:
            continue
        free, reached = _reach(edges, owner, root)
        while free is not None:
            number = reached[free]
            earlier = taken.get(number)
            taken[number], owner[free] = free, number
            free = earlier
    return taken


def _reach(
    edges: Sequence[Sequence[int]], owner: dict[int, int], root: int
) -> tuple[int | None, dict[int, int]]:
    """A free prediction that can be had if others move, and from which gold item each was reached."""
    reached: dict[int, int] = {}
    queue = [root]
    for number in queue:
        for place in edges[number]:
            if place not in reached:
                reached[place] = number
                if place not in owner:
                    return place, reached
                queue.append(owner[place])
    return None, reached
