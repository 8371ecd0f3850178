"""What can be said of a pair or a set without a network: counts, places, spelling."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.encoding import Encoded

__all__ = [
    "PAIR_FEATURES",
    "SET_FEATURES",
    "nearest",
    "pair_features",
    "pair_inputs",
    "set_features",
    "set_inputs",
    "stretches",
]

Floats = NDArray[np.float32]
Spans = Sequence[tuple[int, int]]

PAIR_FEATURES = 10
SET_FEATURES = 6
SPELLINGS = 40
REACH = 200
"""Mentions no further apart than this, in code points, are taken to be told of together."""
_WORD = re.compile(r"\w+")


def pair_inputs(encoded: Encoded, text: str, pairs: Sequence[tuple[Spans, Spans]]) -> dict[str, Floats]:
    """What a `PairHead` reads beside the states: tokens of both sides and between them, and features."""
    return {
        "heads": _members(encoded, [head for head, _ in pairs]),
        "tails": _members(encoded, [tail for _, tail in pairs]),
        "between": _members(encoded, [stretches(*pair) for pair in pairs]),
        "features": np.asarray([pair_features(text, *pair) for pair in pairs], np.float32),
    }


def set_inputs(
    encoded: Encoded, text: str, spans: Spans, candidates: Sequence[Sequence[int]]
) -> dict[str, Floats]:
    """What a `SetHead` reads beside the states: tokens of each set, of the rest and around, and features.

    A candidate holds positions in `spans`, in order. Around them are the lines of the text from the first
    span to the last.
    """
    by_span = _members(encoded, [(span,) for span in spans])
    inside = np.stack([by_span[list(chosen)].max(axis=0) for chosen in candidates])
    return {
        "inside": inside,
        "outside": by_span.max(axis=0) - inside,
        "around": np.repeat(_members(encoded, [(_lines(text, spans),)]), len(candidates), axis=0),
        "features": np.asarray([set_features(chosen, len(spans)) for chosen in candidates], np.float32),
    }


def _lines(text: str, spans: Spans) -> tuple[int, int]:
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    end = text.find("\n", last)
    return text.rfind("\n", 0, first) + 1, len(text) if end < 0 else end


def _members(encoded: Encoded, groups: Sequence[Spans]) -> Floats:
    """Groups of spans -> 0/1 by group and token. A span that touches no token adds nothing."""
    found = np.zeros((len(groups), len(encoded)), np.float32)
    for row, spans in enumerate(groups):
        for start, end in spans:
            first, last = encoded.tokens_of(start, end)
            found[row, first:last] = 1.0
    return found


def pair_features(text: str, head: Spans, tail: Spans) -> list[float]:
    """Ten numbers of about unit size: how often, how early, how near, how alike in spelling."""
    if not head or not tail:
        return [0.0] * PAIR_FEATURES
    near = nearest(head, tail)
    first_head, first_tail = (min(start for start, _ in spans) for spans in (head, tail))
    return [
        math.log1p(len(head)) / 2,
        math.log1p(len(tail)) / 2,
        math.log1p(near) / 7,
        float(near > 250),
        math.log1p(first_head) / 7,
        math.log1p(first_tail) / 7,
        *_alike(_spellings(text, head), _spellings(text, tail)),
    ]


def _spellings(text: str, spans: Spans) -> list[str]:
    return list(dict.fromkeys(text[start:end].lower() for start, end in spans[:SPELLINGS]))


def nearest(head: Spans, tail: Spans) -> int:
    """Code points between the nearest two spans; one sweep over both, in order."""
    ordered = sorted([(*span, 0) for span in head] + [(*span, 1) for span in tail])
    ends = [-math.inf, -math.inf]
    nearest = math.inf
    for start, end, side in ordered:
        nearest = min(nearest, start - ends[1 - side])
        ends[side] = max(ends[side], end)
    return int(max(0.0, nearest))


def stretches(head: Spans, tail: Spans) -> list[tuple[int, int]]:
    """From each mention to the one of the other side next after it, both included, where that is near."""
    ordered = sorted([(*span, 0) for span in head] + [(*span, 1) for span in tail])
    return [
        (one[0], max(one[1], two[1]))
        for one, two in pairwise(ordered)
        if one[2] != two[2] and two[0] - one[1] <= REACH
    ]


def _alike(heads: list[str], tails: list[str]) -> list[float]:
    """The best agreement of any two spellings: letters, words, initials, one within the other."""
    best = [0.0, 0.0, 0.0, 0.0]
    for one in heads:
        for two in tails:
            words = _WORD.findall(one), _WORD.findall(two)
            scores = (
                _overlap(_trigrams(one), _trigrams(two)),
                _overlap(set(words[0]), set(words[1])),
                float(_initials(words[0], words[1]) or _initials(words[1], words[0])),
                float(one in two or two in one),
            )
            best = [max(a, b) for a, b in zip(best, scores, strict=True)]
    return best


def _trigrams(name: str) -> set[str]:
    padded = f"^{name}$"
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _overlap(one: set[str], two: set[str]) -> float:
    return len(one & two) / len(one | two) if one or two else 0.0


def _initials(short: list[str], long: list[str]) -> bool:
    return len(short) == 1 and len(long) > 1 and short[0] == "".join(word[0] for word in long)


def set_features(chosen: Sequence[int], count: int) -> list[float]:
    """Six numbers of a set of `chosen` mentions among `count`, both in order of the text."""
    size = len(chosen)
    gaps = chosen[-1] - chosen[0] + 1 - size
    return [
        size / 8,
        count / 8,
        size / max(1, count),
        float(size == count),
        float(size == 2),
        float(gaps == 0),
    ]
