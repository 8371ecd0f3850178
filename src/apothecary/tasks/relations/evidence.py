"""Which sentences support a relation, and what part of a long text a question needs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apothecary.align.sentences import sentences
from apothecary.documents import Concept, Document, Evidence, Span

__all__ = ["Sentences", "split"]


@dataclass(frozen=True)
class Sentences:
    """The sentences of a document, split once for all its pairs. `starts` are their first characters."""

    document: Document
    spans: tuple[Span, ...]
    starts: tuple[int, ...]

    def evidence(self, head: Concept, tail: Concept) -> tuple[Evidence, ...]:
        """The sentence that names both, their names nearest to each other; else the nearest sentence of each.

        Chosen by rule, not by a model: it says where to look, not what convinced the model.
        """
        heads, tails = self._places(head), self._places(tail)
        if not heads or not tails or not self.spans:
            return ()
        near = [(abs(place - other), place, other) for place, other in _nearest(heads, tails)]
        together = [item for item in near if self._sentence(item[1]) == self._sentence(item[2])]
        _, first, second = min(together or near)
        indexes = sorted({self._sentence(first), self._sentence(second)})
        return tuple(self._quote(self.spans[index]) for index in indexes)

    def excerpt(self, mentions: Iterable[int], limit: int) -> str:
        """The whole text when it is at most `limit` characters; else the sentences of these mentions.

        The first sentence (the title) always stays; what exceeds the limit is left out whole.
        """
        text = self.document.text
        if len(text) <= limit or not self.spans:
            return text[:limit]
        chosen = {0} | {self._sentence(self.document.mentions[index].start) for index in mentions}
        kept: list[str] = []
        room = limit
        for index in sorted(chosen):
            piece = text[self.spans[index].start : self.spans[index].end][:limit]
            if len(piece) > room:
                break
            kept.append(piece)
            room -= len(piece) + 1
        return "\n".join(kept)

    def _places(self, concept: Concept) -> list[int]:
        return sorted(self.document.mentions[index].start for index in concept.mentions)

    def _sentence(self, place: int) -> int:
        return max(0, bisect_right(self.starts, place) - 1)

    def _quote(self, span: Span) -> Evidence:
        return Evidence(span, self.document.text[span.start : span.end])


def _nearest(places: Iterable[int], others: Sequence[int]) -> Iterable[tuple[int, int]]:
    """For each place the neighbours before and after it among the (sorted) others."""
    for place in places:
        after = bisect_left(others, place)
        for index in (after - 1, after):
            if 0 <= index < len(others):
                yield place, others[index]


def split(document: Document) -> Sentences:
    """The sentences of a document."""
    spans = sentences(document.text)
    return Sentences(document, spans, tuple(span.start for span in spans))
