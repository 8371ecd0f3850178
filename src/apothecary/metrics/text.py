"""Free text against reference texts: BLEU, chrF and ROUGE-L.

Each text gives counts that add up, so that the score of a corpus comes of pooled counts and a resample costs
no second look at the texts. Scores lie in 0-1, where the papers write percent; nothing is rounded.

Written here, since the four dependencies of sacrebleu (2.6.0) would be for two sums; values agree with it and
with rouge-score (0.1.2).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

from rapidfuzz.distance import LCSseq

from apothecary.errors import DataError
from apothecary.examples import Language

__all__ = [
    "BleuCounts",
    "ChrfCounts",
    "RougeL",
    "bleu_counts",
    "bleu_tokens",
    "chrf_counts",
    "rouge_l",
    "rouge_tokens",
]

_ORDERS = 4
_CHARACTERS = 6
_BETA = 2

# What the tokenizers of WMT set apart: ASCII punctuation but apostrophe, comma, hyphen and full stop.
_PUNCTUATION = re.compile(r"([ !-&(-+/:-@\[-`{-~])")
_STOP_AFTER = re.compile(r"([^0-9])([.,])")
_STOP_BEFORE = re.compile(r"([.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")
# Each of these is a token of its own. The first range is what sacrebleu's two ranges beyond the basic plane
# come to, which it writes with four digits; so Chinese quotes and dashes are set apart there, and here.
_CHINESE = re.compile(
    "([\u2001-\u2a6d\u2e80-\u2fff\u3000-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5"
    "\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef])"
)
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class BleuCounts:
    """Of n-grams of 1 to 4 tokens how many a text has and how many of them are right; and the lengths."""

    right: tuple[int, ...] = (0,) * _ORDERS
    said: tuple[int, ...] = (0,) * _ORDERS
    length: int = 0
    reference_length: int = 0

    def __add__(self, other: BleuCounts) -> BleuCounts:
        return BleuCounts(
            tuple(map(add, self.right, other.right)),
            tuple(map(add, self.said, other.said)),
            self.length + other.length,
            self.reference_length + other.reference_length,
        )

    @property
    def score(self) -> float:
        """The geometric mean of the four precisions times the brevity penalty.

        An order without a right n-gram counts 1/2, 1/4, ... of one (the smoothing of mteval-v13a). 0.0 where
        not even a token is right, or an order has no n-gram.
        """
        if not any(self.right) or not all(self.said):
            return 0.0
        logarithms, halving = 0.0, 1.0
        for right, said in zip(self.right, self.said, strict=True):
            if not right:
                halving *= 2
            logarithms += math.log(right / said if right else 1 / (halving * said))
        short = self.length < self.reference_length
        penalty = math.exp(1 - self.reference_length / self.length) if short else 1.0
        return penalty * math.exp(logarithms / _ORDERS)


def bleu_tokens(text: str, language: Language) -> list[str]:
    """Tokens as WMT counts them: 13a for English; for Chinese each character alone, and 13a for the rest.

    >>> bleu_tokens("A dose of 2.5 mg, twice-daily.", "en")
    ['A', 'dose', 'of', '2.5', 'mg', ',', 'twice-daily', '.']
    """
    line = text.strip()
    if language == "zh":
        line = _CHINESE.sub(r" \1 ", line)
    else:
        line = line.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
        for entity, character in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            line = line.replace(entity, character)
        line = f" {line} "
    line = _PUNCTUATION.sub(r" \1 ", line)
    line = _STOP_AFTER.sub(r"\1 \2 ", line)
    line = _STOP_BEFORE.sub(r" \1 \2", line)
    return _DASH.sub(r"\1 \2 ", line).split()


def bleu_counts(references: Sequence[str], text: str, language: Language) -> BleuCounts:
    """The counts of one text against its references; the nearest reference in length sets the length.

    Source: Papineni et al. 2002; tokens and smoothing as sacrebleu (Post 2018). Raises DataError without a
    reference.
    """
    _need(references)
    tokens = bleu_tokens(text, language)
    gold = [bleu_tokens(reference, language) for reference in references]
    nearest = min((abs(len(tokens) - len(each)), len(each)) for each in gold)[1]
    right, said = [], []
    for order in range(1, _ORDERS + 1):
        found = _grams(tokens, order)
        known: Counter[tuple[str, ...]] = Counter()
        for each in gold:
            known |= _grams(each, order)
        right.append((found & known).total())
        said.append(found.total())
    return BleuCounts(tuple(right), tuple(said), len(tokens), nearest)


@dataclass(frozen=True)
class ChrfCounts:
    """Of n-grams of 1 to 6 characters how many a text has, its reference has, and both share."""

    said: tuple[int, ...] = (0,) * _CHARACTERS
    gold: tuple[int, ...] = (0,) * _CHARACTERS
    right: tuple[int, ...] = (0,) * _CHARACTERS

    def __add__(self, other: ChrfCounts) -> ChrfCounts:
        return ChrfCounts(
            tuple(map(add, self.said, other.said)),
            tuple(map(add, self.gold, other.gold)),
            tuple(map(add, self.right, other.right)),
        )

    @property
    def score(self) -> float:
        """chrF2: the F-score, recall counting twice, of mean precision and mean recall over the orders.

        Orders that one side is too short for are passed over.
        """
        orders = [each for each in zip(self.said, self.gold, self.right, strict=True) if each[0] and each[1]]
        precision = sum(right / said for said, _, right in orders) / max(len(orders), 1)
        recall = sum(right / gold for _, gold, right in orders) / max(len(orders), 1)
        below = _BETA**2 * precision + recall
        return (1 + _BETA**2) * precision * recall / below if below else 0.0


def chrf_counts(references: Sequence[str], text: str) -> ChrfCounts:
    """The counts of one text against that reference which gives it the best score; blanks do not count.

    Source: Popović 2015; as sacrebleu, without words. Raises DataError without a reference.
    """
    _need(references)
    found = [_grams("".join(text.split()), order) for order in range(1, _CHARACTERS + 1)]
    best: ChrfCounts | None = None
    for reference in references:
        known = [_grams("".join(reference.split()), order) for order in range(1, _CHARACTERS + 1)]
        counts = ChrfCounts(
            # Without an n-gram in the reference those of the text are not held against it.
            tuple(a.total() if b else 0 for a, b in zip(found, known, strict=True)),
            tuple(b.total() for b in known),
            tuple((a & b).total() for a, b in zip(found, known, strict=True)),
        )
        if best is None or counts.score > best.score:
            best = counts
    return best or ChrfCounts()


@dataclass(frozen=True)
class RougeL:
    """The longest common subsequence as a share of the text (precision) and of the reference (recall)."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rouge_tokens(text: str, language: Language) -> list[str]:
    """Words of ASCII letters and digits in lower case; for Chinese every character that is no blank.

    >>> rouge_tokens("IL-2 rose.", "en"), rouge_tokens("血压 高", "zh")
    (['il', '2', 'rose'], ['血', '压', '高'])
    """
    if language == "zh":
        return [character for character in text if not character.isspace()]
    return _NO_WORD.sub(" ", text.lower()).split()


def rouge_l(references: Sequence[str], text: str, language: Language) -> RougeL:
    """ROUGE-L of one text: that of the reference with the best F1. The score of a corpus is the mean of F1.

    Source: Lin 2004, the sentence-level form; no stemming. Raises DataError without a reference.

    >>> gold = "The quick brown fox jumps over the lazy dog"
    >>> found = rouge_l([gold], "The quick brown dog jumps on the log.", "en")
    >>> found.precision, round(found.recall, 4), round(found.f1, 4)
    (0.625, 0.5556, 0.5882)
    """
    _need(references)
    tokens = rouge_tokens(text, language)
    found = []
    for reference in references:
        gold = rouge_tokens(reference, language)
        shared = LCSseq.similarity(tokens, gold)
        found.append(RougeL(shared / max(len(tokens), 1), shared / max(len(gold), 1)))
    return max(found, key=lambda each: each.f1)


def _grams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))


def _need(references: Sequence[str]) -> None:
    if not references:
        raise DataError("a text without a reference to compare it with")
