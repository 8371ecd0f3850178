"""What every corpus module keeps."""

import importlib
import os
import pkgutil
from pathlib import Path

import pytest

from apothecary import corpora
from apothecary.corpora.corpus import Corpus
from apothecary.errors import DataError, UsageError

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
# What a corpus is, what none may yield, what is counted of any, how parts are drawn, which texts are one
# abstract, and one whose rows are no documents.
OTHER = {"abstracts", "annotation", "corpus", "counting", "drugcomb", "held_out", "lots"}
# Of visits and of examples, which keep other promises.
FAMILIES = ("visit", "instruct_")
NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(corpora.__path__)
    if module.name not in OTHER and not module.name.startswith(FAMILIES)
)


def corpus_of(name: str) -> Corpus:
    corpus = importlib.import_module(f"apothecary.corpora.{name}").CORPUS
    assert isinstance(corpus, Corpus)
    return corpus


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_says_where_it_comes_from_and_what_to_watch(name: str) -> None:
    corpus = corpus_of(name)
    assert corpus.name == name
    assert all([corpus.title, corpus.licence, corpus.source, corpus.splits, corpus.traps])


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_split_is_wrong_use(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="splits: "):
        list(corpus_of(name).read(tmp_path, "no such split"))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    split, file = next(iter(corpus_of(name).splits.items()))
    with pytest.raises(DataError, match=file):
        list(corpus_of(name).read(tmp_path, split))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_split_on_disk_yields_documents_with_distinct_ids(name: str) -> None:
    corpus, folder = corpus_of(name), DATA / name
    present = [split for split, file in corpus.splits.items() if (folder / file).is_file()]
    if not present:
        pytest.skip(f"corpus {name} absent: set APOTHECARY_DATA to the folder that holds it")
    for split in present:
        ids = [document.id for document in corpus.read(folder, split)]
        assert 0 < len(ids) == len(set(ids))
