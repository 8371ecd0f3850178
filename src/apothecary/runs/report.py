"""The report of a run: one HTML file that needs no network.

The records are embedded as JSON in which nothing can end the script element; the page turns them
into text nodes only. Long runs show their first documents and problems and say how many are left out.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from apothecary.errors import RunError
from apothecary.runs.confidence_panel import confidence_panel
from apothecary.runs.pages import asset, policy_of

__all__ = ["ReportInput", "render", "write_report"]

MAX_ERRORS = 500
MAX_CHAINS = 500
"""Chains of reasoning that readers without JavaScript get; the page itself makes those of one document."""
SHOWN_TEXT = 300
SLOT = re.compile(r"\{\{([a-z]+)\}\}")


@dataclass(frozen=True)
class ReportInput:
    """What a report shows: the files of a run folder, and gold and scores where the inputs had annotation.

    `gold` maps document ids to records of the annotated documents; `scores` is what the task's score gives.
    """

    title: str
    manifest: Mapping[str, object]
    ledger: Mapping[str, object]
    predictions: Iterable[Mapping[str, object]]
    errors: Iterable[Mapping[str, object]]
    gold: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    scores: Mapping[str, object] | None = None


def write_report(path: Path, report: ReportInput, *, max_documents: int = 200) -> None:
    """Write the page whole or not at all. Raises RunError."""
    page = render(report, max_documents=max_documents)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(page, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunError(
            f"cannot write the report: {error.strerror}",
            where=str(path),
            hint="check the folder and its disk",
        ) from error


def render(report: ReportInput, *, max_documents: int = 200) -> str:
    """The page as text. Reads all predictions once and keeps the first `max_documents`."""
    counts = {"documents": 0, "mentions": 0, "concepts": 0, "relations": 0, "conditions": 0}
    shown: list[Mapping[str, object]] = []
    for record in report.predictions:
        counts["documents"] += 1
        for kind in ("mentions", "concepts", "relations", "conditions"):
            counts[kind] += _size(record.get(kind))
        if len(shown) < max_documents:
            shown.append(record)
    if not counts["conditions"]:
        del counts["conditions"]
    errors = iter(report.errors)
    first_errors = list(islice(errors, MAX_ERRORS))
    counts["problems"] = len(first_errors) + sum(1 for _ in errors)
    ids = {str(record.get("id")) for record in shown}
    data = {
        "title": report.title,
        "manifest": report.manifest,
        "ledger": report.ledger,
        "scores": report.scores,
        "documents": shown,
        "gold": {name: record for name, record in report.gold.items() if name in ids},
        "errors": first_errors,
        "counts": counts,
    }
    names = {"render": "render.js", "head": "head.js", "conditions": "conditions.js", "page": "report.js"}
    scripts = {slot: asset(name) for slot, name in names.items()}
    style = asset("report.css")
    slots = {
        "title": html.escape(report.title),
        "policy": policy_of(style, *scripts.values()),
        "style": style,
        "plain": _plain(shown, counts),
        "confidence": confidence_panel(report.scores),
        "data": embed(data),
        **scripts,
    }
    # One pass: what is put in is never read as a slot.
    page = SLOT.sub(lambda slot: slots[slot[1]], asset("report.html"))
    # A lone surrogate, from a model's reply or a file's name, has no UTF-8 form. One character stays
    # one character, so that offsets still hold.
    return page.encode("utf-8", "replace").decode("utf-8")


def embed(value: object) -> str:
    """JSON that can stand in a script element: no character of it can end or open markup.

    A number that is not finite becomes null: the JSON that browsers read has no name for it.
    """
    finite = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
    text = json.dumps(finite, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _size(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _plain(records: Sequence[Mapping[str, object]], counts: Mapping[str, int]) -> str:
    """Counts, a bare table of relations and the reasoning, for readers without JavaScript."""
    rows = [
        [str(record.get("id")), str(relation.get("type")), "; ".join(_participants(record, relation))]
        for record in records
        for relation in _rows(record.get("relations"))
    ]
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    head = "<tr><th>document</th><th>relation</th><th>between</th></tr>"
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<p>The run: {said}.</p><table>{head}{body}</table>{_reasoning(records)}"


def _reasoning(records: Iterable[Mapping[str, object]]) -> str:
    """What was thought about each sentence, folded under it."""
    chains = ((record, chain) for record in records for chain in _rows(record.get("reasoning")))
    blocks = [_chain(record, chain) for record, chain in islice(chains, MAX_CHAINS)]
    left = sum(1 for _ in chains)
    more = f"<p>{left} more are in predictions.jsonl.</p>" if left else ""
    return f"<h2>Reasoning</h2>{''.join(blocks)}{more}" if blocks else ""


def _chain(record: Mapping[str, object], chain: Mapping[str, object]) -> str:
    title = f"{record.get('id')}: {_sentence(record.get('text'), chain.get('sentence'))}"
    parts = "".join(
        (f"<h3>{html.escape(heading)}</h3>" if heading else "") + f"<p>{html.escape(text)}</p>"
        for heading, text in _headed(chain)
    )
    return f'<details class="chain"><summary>{html.escape(title)}</summary>{parts}</details>'


def _sentence(text: object, place: object) -> str:
    """The slice [start, end) of the text; the beginning of it all where there is no such place."""
    points = text if isinstance(text, str) else ""
    if isinstance(place, list) and len(place) == 2 and all(isinstance(each, int) for each in place):
        start, end = place
        if 0 <= start < end <= len(points):
            return points[start:end]
    return points[:SHOWN_TEXT]


def _headed(chain: Mapping[str, object]) -> list[tuple[str, str]]:
    """The sections of a chain by the lines that head them, such as "[1] Setting"; else the whole of it.

    What stands before the first section is kept, under no heading.
    """
    think, sections = str(chain.get("think") or ""), chain.get("sections")
    if not isinstance(sections, Mapping) or not sections:
        return [("", think)]
    lines = think.split("\n")
    places = {
        key: next((n for n, line in enumerate(lines) if line.lstrip().startswith(f"[{key}]")), None)
        for key in sections
    }
    before = "\n".join(lines[: min((n for n in places.values() if n is not None), default=0)]).strip()
    found = [
        (str(key) if (place := places[key]) is None else lines[place].strip(), str(text))
        for key, text in sections.items()
    ]
    return [("", before), *found] if before else found


def _participants(record: Mapping[str, object], relation: Mapping[str, object]) -> list[str]:
    """A name for each argument; where there are no arguments, the first strings of head and tail."""
    names = {str(concept.get("id")): concept.get("names") for concept in _rows(record.get("concepts"))}
    arguments = [str(argument.get("concept")) for argument in _rows(relation.get("arguments"))]
    if arguments:
        return [_first(names.get(concept), concept) for concept in arguments]
    sides = [relation.get(role) for role in ("head", "tail")]
    return [_first(side.get("texts"), "?") for side in sides if isinstance(side, Mapping)]


def _first(names: object, otherwise: str) -> str:
    return str(names[0]) if isinstance(names, list) and names else otherwise


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
