"""What pages without a script share: their frame, and tables that become cards on a phone.

Everything that comes from outside is to be passed through `safe`; nothing is ever fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

__all__ = ["page_of", "safe", "table_of"]


def page_of(
    title: str, about: str, counts: Mapping[str, str], notes: Sequence[str], sections: Iterable[str]
) -> str:
    """A page: its head with counts and notes, then sections of markup. All but the sections is plain text."""
    style = "".join(
        files("apothecary.runs").joinpath("assets", name).read_text(encoding="utf-8")
        for name in ("report.css", "ablation.css", "lists.css")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    cells = "".join(
        f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in counts.items()
    )
    told = "".join(f'<p class="notice">{safe(note)}</p>' for note in notes)
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{safe(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<header><div class="masthead"><div><h1>{safe(title)}</h1><p class="quiet">{safe(about)}</p>'
        '<p class="quiet"><strong>Research tool, not medical advice.</strong></p></div>'
        f'<dl id="counts">{cells}</dl></div>{told}</header>\n'
        f"<main>{''.join(sections)}</main>\n</body>\n</html>\n"
    )
    # A lone surrogate, from the name of a file or a drug, has no UTF-8 form.
    return page.encode("utf-8", "replace").decode("utf-8")


def table_of(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, label: str) -> str:
    """Rows are an id (or none) and cells of markup; the first cell is text, the others are numbers."""
    kinds = ["" if place == 0 else ' class="number"' for place in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind}>{safe(text)}</th>' for kind, text in zip(kinds, heads, strict=True)
    )
    body = []
    for target, cells in rows:
        named = f' id="{safe(target)}"' if target else ""
        # On a phone each cell stands alone and says itself what it is.
        filled = zip(kinds, heads, cells, strict=True)
        inner = "".join(f'<td{kind} data-name="{safe(text)}">{cell}</td>' for kind, text, cell in filled)
        body.append(f"<tr{named}>{inner}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{safe(label)}"><table class="stack">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def safe(text: object) -> str:
    """Text as it may stand in markup and in attributes."""
    return html.escape(str(text))
