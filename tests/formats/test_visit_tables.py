"""Tables of records: headings in any case, gzip, broken rows counted, patients grouped on disk."""

import csv
import gzip
import io
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, FormatError
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import find_table, need_table, read_table
from apothecary.formats.visit_tally import Tally

TEXT = 'Id,Name,More\n1,"a, b",x\n2,c\n\n3,"d ""e""",\n'
HEAD = "id,name,more\n"
CELLS = st.text('a"\n', max_size=5).map(lambda text: f"x{text}y") | st.sampled_from(["", "x, y"])
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8)


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


def told(text: str) -> tuple[list[str], int, int]:
    """The ids that a table yields, how many rows were counted, and how many of them lost."""
    with TemporaryDirectory() as folder:
        tally, path = Tally(), Path(folder) / "t.csv"
        path.write_text(HEAD + text, newline="")
        found = [row[1] for row in rows(path, tally)]
    assert tally.read["t"] == len(found) + sum(tally.lost("t").values())
    return found, tally.read["t"], tally.lost("t").get("not a row", 0)


def written(cells: list[tuple[str, str]]) -> list[str]:
    """Rows as a program writes them, numbered."""
    found = []
    for place, row in enumerate(cells):
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerow((place, *row))
        found.append(stream.getvalue())
    return found


@settings(deadline=None)
@given(ROWS)
def test_quoted_cells_may_have_line_breaks(cells: list[tuple[str, str]]) -> None:
    assert told("".join(written(cells))) == ([str(place) for place in range(len(cells))], len(cells), 0)


@settings(deadline=None)
@given(ROWS, ROWS, st.sampled_from(['"s,x,y\n', 's,"x,y\n', 's,x,"y\n', 's,"x"y,\n', 's","x,"y\n']))
def test_an_unclosed_quote_costs_its_own_row(
    before: list[tuple[str, str]], after: list[tuple[str, str]], spoilt: str
) -> None:
    whole = written([*before, *after])
    text = "".join([*whole[: len(before)], spoilt, *whole[len(before) :]])
    assert told(text) == ([str(place) for place in range(len(whole))], len(whole) + 1, 1)


def test_two_quotes_that_close_each_other_do_not_swallow_the_rows_between() -> None:
    text = '1,"x,y\n2,a,b\n3,a,b\n4,x,y"\n5,a,b\n'
    assert told(text) == (["2", "3", "4", "5"], 5, 1)


@pytest.mark.parametrize("cell", ["a\nb, c", "a\nb,c,d\ne\nf", "a\n\n\nb"])
def test_a_cell_may_have_a_line_like_a_row(cell: str) -> None:
    assert told("".join(written([(cell, "x"), ("y", "z")]))) == (["0", "1"], 2, 0)


def test_what_does_not_end_takes_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + f'x","x,{"a" * 400},b\n' * 25_000)
    tracemalloc.start()
    try:
        assert rows(tmp_path / "t.csv", Tally()) == []
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", ['a","b\n', 'a,"b\n', '"""\n', 'a,"b""\n'])
def test_lines_that_are_no_rows_take_time_by_their_number_alone(line: str) -> None:
    """Read anew from each line on, these would take minutes."""
    begun = time.process_time()
    found, read, lost = told(line * 30_000)
    assert (found, read) == ([], lost)
    assert time.process_time() - begun < 10


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
