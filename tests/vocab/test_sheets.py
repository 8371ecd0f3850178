"""The first sheet of an xlsx file as rows of text."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import FormatError
from apothecary.vocab.sheets import is_sheet, sheet_rows
from tests.vocab.sheet_files import write_parts, write_sheet

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)


@settings(deadline=None)
@given(st.lists(st.lists(TEXT, max_size=5), max_size=5))
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = write_sheet(tmp_path_factory.mktemp("sheet") / "a.xlsx", rows)
    assert is_sheet(path.read_bytes()[:4])
    found = list(sheet_rows(path))
    assert [number for number, _ in found] == list(range(1, len(rows) + 1))
    for (_, cells), row in zip(found, rows, strict=True):
        assert [*cells, *[""] * (len(row) - len(cells))] == row


def test_numbers_inline_and_rich_strings_are_read(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1"><v>12.5</v></c><c r="C1" t="inlineStr"><is><t>in</t></is></c>'
        '<c t="s"><v>0</v></c><c r="AA1" t="str"><v>far</v></c></row>'
    )
    strings = "<si><r><t>ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></si>"
    ((_, cells),) = sheet_rows(write_parts(tmp_path / "a.xlsx", rows, strings))
    assert [cell for cell in cells if cell] == ["12.5", "in", "rich", "far"]
    assert len(cells) == 27


@pytest.mark.parametrize(
    ("rows", "strings", "message"),
    [
        ('<row r="2"><c t="s"><v>7</v></c></row>', "", "a.xlsx:2: a cell names a string"),
        ('<row r="2"><c t="s"><v>-1</v></c></row>', "<si><t>x</t></si>", "names a string"),
        ("<row>", "", "damaged xlsx file"),
        ("", "<si>", "damaged xlsx file"),
    ],
)
def test_broken_sheets_are_errors(tmp_path: Path, rows: str, strings: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        list(sheet_rows(write_parts(tmp_path / "a.xlsx", rows, strings)))


def test_what_is_no_sheet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FormatError, match="no first sheet"):
        list(sheet_rows(path))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FormatError, match="damaged xlsx file"):
        list(sheet_rows(path))


def test_what_unpacks_too_far_is_an_error(tmp_path: Path) -> None:
    path = write_parts(tmp_path / "a.xlsx", "<row/>" * 50_000)
    with pytest.raises(FormatError, match="unpacks to more than 100000 bytes"):
        list(sheet_rows(path, limit=100_000))


def test_entities_of_a_file_are_not_expanded(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            '<row r="1"><c t="str"><v>x&e;</v></c></row></sheetData></worksheet>',
        )
    assert all("root:" not in cell for _, cells in sheet_rows(path) for cell in cells)
