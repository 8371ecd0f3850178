"""What is counted of texts and names, whichever corpus they are of."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["LONGEST_NAME", "MOST_NAMES", "OTHERS", "count_name", "words"]

MOST_NAMES = 1000
LONGEST_NAME = 100
OTHERS = "(others)"

_WORD = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> int:
    """The length of a text in tokens: runs of letters, digits and underscores, and single other characters.

    >>> words("5-FU at 3.3 mg")
    8
    """
    return sum(1 for _ in _WORD.finditer(text))


def count_name(names: Counter[str], name: str) -> None:
    """Count a name that a file gives, in bounded memory.

    Its first `LONGEST_NAME` characters count; beyond `MOST_NAMES` different ones, further ones count as one.
    """
    name = name[:LONGEST_NAME]
    names[name if name in names or len(names) < MOST_NAMES else OTHERS] += 1
