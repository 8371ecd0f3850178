"""Small xlsx files, as programs write them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["write_parts", "write_sheet"]

SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def write_sheet(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """A file whose strings are shared; empty values have no cell."""
    strings = sorted({value for row in rows for value in row if value})
    lines = []
    for number, row in enumerate(rows, 1):
        cells = [
            f'<c r="{"ABCDEFGHIJKL"[place]}{number}" t="s"><v>{strings.index(value)}</v></c>'
            for place, value in enumerate(row)
            if value
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    shared = "".join(f"<si><t>{escape(value)}</t></si>" for value in strings)
    return write_parts(path, "".join(lines), shared)


def write_parts(path: Path, rows: str, strings: str = "") -> Path:
    """A file of raw rows and raw strings."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        sheet = f'<worksheet xmlns="{SPACE}"><sheetData>{rows}</sheetData></worksheet>'
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SPACE}">{strings}</sst>')
    return path
