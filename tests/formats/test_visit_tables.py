"""Tables of records: headings in any case, gzip, broken rows counted, patients grouped on disk."""

import gzip
from pathlib import Path

import pytest

from apothecary.errors import DataError, FormatError
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import find_table, need_table, read_table
from apothecary.formats.visit_tally import Tally

TEXT = 'Id,Name,More\n1,"a, b",x\n2,c\n\n3,"d ""e""",\n'


def rows(path: Path, tally: Tally) -> list[tuple[str, ...]]:
    return list(read_table(path, ("name", "id"), ("none",), tally=tally))


def test_columns_come_as_asked_for_and_broken_rows_are_counted(tmp_path: Path) -> None:
    tally, path = Tally(), tmp_path / "T.csv"
    path.write_text(TEXT)
    assert rows(path, tally) == [("a, b", "1", ""), ('d "e"', "3", "")]
    assert (tally.read["t"], tally.lost("t")) == (3, {"not a row": 1})


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert len(rows(path, Tally())) == 2
    assert find_table(tmp_path, "T") == path


def test_a_line_that_is_not_utf8_costs_itself_only(tmp_path: Path) -> None:
    tally, path = Tally(), tmp_path / "t.csv"
    path.write_bytes(b"id,name\n1,\xff\n2,b\n")
    assert rows(path, tally) == [("b", "2", "")]
    assert tally.lost("t") == {"not UTF-8": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "t.csv: an empty table"),
        (b"id\n1\n", "t.csv:1: no column name"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "t.csv: cannot be read: damaged gzip file"),
        (b"id,name\n" + b"x" * (1 << 20), "t.csv:2: line longer than 1 MiB"),
    ],
)
def test_a_damaged_table_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(FormatError) as caught:
        rows(tmp_path / "t.csv", Tally())
    assert message in str(caught.value)


def test_tables_are_found_in_the_folders_of_releases(tmp_path: Path) -> None:
    (tmp_path / "hosp").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "hosp" / "Admissions.CSV").touch()
    (tmp_path / "other" / "patients.csv").touch()
    assert need_table(tmp_path, "ADMISSIONS").name == "Admissions.CSV"
    with pytest.raises(FormatError, match="no table patients.csv"):
        need_table(tmp_path, "patients")


def test_events_come_back_by_patient_whatever_their_order(tmp_path: Path) -> None:
    with EventStore(tmp_path) as store:
        store.add("drug", [("10", "a"), ("9", "b\x1fc"), ("10", "d")])
        store.add("visit", [("9", "e", "f")])
        found = list(store.patients())
        assert len(list(tmp_path.iterdir())) == 1
    assert found == [
        ("9", {"drug": [("b c",)], "visit": [("e", "f")]}),
        ("10", {"drug": [("a",), ("d",)]}),
    ]
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot sort the rows there"), EventStore(tmp_path / "none"):
        pass
