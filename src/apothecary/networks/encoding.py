"""Text -> tokens, word shapes and overlapping windows, the same way in training and in use.

Offsets are code points into the text as given. A text of any length is cut into windows that overlap
by half at most; where two windows hold a token, the one that shows it more context speaks for it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from apothecary.errors import WeightsError

__all__ = ["SHAPES", "Encoded", "TextEncoder", "Window", "Windowing", "padded", "word_shape"]

Ints = NDArray[np.int64]

SHAPES = 7
"""How many word shapes there are: an uncased tokenizer forgets case, which marks names."""


@lru_cache(maxsize=1 << 16)
def word_shape(word: str) -> int:
    """The shape of a word: 0 no letter or digit, 1 lower, 2 Capitalised, 3 UPPER, 4 miXed, 5 digits, 6 a1."""
    letters = [char for char in word if char.isalpha()]
    digits = any(char.isdigit() for char in word)
    if not letters:
        return 5 if digits else 0
    if digits:
        return 6
    if all(char.islower() for char in letters):
        return 1
    if all(char.isupper() for char in letters):
        return 3 if len(letters) > 1 else 2
    return 2 if letters[0].isupper() and all(char.islower() for char in letters[1:]) else 4


@dataclass(frozen=True)
class Window:
    """Tokens `start` to `end` of a text; those from `own_start` to `own_end` are its to speak for."""

    start: int
    end: int
    own_start: int
    own_end: int


@dataclass(frozen=True)
class Windowing:
    """How many tokens a window holds at most (special ones not counted), and by how many two overlap.

    Raises WeightsError unless 0 <= overlap <= size / 2.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap <= self.size:
            raise WeightsError(f"windows of {self.size} tokens cannot overlap by {self.overlap}")

    def over(self, length: int) -> list[Window]:
        """Windows over `length` tokens: every token is spoken for by exactly one."""
        starts = list(range(0, max(1, length - self.overlap), self.size - self.overlap))
        ends = [min(length, start + self.size) for start in starts]
        cuts = [0, *((nxt + end + 1) // 2 for nxt, end in zip(starts[1:], ends, strict=False)), length]
        return [Window(*four) for four in zip(starts, ends, cuts[:-1], cuts[1:], strict=True)]


@dataclass(frozen=True)
class Encoded:
    """A text as tokens: of each its id, word shape, code points, and whether it begins a word."""

    ids: Ints
    shapes: Ints
    starts: Ints
    ends: Ints
    begins_word: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def words(self) -> Ints:
        """Positions of the tokens that begin a word."""
        return np.flatnonzero(self.begins_word)

    def tokens_of(self, start: int, end: int) -> tuple[int, int]:
        """The tokens that touch code points `start` to `end`, as a half-open range; empty in a gap."""
        first = bisect_right(self.ends, start)
        return first, max(first, bisect_left(self.starts, end))


def padded(
    rows: Sequence[tuple[Encoded, Window]], before: Sequence[int], after: Sequence[int]
) -> tuple[Ints, Ints, Ints]:
    """Ids, word shapes and mask of windows (windows by tokens), special tokens around each, zeros behind."""
    width = max(window.end - window.start for _, window in rows) + len(before) + len(after)
    ids, shapes, mask = (np.zeros((len(rows), width), np.int64) for _ in range(3))
    for row, (encoded, window) in enumerate(rows):
        inside = slice(len(before), len(before) + window.end - window.start)
        ids[row, : inside.start] = before
        ids[row, inside] = encoded.ids[window.start : window.end]
        ids[row, inside.stop : inside.stop + len(after)] = after
        shapes[row, inside] = encoded.shapes[window.start : window.end]
        mask[row, : inside.stop + len(after)] = 1
    return ids, shapes, mask


class TextEncoder:
    """A tokenizer file, used for its tokens, words and offsets only."""

    def __init__(self, path: Path) -> None:
        """Raises WeightsError when the file is no tokenizer."""
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # The library raises bare Exceptions.
            raise WeightsError(f"is not a tokenizer that can be read: {error}", where=str(path)) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        empty = self._tokenizer.encode("a", add_special_tokens=True)
        marks = [position for position, special in enumerate(empty.special_tokens_mask) if not special]
        first, last = marks[0], marks[-1]
        self.before = tuple(empty.ids[:first])
        self.after = tuple(empty.ids[last + 1 :])

    @property
    def mask(self) -> int:
        """The id that stands for a hidden token. Raises WeightsError when the tokenizer has none."""
        for name in ("[MASK]", "<mask>"):
            found = self._tokenizer.token_to_id(name)
            if found is not None:
                return found
        raise WeightsError("the tokenizer has no token for hidden words", hint="set word_dropout = 0")

    def encode(self, text: str) -> Encoded:
        """Tokens without special ones. Characters that the tokenizer drops belong to no token."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        pairs = encoding.offsets
        # Some tokenizers count the blank before a word as a part of it.
        parts = (text[start:end] for start, end in pairs)
        blanks = np.fromiter((len(part) - len(part.lstrip() or part) for part in parts), np.int64, len(pairs))
        starts = np.fromiter((start for start, _ in pairs), np.int64, len(pairs)) + blanks
        ends = np.fromiter((end for _, end in pairs), np.int64, len(pairs))
        words = encoding.word_ids
        begins = np.fromiter(
            (i == 0 or word is None or word != words[i - 1] for i, word in enumerate(words)), bool, len(words)
        )
        return Encoded(
            np.asarray(encoding.ids, np.int64), _shapes(text, starts, ends, begins), starts, ends, begins
        )


def _shapes(text: str, starts: Ints, ends: Ints, begins: NDArray[np.bool_]) -> Ints:
    """The shape of each token's word, on every token of it."""
    if not len(starts):
        return np.zeros(0, np.int64)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(starts)) - 1
    of_word = [word_shape(text[starts[a] : ends[b]]) for a, b in zip(first, last, strict=True)]
    return np.repeat(np.asarray(of_word, np.int64), last - first + 1)
