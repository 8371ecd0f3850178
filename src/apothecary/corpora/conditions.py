"""Applicability conditions of therapeutic pairs: Drug-ACE, and samples of the same form; counts and splits.

Source: Luo et al. 2026, Findings of ACL, "Applicability Condition Extraction for Therapeutic Drug-Disease
Relations". The files are not passed on here; users bring their own (`formats.condition_rows` reads them).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Document
from apothecary.errors import DataError, UsageError
from apothecary.formats import condition_rows
from apothecary.formats.condition_text import document_key

__all__ = ["CORPUS", "ConditionStats", "abstract_of", "folds", "identities", "split", "stats", "words"]

_SPLITS = {"train": "train.json", "dev": "val.json", "test": "test.json"}
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class ConditionStats:
    """Counts of a set of instances; means and shares are None where there is nothing to divide by.

    `pairs` are instances, of which `annotated` say which conditions there are; what follows counts these
    alone. `unread` hold a target that is still text. Spans that stand nowhere in their text (`unlocated`)
    count like the others; `by_alignment` says how the others were found.
    """

    abstracts: int
    pairs: int
    annotated: int
    unread: int
    empty: int
    spans: int
    unlocated: int
    by_type: Mapping[str, int]
    by_alignment: Mapping[str, int]
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
            "mean_tokens": self.mean_tokens,
            "spans": self.spans,
            "spans_per_pair": self.spans_per_pair,
            "spans_per_non_empty_pair": self.spans_per_non_empty_pair,
            "by_type": dict(self.by_type),
            "empty": self.empty,
            "empty_share": self.empty_share,
            "unlocated": self.unlocated,
            "by_alignment": dict(self.by_alignment),
        }


def words(text: str) -> int:
    """The length of a text in tokens: runs of letters, digits and underscores, and single other characters.

    Which tokens the published table counts is not known; a model's own can be counted instead.
    """
    return sum(1 for _ in _WORD.finditer(text))


def stats(documents: Iterable[Document], *, tokens: Callable[[str], int] = words) -> ConditionStats:
    """Count instances, as documents of `formats.condition_rows` whose targets have been read.

    Types are counted as they are spelled. Text is counted once for each abstract, in `tokens`.
    """
    every = list(documents)
    texts = {key: document.text for key, document in zip(_keys(every), every, strict=True)}
    said = [document for document in every if document.attributes.get("annotated") == "true"]
    read = [document for document in said if "target" not in document.attributes]
    located = [condition for document in read for condition in document.conditions]
    lost = [each for document in read for each in document.unlocated]
    types = Counter([each.type for each in located] + [each.type for each in lost])
    return ConditionStats(
        abstracts=len(texts),
        pairs=len(every),
        annotated=len(read),
        unread=len(said) - len(read),
        empty=sum(not (document.conditions or document.unlocated) for document in read),
        spans=len(located) + len(lost),
        unlocated=len(lost),
        by_type=dict(types.most_common()),
        by_alignment=dict(Counter(str(condition.alignment) for condition in located).most_common()),
        mean_tokens=sum(map(tokens, texts.values())) / len(texts) if texts else None,
    )


def abstract_of(document: Document) -> str:
    """What the abstract of an instance is known by: its PubMed id, else a digest of its text."""
    return document_key(document.attributes.get("pmid", ""), document.text)


def identities(document: Document) -> tuple[str, ...]:
    """The ids by which lists of documents know an instance: its own, and the PubMed id of its abstract."""
    pmid = document.attributes.get("pmid", "")
    return (document.id, pmid) if pmid and pmid != document.id else (document.id,)


def split(
    documents: Sequence[Document], shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, list[Document]]:
    """Parts by their names, each with about its share of the abstracts; the order is kept in each.

    All pairs of one abstract are in one part. Which part follows from the seed and the set of abstracts, not
    from the order of the documents. Raises UsageError unless the shares are not negative and sum up to 1.
    """
    if not shares or any(not share >= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise UsageError(f"shares {dict(shares)} do not sum up to 1", hint="use 0.8 and 0.2")
    keys = _keys(documents)
    ranks = _ranks(keys, seed)
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
    keys = _keys(documents)
    ranks = _ranks(keys, seed)
    if not 2 <= count <= len(ranks):
        raise UsageError(
            f"{count} folds of {len(ranks)} abstracts", hint="two or more, no more than abstracts"
        )
    parts: tuple[list[Document], ...] = tuple([] for _ in range(count))
    for document, key in zip(documents, keys, strict=True):
        parts[ranks[key] % count].append(document)
    return parts


def _keys(documents: Sequence[Document]) -> list[str]:
    """The abstract of each document; one without a PubMed id takes that of another with the same text."""
    digests = [document_key("", document.text) for document in documents]
    known: dict[str, str] = {}
    for document, digest in zip(documents, digests, strict=True):
        if pmid := document.attributes.get("pmid"):
            known.setdefault(digest, pmid)
    return [
        document.attributes.get("pmid") or known.get(digest, digest)
        for document, digest in zip(documents, digests, strict=True)
    ]


def _ranks(keys: Sequence[str], seed: int) -> dict[str, int]:
    """The abstracts in an order that looks drawn by lot."""

    def lot(key: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed} {key}".encode("utf-8", "surrogatepass")).digest(), key

    return {key: rank for rank, key in enumerate(sorted(set(keys), key=lot))}


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
