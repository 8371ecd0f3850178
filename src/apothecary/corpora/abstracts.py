"""Which texts are one abstract: those of one PubMed id, and those of the same letters and digits."""

from __future__ import annotations

from collections.abc import Iterable

from apothecary.formats.condition_text import text_key

__all__ = ["Abstracts", "abstracts_of"]


class Abstracts:
    """Abstracts, told apart as texts are added one by one; in time nearly linear in their number.

    Equal texts under two PubMed ids are one abstract, as is all that either id has.
    """

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def add(self, pmid: str, key: str) -> None:
        """One text: its PubMed id, "" where it is unknown, and its `text_key`."""
        own = self.of(key)
        other = self.of(pmid) if pmid else own
        # The smaller name stands for both, so that it hangs on no order: an id, which begins with a digit.
        first, last = sorted((own, other))
        self._parents[last] = first

    def of(self, key: str) -> str:
        """The name of the abstract that a text with this key is of: the same for all of its texts."""
        while (parent := self._parents.setdefault(key, key)) != key:
            self._parents[key] = self._parents[parent]
            key = parent
        return key


def abstracts_of(texts: Iterable[tuple[str, str]]) -> list[str]:
    """The name of the abstract of each text, given as PubMed id ("" where it is unknown) and text."""
    keys = [(pmid, text_key(text)) for pmid, text in texts]
    known = Abstracts()
    for pmid, key in keys:
        known.add(pmid, key)
    return [known.of(key) for _, key in keys]
