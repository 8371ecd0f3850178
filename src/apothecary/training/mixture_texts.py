"""The text of an example, and what two texts are compared by.

Texts are the same when they differ in case, blanks and compatibility forms (full-width characters) only.
Otherwise they are compared by runs of `GRAM` tokens; a token is a word, or one character of a script that
writes no blanks. Everything is hashed: a text is kept by no one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib

import numpy as np
from numpy.typing import NDArray

from apothecary.examples import (
    Annotated,
    Dialogue,
    Example,
    Labelled,
    Question,
    Rewriting,
    Sourced,
    TextPair,
)

__all__ = ["GRAM", "digest", "gram_hashes", "kind_of", "normalised", "text_of"]

GRAM = 8
_ALONE = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
# Odd, so that no factor of 2**64 is lost.
_FACTOR = 0x9E3779B97F4A7C15
_FACTORS = np.array([pow(_FACTOR, place, 2**64) for place in range(GRAM)], dtype=np.uint64)


def text_of(example: Example) -> str:
    """All that an example gives to read, its answers apart; of a dialogue the turns."""
    match example:
        case Annotated():
            return example.document.text
        case Labelled():
            return example.text
        case Question():
            return "\n".join((example.question, example.context, *example.options))
        case Dialogue():
            turns = (text for turn in example.turns for text in (turn.asked, turn.answered))
            return "\n".join((example.context, *turns))
        case TextPair():
            return f"{example.first}\n{example.second}"
        case Rewriting():
            return example.source


def kind_of(sourced: Sourced) -> str:
    """The task with the kind of question: the same text may be asked about in several ways."""
    example = sourced.example
    kind = example.kind if isinstance(example, Question | TextPair | Rewriting) else ""
    return f"{sourced.task} {kind}"


def normalised(text: str) -> str:
    """A text without what does not make it another."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def digest(*parts: object) -> int:
    """64 bits of the parts; of ten million texts two share theirs with a chance of about 1 in 400,000."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def gram_hashes(text: str) -> NDArray[np.uint64]:
    """The hashes of the runs of tokens of a normalised text, each once, in ascending order."""
    tokens = [zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in _TOKEN.findall(text)]
    if len(tokens) < GRAM:
        return np.empty(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(np.array(tokens, dtype=np.uint64), GRAM)
    return np.unique((windows * _FACTORS).sum(axis=1, dtype=np.uint64))
