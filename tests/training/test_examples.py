"""Annotated documents -> examples, and what may not be learnt from."""

from pathlib import Path

import pytest

from apothecary.errors import UsageError
from apothecary.training.examples import load
from apothecary.training.settings import HeadSettings, PocketSettings, Source
from tests.training.abstracts import write_abstracts


def settings(*heads: HeadSettings, held_out: str = "") -> PocketSettings:
    return PocketSettings("t", heads, held_out=held_out)


def spans(train: str, dev: str = "", **types: str) -> HeadSettings:
    of_train, of_dev = ((Source(each, types=types),) if each else () for each in (train, dev))
    return HeadSettings("tags", "spans", ("Chemical", "Disease"), of_train, of_dev)


def pairs(train: str, *, directed: bool = True) -> HeadSettings:
    kinds = (("Chemical", "Disease"),) if directed else (("Disease", "Chemical"),)
    return HeadSettings("cid", "pairs", ("CID",), (Source(train),), pair_types=kinds, directed=directed)


def test_held_out_documents_and_those_of_any_development_part_are_dropped(tmp_path: Path) -> None:
    write_abstracts(tmp_path / "train", 1, 12)
    write_abstracts(tmp_path / "dev", 4, 3)
    (tmp_path / "held.tsv").write_text("set\tid\nother\t1\nother\t2\n")
    heads = (spans("train", "dev"), pairs("train"))
    train, dev, dropped = load(settings(*heads, held_out="held.tsv"), tmp_path)
    assert {example.id for example in train} == {"3", *map(str, range(7, 13))}
    assert {example.id for example in dev} == {"4", "5", "6"}
    assert (dropped.held_out, dropped.development) == ({"1", "2"}, {"4", "5", "6"})


def test_documents_that_a_later_training_is_judged_by_are_kept_out(tmp_path: Path) -> None:
    write_abstracts(tmp_path / "train", 1, 6)
    write_abstracts(tmp_path / "later", 3, 2)
    made = PocketSettings("t", (spans("train"),), keep_out=(Source("later"),))
    train, dev, dropped = load(made, tmp_path)
    assert {example.id for example in train} == {"1", "2", "5", "6"}
    assert dev == []
    assert dropped.development == {"3", "4"}


def test_labels_that_are_not_mapped_are_left_out(tmp_path: Path) -> None:
    write_abstracts(tmp_path / "train", 1, 1)
    train, _, _ = load(settings(spans("train", Chemical="Disease")), tmp_path)
    assert [label for _, _, label in train[0].spans] == [1, 1]


@pytest.mark.parametrize("directed", [True, False])
def test_the_pair_that_holds_is_marked_whichever_side_is_asked_first(tmp_path: Path, directed: bool) -> None:
    write_abstracts(tmp_path / "train", 3, 1)
    train, _, _ = load(settings(pairs("train", directed=directed)), tmp_path)
    held = {item.head if directed else item.tail: item.labels for item in train[0].pairs if item.labels}
    assert len(train[0].pairs) == 2
    assert len(held) == 1
    assert train[0].missed == 0


def test_a_relation_that_no_pair_stands_for_is_counted(tmp_path: Path) -> None:
    path = write_abstracts(tmp_path / "train", 3, 1)
    path.write_text(path.read_text() + "3\tCID\tD002\tD999\n")
    train, _, _ = load(settings(pairs("train")), tmp_path)
    assert train[0].missed == 1


def test_a_broken_record_is_counted_and_the_others_are_used(tmp_path: Path) -> None:
    path = write_abstracts(tmp_path / "train", 1, 2)
    path.write_text("9|t|a\n9|a|b\n9\t0\t99\ta\tChemical\tD1\n\n" + path.read_text())
    train, _, dropped = load(settings(spans("train")), tmp_path)
    assert len(train) == 2
    assert "train:3" in dropped.unreadable[0]


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    write_abstracts(tmp_path / "train", 1, 1)
    (tmp_path / "held.tsv").write_text("set\tid\nother\t1\n")
    with pytest.raises(UsageError, match="no training example is left"):
        load(settings(spans("train"), held_out="held.tsv"), tmp_path)
