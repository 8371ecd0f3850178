"""The reader against real corpora: counts known from their documentation, rewritten byte for byte."""

import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.formats.pubtator import dumps, losses, read

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="corpora absent: set APOTHECARY_DATA to their folder"
)


def load(name: str) -> list[Document]:
    found = list(read(DATA / f"{name}.pubtator"))
    assert all(isinstance(item, Document) for item in found)
    return [item for item in found if isinstance(item, Document)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cdr/train", (500, 9385, 1038)),
        ("cdr/dev", (500, 9591, 1012)),
        ("biored/train", (400, 13351, 4178)),
        ("biored/dev", (100, 3533, 1162)),
        ("chemdisgene_dev/abstracts", (150, 3966, 0)),
    ],
)
def test_counts_are_those_of_the_corpus(name: str, expected: tuple[int, int, int]) -> None:
    documents = load(name)
    mentions = [mention for document in documents for mention in document.mentions]
    assert (len(documents), len(mentions), sum(len(d.relations) for d in documents)) == expected
    assert {mention.alignment for mention in mentions} == {"exact"}
    assert not any(losses(document) for document in documents)


@pytest.mark.parametrize(
    ("name", "types", "composite", "unnormalised"),
    [
        ("cdr/train", {"Chemical": 5203, "Disease": 4182}, 98, 76),
        # One of the 100 composite mentions has an id for one of its two parts only.
        ("cdr/dev", {"Chemical": 5347, "Disease": 4244}, 99, 59),
    ],
)
def test_cdr_mentions(name: str, types: dict[str, int], composite: int, unnormalised: int) -> None:
    mentions = [mention for document in load(name) for mention in document.mentions]
    assert Counter(mention.type for mention in mentions) == types
    assert sum(len(mention.ids) > 1 for mention in mentions) == composite
    assert sum(not mention.ids for mention in mentions) == unnormalised


def test_cdr_dev_is_rewritten_byte_for_byte_but_for_one_line() -> None:
    before = (DATA / "cdr" / "dev.pubtator").read_text().split("\n")
    after = "\n".join(dumps(document) for document in load("cdr/dev")).split("\n")
    changed = [(a, b) for a, b in zip(before, after, strict=False) if a != b]
    assert [line.replace("|-1", "") for line, _ in changed] == [line for _, line in changed]
    assert len(changed) == 1


def test_biored_relations_find_their_mentions() -> None:
    """Four ids of train name two concepts at once ("D017180|D014693"), which no mention does."""
    missing = [
        c.id
        for name in ("train", "dev")
        for d in load(f"biored/{name}")
        for c in d.concepts
        if not c.mentions
    ]
    assert sorted(set(missing)) == ["D015458|D016399", "D017180|D014693"]
