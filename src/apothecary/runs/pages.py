"""What pages without a script share: their frame, their head, and tables that become cards on a phone.

Everything that comes from outside is to be passed through `safe`; nothing is ever fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

__all__ = ["MEDICAL", "asset", "framed", "headed", "page_of", "policy_of", "safe", "table_of"]

MEDICAL = "<strong>Research tool, not medical advice.</strong>"
"""What every page says in its head."""


def page_of(
    title: str, about: str, counts: Mapping[str, str], notes: Sequence[str], sections: Iterable[str]
) -> str:
    """A page: its head with counts and notes, then sections of markup. All but the sections is plain text."""
    lead = f'<h1>{safe(title)}</h1><p class="quiet">{safe(about)}</p><p class="quiet">{MEDICAL}</p>'
    body = f"{headed(lead, counts, notes)}\n<main>{''.join(sections)}</main>"
    return framed(title, ("report.css", "ablation.css", "lists.css"), body)


def framed(title: str, styles: Iterable[str], body: str) -> str:
    """A whole page of a body of markup. `styles` are files among the assets, which become part of it."""
    style = "".join(map(asset, styles))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy_of(style)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{safe(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    # A lone surrogate, from the name of a file, a drug or a schema, has no UTF-8 form.
    return page.encode("utf-8", "replace").decode("utf-8")


def headed(lead: str, counts: Mapping[str, object], notes: Iterable[str]) -> str:
    """The head of a page: markup to lead in, with counts beside and notices below it."""
    cells = "".join(
        f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in counts.items()
    )
    told = "".join(f'<p class="notice">{safe(note)}</p>' for note in notes)
    return f'<header><div class="masthead"><div>{lead}</div><dl id="counts">{cells}</dl></div>{told}</header>'


def table_of(
    heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, label: str = "Table", names: int = 1
) -> str:
    """Rows are an id (or none) and cells of markup; the first `names` cells are text, the others numbers."""
    kinds = ["" if place < names else ' class="number"' for place in range(len(heads))]
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


def asset(name: str) -> str:
    """The text of a style or script that ships with the package."""
    return files("apothecary.runs").joinpath("assets", name).read_text(encoding="utf-8")


def policy_of(style: str, *scripts: str) -> str:
    """A content policy: only our own style and scripts run, by their hashes; nothing is ever fetched."""
    allowed = f"script-src {' '.join(map(_source, scripts))}; " if scripts else ""
    return f"default-src 'none'; base-uri 'none'; form-action 'none'; {allowed}style-src {_source(style)}"


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
