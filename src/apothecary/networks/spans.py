"""Spans <-> one tag for each word: begin, inside, outside; and the best legal sequence of tags.

Tags: 0 is outside, 1 + 2k begins label k, 2 + 2k continues it. A continuation is legal only after a
beginning or a continuation of the same label.

What is told of a whole text may differ from what its tags say word by word: see `settled`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.encoding import Encoded

__all__ = ["Rule", "Span", "best_tags", "read_spans", "settled", "tag_count", "write_tags"]

Floats = NDArray[np.float32]
Span = tuple[int, int, int, float]
"""Start, end, label, score (log-odds)."""

REPEATED_LETTERS = 4
"""A shorter name stands for several things too often to be told wherever it occurs."""


@dataclass(frozen=True)
class Rule:
    """What is told of a text: no span with a score below `least`; every place of a name that scores `repeat`.

    None: all spans are told; no name is told where its tags do not say so.
    """

    least: float | None = None
    repeat: float | None = None


def tag_count(labels: int) -> int:
    """How many tags `labels` labels need."""
    return 1 + 2 * labels


def write_tags(
    encoded: Encoded, spans: Iterable[tuple[int, int, int]]
) -> tuple[NDArray[np.int64], list[tuple[int, int, int]]]:
    """One tag for each word, and the spans (start, end, label) that tags cannot say.

    A span that overlaps a longer one, or covers no word, is not said; one that cuts a word takes it whole.
    """
    words = encoded.words
    tags = np.zeros(len(words), np.int64)
    lost: list[tuple[int, int, int]] = []
    taken = np.zeros(len(words), bool)
    for start, end, label in sorted(spans, key=lambda s: (s[0] - s[1], s)):
        first_token, end_token = encoded.tokens_of(start, end)
        first = int(np.searchsorted(words, first_token, "right")) - 1
        last = int(np.searchsorted(words, end_token - 1, "right"))
        if first_token >= end_token or taken[first:last].any():
            lost.append((start, end, label))
            continue
        taken[first:last] = True
        tags[first] = 1 + 2 * label
        tags[first + 1 : last] = 2 + 2 * label
    return tags, lost


def best_tags(log_probabilities: Floats) -> NDArray[np.int64]:
    """The most probable legal sequence (Viterbi), words by tags in; linear in the words."""
    count, tags = log_probabilities.shape
    if not count:
        return np.zeros(0, np.int64)
    begins = np.arange(1, tags, 2)
    score = log_probabilities[0].astype(np.float64)
    score[begins + 1] = -np.inf
    back = np.zeros((count, tags), np.int64)
    for word in range(1, count):
        best = int(score.argmax())
        came = np.full(tags, best, np.int64)
        reached = np.full(tags, score[best])
        stay = score[begins + 1] > score[begins]
        came[begins + 1] = np.where(stay, begins + 1, begins)
        reached[begins + 1] = np.maximum(score[begins], score[begins + 1])
        back[word] = came
        score = reached + log_probabilities[word]
    path = np.zeros(count, np.int64)
    path[-1] = int(score.argmax())
    for word in range(count - 1, 0, -1):
        path[word - 1] = back[word, path[word]]
    return path


def read_spans(
    encoded: Encoded, tags: Sequence[int] | NDArray[np.int64], log_probabilities: Floats
) -> list[Span]:
    """Each tagged span.

    The score is the log-odds of the least certain word of the span, its two neighbours included (they
    say where it ends): the span is only as sure as that word.
    """
    words = encoded.words
    found: list[Span] = []
    position = 0
    while position < len(tags):
        tag = int(tags[position])
        if not tag:
            position += 1
            continue
        end = position + 1
        while end < len(tags) and tags[end] == 2 * ((tag + 1) // 2):
            end += 1
        token_end = words[end] if end < len(words) else len(encoded)
        around = range(max(0, position - 1), min(len(tags), end + 1))
        sure = min(float(log_probabilities[i, tags[i]]) for i in around)
        start_at, end_at = int(encoded.starts[words[position]]), int(encoded.ends[token_end - 1])
        found.append((start_at, end_at, (tag - 1) // 2, sure - float(np.log(-np.expm1(min(sure, -1e-6))))))
        position = end
    return found


def settled(encoded: Encoded, text: str, spans: Sequence[Span], rule: Rule) -> list[Span]:
    """The spans that a rule tells of a text, in its order; linear in the text.

    A name that is told at a place of its own, whole words in any case, gets the label of its surest span
    and the least score that is told at all: the tags there said otherwise.
    """
    kept = [span for span in spans if rule.least is None or span[3] >= rule.least]
    if rule.repeat is None:
        return kept
    names: dict[str, Span] = {}
    for span in kept:
        name = text[span[0] : span[1]].lower()
        if span[3] >= rule.repeat and sum(map(str.isalpha, name)) >= REPEATED_LETTERS:
            names[name] = max(span, names.get(name, span), key=lambda s: s[3])
    return sorted(kept + _repeats(encoded, text, kept, names, rule.least or 0.0))


def _repeats(
    encoded: Encoded, text: str, kept: Sequence[Span], names: Mapping[str, Span], score: float
) -> list[Span]:
    """Further places of the names, clear of the spans kept and of each other, the longest name first."""
    lasts = [*encoded.words[1:], len(encoded)]
    ends = {
        int(encoded.starts[a]): int(encoded.ends[b - 1]) for a, b in zip(encoded.words, lasts, strict=True)
    }
    # By first word: each place of the text is compared with the few names that can begin there.
    by_word: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        start = names[name][0]
        by_word.setdefault(text[start : ends[start]].lower(), []).append(name)
    whole = set(ends.values())
    taken = sorted(span[:2] for span in kept)
    found: list[Span] = []
    free = 0
    for start, first_end in ends.items():
        for name in by_word.get(text[start:first_end].lower(), ()) if start >= free else ():
            end = start + len(name)
            after = bisect_left(taken, (start,))
            clear = not (after and taken[after - 1][1] > start) and not (
                after < len(taken) and taken[after][0] < end
            )
            if clear and end in whole and text[start:end].lower() == name:
                found.append((start, end, names[name][2], score))
                free = end
                break
    return found
