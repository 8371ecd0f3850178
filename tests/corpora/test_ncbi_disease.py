"""NCBI disease as published, but for the abstract that it holds twice."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.corpora.ncbi_disease import CORPUS
from apothecary.documents import Document
from apothecary.errors import DataError

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "instruct" / "ncbi_disease"
on_disk = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="NCBI disease absent: set APOTHECARY_DATA to the folder with instruct/"
)

BLOCK = "{0}|t|A cyst.\n{0}|a|\n{0}\t2\t6\tcyst\tModifier\tD003560\n\n"


def write_train(folder: Path, *ids: str) -> None:
    (folder / "NCBItrainset_corpus.txt").write_text("\n" + "".join(BLOCK.format(each) for each in ids))


@on_disk
@pytest.mark.parametrize(
    ("split", "types"),
    [
        (
            "train",
            {"SpecificDisease": 2962, "Modifier": 1288, "DiseaseClass": 769, "CompositeMention": 115},
        ),
        ("dev", {"SpecificDisease": 412, "Modifier": 214, "DiseaseClass": 126, "CompositeMention": 35}),
    ],
)
def test_mentions_by_type(split: str, types: dict[str, int]) -> None:
    assert Counter(m.type for d in CORPUS.read(FOLDER, split) for m in d.mentions) == types


@on_disk
@pytest.mark.parametrize(("split", "expected"), [("train", (592, 93, 22)), ("dev", (100, 20, 10))])
def test_documents_composite_mentions_and_joined_concepts(split: str, expected: tuple[int, int, int]) -> None:
    documents = list(CORPUS.read(FOLDER, split))
    ids = [mention.ids for document in documents for mention in document.mentions]
    assert all(ids)
    assert not any(each != each.strip() for several in ids for each in several)
    joined = sum("+" in each for several in ids for each in several)
    assert (len(documents), sum(len(several) > 1 for several in ids), joined) == expected


@on_disk
def test_one_text_differs_from_its_slice_by_blanks() -> None:
    documents: list[Document] = [*CORPUS.read(FOLDER, "train"), *CORPUS.read(FOLDER, "dev")]
    ((document, mention),) = [(d, m) for d in documents for m in d.mentions if m.alignment != "exact"]
    assert document.id == "10923035"
    assert document.text[mention.start : mention.end] == mention.text.rstrip()


def test_the_abstract_that_is_known_to_repeat_is_read_once(tmp_path: Path) -> None:
    write_train(tmp_path, "8528200", "1", "8528200")
    assert [document.id for document in CORPUS.read(tmp_path, "train")] == ["8528200", "1"]


def test_any_other_repetition_is_an_error_with_its_line(tmp_path: Path) -> None:
    write_train(tmp_path, "1", "2", "1")
    with pytest.raises(DataError, match=r"corpus\.txt:10: document 1 was already given at line 2"):
        list(CORPUS.read(tmp_path, "train"))


@pytest.mark.parametrize("content", ["", "Plain text.\n", "1|t|A cyst.\n1\t2\t60\tcyst\tModifier\tD1\n"])
def test_what_is_not_the_corpus_is_one_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "NCBItrainset_corpus.txt").write_text(content)
    with pytest.raises(DataError, match=r"corpus\.txt"):
        list(CORPUS.read(tmp_path, "train"))
