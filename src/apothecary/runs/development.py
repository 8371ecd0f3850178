"""The documents that a choice may be made on: never those of a test part, and some kept for confirmation.

Whatever is chosen on a document looks better there than elsewhere. So a test part is refused, by its ids
and by its name, and the rest is split: one part to choose on, one to see whether the choice holds.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.errors import UsageError
from apothecary.formats.inputs import describe_inputs, read_gold
from apothecary.formats.lines import printable

__all__ = ["held_out_list", "read_development", "split"]

HELD_OUT_VARIABLE = "APOTHECARY_HELD_OUT"
TEST_WORDS = frozenset({"test", "tests", "testset", "testing"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def held_out_list(path: Path | None) -> Path | None:
    """The list of held-out ids: the one that is given, else the file that ``APOTHECARY_HELD_OUT`` names."""
    named = os.environ.get(HELD_OUT_VARIABLE)
    return path or (Path(named) if named else None)


def read_development(path: Path, *, held_out: Path | None = None, encoding: str = "utf-8") -> list[Document]:
    """The documents of a file or folder of gold, none of which may be held out.

    The list is `held_out`, else the file that ``APOTHECARY_HELD_OUT`` names. Without a list a name that
    says test is refused: of the path itself, or of a file in a folder. Raises UsageError for both, DataError
    for the first record that cannot be read.
    """
    list_path = held_out_list(held_out)
    listed = HeldOut.none() if list_path is None else HeldOut.read(list_path)
    if list_path is None:
        _refuse_test_names(path)
    documents = list(read_gold(path, encoding=encoding))
    refused = [document.id for document in documents if listed.holds(document.id)]
    if refused and list_path is not None:
        raise UsageError(
            f"{len(refused)} of {len(documents)} documents are held out, such as {refused[0]}:"
            " nothing may be chosen on them",
            where=printable(path),
            hint=f"take a development part, or leave out what {printable(list_path)} lists",
        )
    return documents


def split(
    documents: Sequence[Document], share: float, *, seed: int
) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
    """A part to choose on and a part to confirm on, which gets about `share` of the documents.

    A document goes by the hash of its id and the seed, so it keeps its part whatever else is in the file.
    Raises UsageError for a share outside 0 to 1 and when a part is empty.
    """
    if not 0 < share < 1:
        raise UsageError(f"a share of {share:g} leaves a part empty", hint="use a share such as 0.5")
    kept = [_place(document.id, seed) < share for document in documents]
    chosen = tuple(each for each, confirms in zip(documents, kept, strict=True) if not confirms)
    confirming = tuple(each for each, confirms in zip(documents, kept, strict=True) if confirms)
    if not chosen or not confirming:
        raise UsageError(
            f"{len(documents)} documents are too few to be split", hint="give more of them, or another --seed"
        )
    return chosen, confirming


def _place(identity: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}\n{identity}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _refuse_test_names(path: Path) -> None:
    named = [path.name]
    if path.is_dir():
        named += [str(Path(file).relative_to(path)) for file, _ in describe_inputs([path])]
    for name in named:
        if TEST_WORDS & {word.lower() for word in _WORD.findall(name)}:
            raise UsageError(
                f"'{name}' is named like a test part: nothing may be chosen on it",
                where=printable(path),
                hint="use a development part, or prove by --held-out FILE that it is none",
            )
