"""Mentions -> vocabulary ids: the shared stage between finding names and joining them into concepts.

The dictionary that ships holds the names of training parts of corpora, no licensed vocabulary; it knows
about half of the concepts of an unseen abstract. A user's vocabulary (MeSH, or any table) adds to it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from apothecary.align.abbreviations import abbreviations
from apothecary.documents import Concept, Document, Mention
from apothecary.errors import UsageError
from apothecary.vocab.dictionary import Dictionary, merge, read_dictionary
from apothecary.vocab.linking import Link, Linker
from apothecary.vocab.mesh import read_vocabulary

__all__ = ["Linking", "load_linking", "with_ids"]

OWN = "own"
NONE = "none"
DICTIONARY = "dictionary.tsv.gz"


@dataclass(frozen=True)
class Linking:
    """A linker, and the digest of what it was made of; without a linker nothing is linked."""

    linker: Linker | None
    digest: str

    def link(self, document: Document) -> tuple[Document, tuple[dict[str, object], ...]]:
        """The document with ids for its mentions, and a row for each distinct name: how it was linked."""
        if self.linker is None:
            return document, ()
        long_forms = _long_forms(document.text)
        links: dict[tuple[str, str], Link] = {}
        for mention in document.mentions:
            key = (mention.type, mention.text)
            if key not in links:
                links[key] = self.linker.link(mention.text, mention.type, long_forms.get(mention.text))
        mentions = tuple(
            mention if mention.ids else replace(mention, ids=links[mention.type, mention.text].ids)
            for mention in document.mentions
        )
        rows = tuple(_row(kind, name, link) for (kind, name), link in links.items())
        return replace(document, mentions=mentions), rows


def _long_forms(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in abbreviations(text):
        short, long = text[each.short.start : each.short.end], text[each.long.start : each.long.end]
        found.setdefault(short, long)
        found.setdefault(f"{short}s", long)
    return found


def _row(kind: str, name: str, link: Link) -> dict[str, object]:
    row: dict[str, object] = {"type": kind, "name": name, "how": link.how, "ids": list(link.ids)}
    if link.ids:
        row |= {"score": round(link.score, 1), "matched": link.name}
    if link.ambiguous:
        row["ambiguous"] = True
    return row


def load_linking(setting: str) -> Linking:
    """The linking that a setting asks for: ``own``, ``none``, or files of vocabularies beside the own one.

    Files are separated by commas. Raises UsageError, FormatError.
    """
    names = [name.strip() for name in setting.split(",") if name.strip()]
    if names == [NONE]:
        return Linking(None, "")
    if NONE in names or not names:
        raise UsageError(
            f"vocabulary = {setting!r}", hint="own, none, or files: --set vocabulary=desc2026.xml"
        )
    stamps = tuple((name, _stamp(name)) for name in names if name != OWN)
    return _load(stamps)


def _stamp(name: str) -> tuple[int, int]:
    try:
        stat = Path(name).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the vocabulary: {reason}", where=name) from error
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4)
def _load(stamped: tuple[tuple[str, tuple[int, int]], ...]) -> Linking:
    """Cached: a vocabulary takes seconds to read, and a run binds its settings twice."""
    digest = hashlib.sha256()
    with as_file(files("apothecary") / "models" / DICTIONARY) as own:
        found = [read_dictionary(own)] if own.is_file() else []
        digest.update(own.read_bytes() if found else b"")
    for name, _ in stamped:
        found.append(read_vocabulary(Path(name)))
        digest.update(Path(name).read_bytes())
    return Linking(Linker(merge(*found) if found else Dictionary(())), digest.hexdigest())


def with_ids(concepts: Sequence[Concept], mentions: Sequence[Mention]) -> tuple[Concept, ...]:
    """The concepts with the ids that most of their mentions have; of equals the first in the text."""
    made = []
    for concept in concepts:
        votes = Counter(mentions[place].ids for place in concept.mentions if mentions[place].ids)
        ids = votes.most_common(1)[0][0] if votes else ()
        made.append(concept if concept.ids else replace(concept, ids=ids))
    return tuple(made)
