"""Cells of tables that people open in a spreadsheet, which takes some texts for formulas.

A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets a ``'`` before it. So does
one that begins with ``'`` and one of these: taking one mark away always gives the text back. Source: OWASP,
"CSV Injection".
"""

from __future__ import annotations

import re

__all__ = ["guarded", "unguarded"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """The cell for a text.

    >>> guarded("=1+2"), guarded("aspirin"), guarded("'tis")
    ("'=1+2", 'aspirin', "'tis")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell; one without the mark is as it stands."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
