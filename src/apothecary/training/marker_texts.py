"""Instances of conditions as candidates with types, and types of candidates as conditions.

Where the words of a condition stand several times in a text, gold names the first place. The others are
neither learnt nor unlearnt: which of them was meant is not known, and none of them is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apothecary.documents import Document
from apothecary.errors import DataError
from apothecary.formats.condition_rows import row_of_document
from apothecary.metrics.condition_match import Rule, counts_of, match, sample_figures
from apothecary.networks.encoding import Encoded, TextEncoder
from apothecary.networks.levitated import Pages, candidates, pages

__all__ = ["MarkedText", "annotated", "places", "read_text", "soft_f1", "told", "with_types"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MarkedText:
    """An instance laid out. Shapes: `types` and `learnt` are candidates by labels, no labels without gold."""

    document: Document
    encoded: Encoded
    pages: Pages
    types: Floats
    learnt: NDArray[np.bool_]

    def offsets(self) -> list[tuple[int, int]]:
        """Code points of each candidate."""
        spans = self.pages.spans
        starts, ends = self.encoded.starts[spans[:, 0]], self.encoded.ends[spans[:, 1] - 1]
        return list(zip(starts.tolist(), ends.tolist(), strict=True))


def annotated(document: Document) -> Document:
    """The document itself. Raises DataError unless it is an instance whose conditions are known."""
    row = row_of_document(document)
    if row.conditions is None:
        reason = "its target is not read yet" if row.target is not None else "nobody said its conditions"
        raise DataError(f"cannot be learnt from: {reason}", where=f"document {document.id}")
    return document


def read_text(tokenizer: TextEncoder, document: Document, longest: int, positions: int) -> MarkedText:
    """Lay out an instance behind its pair, with candidates of up to `longest` words.

    Raises DataError for a document that is no instance, or whose text no file can hold.
    """
    row = row_of_document(document)
    if not all(_is_text(each) for each in (document.text, row.drug, row.disease)):
        raise DataError("holds half a character (a lone surrogate)", where=f"document {document.id}")
    encoded = tokenizer.encode(document.text)
    spans = candidates(encoded, document.text, longest)
    laid = pages(tokenizer, encoded, spans, (row.drug, row.disease), positions)
    none = np.zeros((len(spans), 0), np.float32)
    return MarkedText(document, encoded, laid, none, none.astype(bool))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def places(text: MarkedText) -> list[tuple[int, str]]:
    """Candidate and type of each condition that is a candidate; one that cuts a word takes it whole."""
    known = {(first, end): place for place, (first, end) in enumerate(text.pages.spans.tolist())}
    found = []
    for each in text.document.conditions:
        place = known.get(_whole_words(text.encoded, each.span.start, each.span.end))
        if place is not None and text.pages.page[place] >= 0:
            found.append((place, each.type))
    return found


def _whole_words(encoded: Encoded, start: int, end: int) -> tuple[int, int]:
    """The tokens of all words that code points touch: a word may be of several."""
    first, behind = encoded.tokens_of(start, end)
    borders = np.append(encoded.words, len(encoded))
    if first < behind:
        first = int(borders[np.searchsorted(borders, first, side="right") - 1])
        behind = int(borders[np.searchsorted(borders, behind)])
    return first, behind


def with_types(text: MarkedText, labels: Sequence[str]) -> MarkedText:
    """The text with what is to be learnt of it."""
    by_words: dict[str, list[int]] = {}
    words = [text.document.text[start:end] for start, end in text.offsets()]
    for place, word in enumerate(words):
        by_words.setdefault(word, []).append(place)
    types = np.zeros((len(words), len(labels)), np.float32)
    learnt = np.ones_like(types, dtype=bool)
    said = [(place, labels.index(type_)) for place, type_ in places(text)]
    for place, label in said:
        learnt[by_words[words[place]], label] = False
    for place, label in said:
        types[place, label], learnt[place, label] = 1.0, True
    return replace(text, types=types, learnt=learnt)


def told(
    text: MarkedText, probabilities: Floats, labels: Sequence[str], threshold: float
) -> list[dict[str, object]]:
    """The conditions of a text: span, type, start, end and probability, in the order of the text.

    Of one type none overlaps a more probable one, and none repeats its words.
    """
    offsets = text.offsets()
    found: list[tuple[int, int, str, float]] = []
    for label, name in enumerate(labels):
        column = probabilities[:, label]
        taken = np.zeros(len(text.encoded), bool)
        words: set[str] = set()
        for place in np.argsort(-column, kind="stable"):
            if column[place] < threshold:
                break
            first, end = text.pages.spans[place]
            start_at, end_at = offsets[place]
            word = text.document.text[start_at:end_at]
            if not taken[first:end].any() and word not in words:
                taken[first:end] = True
                words.add(word)
                found.append((start_at, end_at, name, round(float(column[place]), 4)))
    return [
        {"span": text.document.text[start:end], "type": name, "start": start, "end": end, "probability": sure}
        for start, end, name, sure in sorted(found)
    ]


def soft_f1(text: MarkedText, told: Sequence[Mapping[str, object]]) -> float:
    """F1 (0 to 1) of soft pairs against the gold of the text: 1 where there is nothing on either side."""
    gold = row_of_document(text.document).conditions or ()
    said = [(str(each["span"]), str(each["type"])) for each in told]
    return sample_figures(counts_of(gold, said, match(gold, said, "soft_pair", Rule())))[2]
