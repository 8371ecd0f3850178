"""Names under the differences that do not make another concept: three keys, each looser than the one before.

| key | joins |
|---|---|
| `exact_key` | letter case, runs of blanks |
| `joined_key` | and accents, Greek letters, punctuation, blanks, plurals, possessives, ae and oe |
| `sorted_key` | and the order of words, "of" and "the" |

What tells chemicals apart is kept: digits, roman numerals, primes after a digit, a plus, a minus in
brackets, and a break between two numbers (1,2 is not 12).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["exact_key", "joined_key", "name_words", "sorted_key"]

# Unicode spells it lamda.
_GREEK = str.maketrans(
    {
        point: unicodedata.name(chr(point)).split()[-1].lower().replace("lamda", "lambda")
        for point in range(0x3B1, 0x3CA)
    }
)
_PRIME = re.compile(r"(?<=\d)['\u2019\u2032]")
_POSSESSIVE = re.compile(r"['\u2019\u02bc\u2032]s(?![^\W_])")
_MINUS = re.compile(r"\([-\u2010-\u2015\u2212]\)")
_WORD = re.compile(r"[^\W_]+")
_UNWEIGHTED = frozenset({"of", "the"})
# From plural to singular ending, the first that fits. A wrong singular does no harm: both sides get it.
_ENDINGS = (
    ("ies", "y"),
    ("doses", "dose"),
    ("oses", "osis"),
    ("stases", "stasis"),
    ("sses", "ss"),
    ("xes", "x"),
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("s", ""),
)
_MIN_PLURAL = 4


def exact_key(name: str) -> str:
    """The name without regard to case and runs of blanks."""
    return " ".join(name.casefold().split())


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name, folded and in the singular; () when it has no letter or digit."""
    text = name.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).casefold()
        text = "".join(each for each in text if not unicodedata.combining(each)).translate(_GREEK)
    text = _PRIME.sub(" prime ", _POSSESSIVE.sub("", text))
    text = _MINUS.sub(" minus ", text).replace("+", " plus ")
    return tuple(_folded(word) for word in _WORD.findall(text))


def joined_key(words: Sequence[str]) -> str:
    """Words without the blanks between them; two numbers stay apart.

    >>> joined_key(name_words("Beta-blockers")), joined_key(name_words("1,2-Dichloroethane"))
    ('betablocker', '1 2dichloroethane')
    """
    key = ""
    for word in words:
        key += " " + word if key[-1:].isdigit() and word[0].isdigit() else word
    return key


def sorted_key(words: Sequence[str]) -> str:
    """Words in alphabetical order, without "of" and "the".

    >>> sorted_key(name_words("Failure of the kidneys")) == sorted_key(name_words("kidney failure"))
    True
    """
    return " ".join(sorted(word for word in words if word not in _UNWEIGHTED))


def _folded(word: str) -> str:
    if len(word) >= _MIN_PLURAL and word.isalpha():
        for plural, singular in _ENDINGS:
            if word.endswith(plural):
                word = word.removesuffix(plural) + singular
                break
    word = word.replace("ae", "e").replace("oe", "e")
    return f"{word[:-3]}or" if len(word) > _MIN_PLURAL and word.endswith("our") else word
