"""Text under the differences that do not make another name, with the way back to its offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Folded", "fold", "is_boundary"]

# Unicode spells it lamda.
_GREEK = {
    chr(point): unicodedata.name(chr(point)).split()[-1].lower().replace("lamda", "lambda")
    for point in range(0x3B1, 0x3CA)
}
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe63\uff0d"
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2032\uff07\u02bc"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u2033\uff02\u00ab\u00bb"
# Soft hyphens and zero-width characters are left behind by typesetting; nobody reads them.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_SAME = (
    dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_SINGLE_QUOTES, "'")
    | dict.fromkeys(_DOUBLE_QUOTES, '"')
    | dict.fromkeys(_INVISIBLE, "")
    | _GREEK
)
# ASCII text without runs of blanks folds one to one, a thousand times faster than letter by letter.
_NEEDS_MAP = re.compile(r"\s\s|[^\S ]|[^\x00-\x7f]")


@dataclass(frozen=True)
class Folded:
    """A folded text: character i stands for `starts[i]` to `ends[i]` of the original.

    One original character may become several (ß, ligatures, Greek letters spelled out), and
    several one (a run of blanks).
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def whole(self, start: int, end: int) -> bool:
        """Does the folded stretch begin and end between characters of the original?"""
        begins = start == 0 or self.starts[start] != self.starts[start - 1]
        return begins and (end == len(self.text) or self.starts[end] != self.starts[end - 1])


@lru_cache(maxsize=8)
def fold(text: str) -> Folded:
    """Fold case, compatibility forms, runs of blanks, dashes, quotes and Greek letters (spelled out)."""
    if not _NEEDS_MAP.search(text):
        return Folded(text.lower(), range(len(text)), range(1, len(text) + 1))
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(text):
        piece = _fold_character(character)
        if piece == " " and folded and folded[-1] == " ":
            ends[-1] = index + 1
            continue
        folded.extend(piece)
        starts.extend([index] * len(piece))
        ends.extend([index + 1] * len(piece))
    return Folded("".join(folded), starts, ends)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character.isspace():
        return " "
    if character in _SAME:
        return _SAME[character]
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(_SAME.get(part, part) for part in plain if not part.isspace())


def is_boundary(text: str, index: int) -> bool:
    """May a name begin or end at this offset: not inside a word or a character with its accents?

    A hyphen bounds a word ("lithium-induced" names lithium). Scripts written without blanks
    (Chinese, Japanese, Thai) have a boundary everywhere.
    """
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if unicodedata.category(after).startswith("M"):
        return False
    return not (_in_word(before) and _in_word(after))


def _in_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    return (character.isalnum() or unicodedata.category(character).startswith("M")) and not (
        "\u0e00" <= character <= "\u0eff"
        or "\u2e80" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\U00020000" <= character <= "\U0003ffff"
    )
