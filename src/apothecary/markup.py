"""Text with marked stretches, and small tables, as HTML: what a notebook shows of documents and runs.

A fragment brings its own style and needs no script. Its colours lie thinly over the page's own, so that they
do in the light and in the dark. All that is given is plain text and comes out as such, and where the style is
taken away (GitHub, a notebook that is not trusted) it can still be read. How much is shown is bounded.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import PurePath
from typing import Protocol
from urllib.parse import quote

__all__ = ["LONGEST", "Mark", "Printer", "fragment", "line", "link", "marked_text", "safe", "table"]

LONGEST = 50_000
"""Code points of a text that are shown."""
OPEN = 3_000
"""Code points that are shown before the rest is folded."""
MOST_MARKS = 2_000
DEEPEST = 6
"""Marks that are told apart at one place, the longest ones."""
MOST_ROWS = 50
LONGEST_CELL = 600
WIDE = 30
"""Characters from which a cell asks for room, so that a narrow page scrolls its table."""
LONGEST_NOTE = 120
COLOURS = ("11 111 164", "200 95 10", "0 130 100", "180 75 140", "140 125 0", "95 95 190")

# What HTML cannot hold: it has no way to write these.
_LOST = re.compile("[\0\ud800-\udfff]")
_STYLE = (
    ".apothecary{max-width:76em;line-height:1.6}"
    ".apothecary p{margin:.4em 0}"
    ".apothecary .text,.apothecary .heading{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.9}"
    ".apothecary .heading{font-weight:600}"
    ".apothecary .quiet{opacity:.75}"
    ".apothecary .out{text-decoration:line-through}"
    ".apothecary summary{cursor:pointer}.apothecary summary>*{margin-inline-end:.6em}"
    ".apothecary mark{color:inherit;background:none;border-bottom:2px solid;border-radius:.2em;"
    "padding:.1em 0}"
    ".apothecary mark.strong{font-weight:700}"
    ".apothecary mark[data-label]::after{content:attr(data-label);font-size:.65em;font-weight:400;opacity:.8;"
    "padding-inline:.35em .25em;unicode-bidi:isolate}"
    ".apothecary .scroll{overflow-x:auto}"
    ".apothecary table{border-collapse:collapse;margin:.4em 0}"
    ".apothecary caption{text-align:start;font-weight:600;caption-side:top;color:inherit}"
    ".apothecary table tr th,.apothecary table tr td{text-align:start;vertical-align:top;"
    "white-space:pre-wrap;overflow-wrap:break-word;max-width:44em;padding:.25em 1.2em .25em 0}"
    ".apothecary table tr .long{min-width:15em}"
) + "".join(
    f".apothecary mark.k{place}{{background:rgb({colour} / .2);border-color:rgb({colour} / .8)}}"
    for place, colour in enumerate(COLOURS)
)


class Printer(Protocol):
    """What IPython hands to ``_repr_pretty_``."""

    def text(self, text: str, /) -> None:
        """Show this as the plain form."""
        ...


@dataclass(frozen=True)
class Mark:
    """One thing in a text: its stretches [start, end) in code points, which may overlap those of others.

    `label` stands behind its end, `note` is shown when it is pointed at; a strong one catches the eye.
    """

    spans: tuple[tuple[int, int], ...]
    label: str
    note: str = ""
    strong: bool = False

    @property
    def end(self) -> int:
        """One past its last code point."""
        return max((end for _, end in self.spans), default=0)


def fragment(*parts: str) -> str:
    """Parts of markup as one piece with its style."""
    # Dollars in a text are no formula: the two classes keep notebooks from setting it.
    head = '<div class="apothecary tex2jax_ignore mathjax_ignore">'
    return f"{head}<style>{_STYLE}</style>{''.join(parts)}</div>"


def marked_text(text: str, marks: Iterable[Mark], *, heading: int = 0) -> str:
    """The text with its marks; the first `heading` code points are set apart.

    The text of the ``text`` and ``heading`` elements together is the text as given, up to `LONGEST`, but that
    a null and half of a surrogate pair become U+FFFD.
    """
    shown, end = _sorted(marks), min(len(text), LONGEST)
    heading += len(text[heading:]) - len(text[heading:].lstrip()) if heading else 0
    cut = _fold(text, heading, end)
    parts = [_block("heading", text, shown, 0, min(heading, end)), _block("text", text, shown, heading, cut)]
    if cut < end:
        rest = _block("text", text, shown, cut, end)
        parts.append(f"<details><summary>{end - cut:,} more characters</summary>{rest}</details>")
    if end < len(text):
        parts.append(line(f"{len(text) - end:,} more characters are not shown."))
    if len(shown) == MOST_MARKS:
        parts.append(line(f"Only the first {MOST_MARKS:,} marks are shown."))
    return "".join(parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> str:
    """Rows of plain text, of long tables the first; empty columns are left out, and so is an empty table."""
    filled = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    if not filled:
        return ""
    head = "".join(f'<th scope="col">{safe(heads[place])}</th>' for place in filled)
    body = "".join(f"<tr>{''.join(_cell(row[place]) for place in filled)}</tr>" for row in rows[:MOST_ROWS])
    caption = f"<caption>{safe(title)}</caption>" if title else ""
    left = len(rows) - MOST_ROWS
    more = line(f"{left:,} more rows are not shown.") if left > 0 else ""
    thead = f"<thead><tr>{head}</tr></thead>"
    return (
        f'<div class="scroll" tabindex="0"><table>{caption}{thead}<tbody>{body}</tbody></table></div>{more}'
    )


def line(text: str) -> str:
    """A line about what is shown; nothing for an empty one."""
    return f'<p class="quiet" dir="auto">{safe(_short(text, LONGEST_CELL))}</p>' if text else ""


def link(path: PurePath, text: str) -> str:
    """A line that leads to a file. Only a path can come of it: what would be a scheme is written out."""
    return f'<p><a href="{safe(quote(path.as_posix(), errors="replace"))}">{safe(text)}</a></p>'


def safe(text: str) -> str:
    """Text as it may stand in markup and in attributes."""
    # A parser would take a carriage return for a line feed.
    return html.escape(_LOST.sub("\ufffd", text)).replace("\r", "&#13;")


def _cell(text: str) -> str:
    wide = ' class="long"' if len(text) > WIDE else ""
    return f'<td dir="auto"{wide}>{safe(_short(text, LONGEST_CELL))}</td>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _sorted(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(islice(sorted(marks, key=lambda mark: min(mark.spans, default=(0, 0))), MOST_MARKS))


def _fold(text: str, start: int, end: int) -> int:
    """Where the open part of a text ends: at a blank, if there is one near."""
    most = start + OPEN
    if end <= most:
        return end
    return max(text.rfind(" ", most - OPEN // 10, most) + 1, most - OPEN // 10)


def _block(name: str, text: str, marks: Sequence[Mark], start: int, end: int) -> str:
    if start >= end:
        return ""
    return f'<div class="{name}" dir="auto">{"".join(_pieces(text, marks, start, end))}</div>'


_Stretch = tuple[int, int, int]
"""How many code points (less than none), the mark's place, where it begins: the longest come first."""


def _pieces(text: str, marks: Sequence[Mark], start: int, end: int) -> Iterator[str]:
    """The text cut wherever something begins or ends, each piece within the marks that cover it."""
    begins: dict[int, list[_Stretch]] = defaultdict(list)
    ends: dict[int, list[_Stretch]] = defaultdict(list)
    for place, mark in enumerate(marks):
        for first, last in set(mark.spans):
            if (first := max(first, start)) < (last := min(last, end)):
                begins[first].append((first - last, place, first))
                ends[last].append((first - last, place, first))
    kinds = {label: place for place, label in enumerate(sorted({mark.label for mark in marks}))}
    over: list[_Stretch] = []
    for here, there in pairwise(sorted({start, end, *begins, *ends})):
        for stretch in ends.get(here, ()):
            del over[bisect_left(over, stretch)]
        for stretch in begins.get(here, ()):
            insort(over, stretch)
        piece = safe(text[here:there])
        for _, place, _ in reversed(over[:DEEPEST]):
            piece = f"<mark{_attributes(marks[place], kinds, there)}>{piece}</mark>"
        yield piece


def _attributes(mark: Mark, kinds: Mapping[str, int], end: int) -> str:
    strong = " strong" if mark.strong else ""
    label = f' data-label="{safe(_short(mark.label, LONGEST_NOTE))}"' if mark.end == end else ""
    note = f' title="{safe(_short(mark.note or mark.label, LONGEST_NOTE))}"'
    return f' class="k{kinds[mark.label] % len(COLOURS)}{strong}"{note}{label}'
