"""Tables of classes."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.vocab.drug_groups import read_drug_groups

PAIRS = (("aspirin", "salicylates"), ("aspirin", "nsaids"), ("ibuprofen", "nsaids"))


@pytest.mark.parametrize(
    "text",
    [
        "drug,class\naspirin,salicylates\naspirin,nsaids\naspirin,nsaids\n\nibuprofen,nsaids\n",
        "aspirin,salicylates\naspirin,nsaids\nibuprofen,nsaids",
        "\ufeffclass,note,drug\nsalicylates,x,aspirin\nnsaids,,aspirin\nnsaids,,ibuprofen\n",
    ],
)
def test_rows_are_pairs_of_drug_and_class(text: str, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text)
    assert read_drug_groups(path) == PAIRS


@pytest.mark.parametrize(
    ("text", "message"),
    [("aspirin\n", ":1: does not name"), ("", "no class in it"), ("drug,class\n", "no class")],
)
def test_what_is_no_table_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_drug_groups(path)


def test_a_table_of_parts_is_read_by_its_own_heading(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    path.write_text("drug,part\naspirin,benzene\n")
    assert read_drug_groups(path, "part") == (("aspirin", "benzene"),)
