"""Applicability conditions of therapeutic pairs: Drug-ACE, and samples of the same form; counts and splits.

Source: Luo et al. 2026, Findings of ACL, "Applicability Condition Extraction for Therapeutic Drug-Disease
Relations". The files are not passed on here; users bring their own (`formats.condition_rows` reads them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from apothecary.corpora.abstracts import Abstracts, abstracts_of
from apothecary.corpora.corpus import Corpus, split_file
from apothecary.corpora.counting import count_name, words
from apothecary.corpora.lots import ranks_of
from apothecary.documents import Condition, Document
from apothecary.errors import DataError, UsageError
from apothecary.formats import condition_rows
from apothecary.formats.condition_text import How, place_of, text_key

__all__ = [
    "CORPUS",
    "ConditionStats",
    "ConditionTally",
    "folds",
    "is_instance",
    "split",
    "stats",
]

_SPLITS = {"train": "train.json", "dev": "val.json", "test": "test.json"}
_HOWS = (*get_args(How), "none")


@dataclass(frozen=True)
class ConditionStats:
    """Counts of a set of instances; means and shares are None where there is nothing to divide by.

    `pairs` are instances, of which `annotated` say which conditions there are; what follows counts these
    alone. `unread` hold a target that is still text, `mended` one that could be read in part or after mending
    (attribute "mended"). `by_how` says how the spans were found in their text: ``exact``, ``spaces`` (equal
    but for blanks), ``case`` (but for case and blanks), ``none``.
    """

    abstracts: int
    pairs: int
    annotated: int
    unread: int
    mended: int
    empty: int
    spans: int
    by_type: Mapping[str, int]
    by_how: Mapping[str, int]
    mean_tokens: float | None

    @property
    def spans_per_pair(self) -> float | None:
        """Over all annotated pairs."""
        return self.spans / self.annotated if self.annotated else None

    @property
    def spans_per_non_empty_pair(self) -> float | None:
        """Over the annotated pairs that have a condition."""
        return self.spans / (self.annotated - self.empty) if self.annotated > self.empty else None

    @property
    def empty_share(self) -> float | None:
        """Of annotated pairs, those without a condition."""
        return self.empty / self.annotated if self.annotated else None

    def figures(self) -> dict[str, object]:
        """Every figure by its name."""
        return {
            "abstracts": self.abstracts,
            "pairs": self.pairs,
            "annotated": self.annotated,
            "unread": self.unread,
            "mended": self.mended,
            "mean_tokens": self.mean_tokens,
            "spans": self.spans,
            "spans_per_pair": self.spans_per_pair,
            "spans_per_non_empty_pair": self.spans_per_non_empty_pair,
            "by_type": dict(self.by_type),
            "empty": self.empty,
            "empty_share": self.empty_share,
            "by_how": dict(self.by_how),
        }


class ConditionTally:
    """Counts instances one by one. Of an abstract it holds no more than what it is known by."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._types: Counter[str] = Counter()
        self._hows: Counter[str] = Counter(dict.fromkeys(_HOWS, 0))
        self._abstracts = Abstracts()
        self._tokens: dict[str, int] = {}

    def add(self, document: Document, tokens: int) -> None:
        """Count an instance, as `stats` does; `tokens` is the length of its text."""
        attributes = document.attributes
        key = text_key(document.text)
        self._abstracts.add(attributes.get("pmid", ""), key)
        self._tokens.setdefault(key, tokens)
        self._counts["pairs"] += 1
        if attributes.get("annotated") != "true":
            return
        if "target" in attributes:
            self._counts["unread"] += 1
            return
        self._counts["annotated"] += 1
        self._counts["mended"] += attributes.get("mended") == "true"
        self._counts["empty"] += not (document.conditions or document.unlocated)
        for condition in document.conditions:
            count_name(self._types, condition.type)
            self._hows[_how(condition, document.text)] += 1
        for lost in document.unlocated:
            count_name(self._types, lost.type)
            self._hows["none"] += 1

    def result(self) -> ConditionStats:
        """The counts so far."""
        counts, lengths = self._counts, dict[str, int]()
        for key, tokens in self._tokens.items():
            lengths.setdefault(self._abstracts.of(key), tokens)
        return ConditionStats(
            abstracts=len(lengths),
            pairs=counts["pairs"],
            annotated=counts["annotated"],
            unread=counts["unread"],
            mended=counts["mended"],
            empty=counts["empty"],
            spans=self._types.total(),
            by_type=dict(self._types.most_common()),
            by_how=dict(self._hows),
            mean_tokens=sum(lengths.values()) / len(lengths) if lengths else None,
        )


def is_instance(document: Document) -> bool:
    """Does the document stand for one instance?"""
    return document.attributes.get("corpus") == condition_rows.CORPUS


def stats(documents: Iterable[Document], *, tokens: Callable[[str], int] = words) -> ConditionStats:
    """Count instances, as documents of `formats.condition_rows` whose targets have been read.

    Types are counted as they are spelled. Text is counted once for each abstract, in `tokens`: which ones the
    published table counts is not known, and a model's own can be given.
    """
    tally = ConditionTally()
    for document in documents:
        tally.add(document, tokens(document.text))
    return tally.result()


def split(
    documents: Sequence[Document], shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, list[Document]]:
    """Parts by their names, each with about its share of the abstracts; the order is kept in each.

    All pairs of one abstract are in one part. Which part follows from the seed and the set of abstracts, not
    from the order of the documents. Raises UsageError unless the shares are not negative and sum up to 1.
    """
    if not shares or any(not share >= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise UsageError(f"shares {dict(shares)} do not sum up to 1", hint="use 0.8 and 0.2")
    keys = _abstracts(documents)
    ranks = ranks_of(keys, seed)
    parts: dict[str, list[Document]] = {name: [] for name in shares}
    bounds, total = [], 0.0
    for name, share in shares.items():
        total += share
        bounds.append((round(total * len(ranks)), name))
    for document, key in zip(documents, keys, strict=True):
        parts[next(name for bound, name in bounds if ranks[key] < bound)].append(document)
    return parts


def folds(documents: Sequence[Document], count: int, *, seed: int = 0) -> tuple[list[Document], ...]:
    """`count` parts that hold nearly the same number of abstracts each, made as `split` makes parts.

    Raises UsageError for fewer than two folds or fewer abstracts than folds.
    """
    keys = _abstracts(documents)
    ranks = ranks_of(keys, seed)
    if not 2 <= count <= len(ranks):
        raise UsageError(
            f"{count} folds of {len(ranks)} abstracts", hint="two or more, no more than abstracts"
        )
    parts: tuple[list[Document], ...] = tuple([] for _ in range(count))
    for document, key in zip(documents, keys, strict=True):
        parts[ranks[key] % count].append(document)
    return parts


def _how(condition: Condition, text: str) -> str:
    """How its span is found in the text."""
    if condition.alignment == "exact":
        return "exact"
    place = place_of(condition.text, text)
    return place.how if place else "none"


def _abstracts(documents: Sequence[Document]) -> list[str]:
    """The abstract of each document."""
    return abstracts_of((document.attributes.get("pmid", ""), document.text) for document in documents)


def _read(folder: Path, split: str) -> Iterator[Document]:
    for item in condition_rows.read(split_file(_SPLITS, folder, split)):
        if isinstance(item, DataError):
            raise item
        yield item


CORPUS = Corpus(
    name="conditions",
    title="Drug-ACE",
    licence="not verified: what is said of it elsewhere differs; read the card the files came with",
    source="Luo et al. 2026, Findings of ACL, pages 3135-3148",
    splits=_SPLITS,
    traps=(
        "1,119 pairs; how many abstracts and spans there are, and how large the splits, is not published"
        " where it could be read.",
        "Pairs of one abstract share its text. Whether the published splits part by abstract is not said.",
        "An empty list is an answer: nothing in the text limits the treatment.",
        "One span may carry two types, so span and type together are what is counted.",
        "The text of a row holds title, abstract and pair in one piece. Of its layout only the pair line is"
        " known; title and abstract are told apart by guess.",
        "Spellings of types vary ('Body type', 'Body Type').",
    ),
    read=_read,
)
