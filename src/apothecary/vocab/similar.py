"""Similar names among hundreds of thousands, without looking at most of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz, process

__all__ = ["MIN_CHARACTERS", "SimilarNames"]

MIN_CHARACTERS = 6
"""A shorter name has too many neighbours that mean something else."""

_EDGE = 3
_DIGITS = re.compile(r"\d+")
_Block = tuple[bool, str, int]


class SimilarNames:
    """Names in blocks that share their first or their last three characters and their length.

    Names are words joined by single blanks. A name that differs by one edit keeps one of its ends, so it is
    always found; one that differs at both ends is not, which is the price of speed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._blocks: dict[_Block, list[str]] = {}
        for name in sorted(set(names)):
            if len(name) >= MIN_CHARACTERS:
                for at_end in (False, True):
                    self._blocks.setdefault(_block(name, at_end, len(name)), []).append(name)

    def best(self, name: str, bound: float) -> tuple[float, Sequence[str]]:
        """The highest similarity (percent, of the longest common subsequence) of at least `bound`, and
        the names that have it, sorted; 0 and () when there is none.

        Never similar are names that differ in their numbers, or of which one has all the words of the
        other and more ("penicillin G"), or that have equally many words and two at the same place are
        not similar ("pulmonary hypotension", "pulmonary hypertension").
        """
        if len(name) < MIN_CHARACTERS:
            return 0.0, ()
        found: dict[str, float] = {}
        for at_end in (False, True):
            candidates = [
                each
                for length in _lengths(len(name), bound)
                for each in self._blocks.get(_block(name, at_end, length), ())
            ]
            scored = process.extract_iter(name, candidates, scorer=fuzz.ratio, score_cutoff=bound)
            found.update((each, score) for each, score, _ in scored if _agree(name, each, bound))
        score = max(found.values(), default=0.0)
        return score, sorted(each for each in found if found[each] == score)


def _block(name: str, at_end: bool, length: int) -> _Block:
    return at_end, name[-_EDGE:] if at_end else name[:_EDGE], length


def _lengths(length: int, bound: float) -> range:
    """Two names of lengths m and n share at most 200 min(m, n) / (m + n) percent."""
    return range(math.ceil(length * bound / (200 - bound)), math.floor(length * (200 - bound) / bound) + 1)


def _agree(one: str, other: str, bound: float) -> bool:
    if _DIGITS.findall(one) != _DIGITS.findall(other):
        return False
    words, others = one.split(), other.split()
    if len(words) != len(others):
        return not (set(words) <= set(others) or set(others) <= set(words))
    return all(
        fuzz.ratio(word, counterpart) >= bound for word, counterpart in zip(words, others, strict=True)
    )
