"""Lists with their reasons as markup, and the page of a run of them: one file without a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from apothecary.runs.pages import page_of, safe

__all__ = ["list_of_visit", "lists_page", "why_in_words"]


def lists_page(
    title: str,
    manifest: Mapping[str, object],
    counts: Mapping[str, str],
    notes: Sequence[str],
    rows: Sequence[Mapping[str, object]],
) -> str:
    """The page as text; `rows` are the first of ``predictions.jsonl``."""
    policy = manifest.get("policy")
    kind = f"Policy {policy.get('kind')}: {policy.get('folder')}. " if isinstance(policy, Mapping) else ""
    about = (
        f"{kind}Status: {manifest.get('status')}. It names visits and their codes: keep it as the records."
    )
    visits = "".join(map(list_of_visit, rows))
    section = (
        f"<section><h2>Lists</h2><p>The first {len(rows)} visits. Open one to see why each drug is in its "
        f"list, and what was taken out.</p>{visits}</section>"
    )
    return page_of(f"Recommended lists: {title}", about, counts, notes, (section,))


def list_of_visit(row: Mapping[str, object]) -> str:
    """The list of one row of ``predictions.jsonl``, folded, with why each drug is in it or was taken out."""
    listed, removed = _rows(row.get("reasons")), _rows(row.get("removed"))
    names = ", ".join(str(each.get("drug")) for each in listed) or "no drug"
    note = f'<p class="notice">{safe(row["note"])}</p>' if row.get("note") else ""
    items = "".join(_drug(each, out=False) for each in listed) + "".join(
        _drug(each, out=True) for each in removed
    )
    count = f"{len(listed)} drugs" + (f", {len(removed)} taken out" if removed else "")
    return (
        f'<details class="visit"><summary><strong>{safe(row.get("visit_id"))}</strong> '
        f'<span class="quiet">{count}</span> <span>{safe(names)}</span></summary>{note}'
        f'<ul class="drugs">{items}</ul></details>'
    )


def _drug(row: Mapping[str, object], *, out: bool) -> str:
    kind = ' class="out"' if out else ""
    marks = {True: ' class="warn"', False: ""}
    said = "".join(f"<li{marks[warn]}>{safe(text)}</li>" for text, warn in why_in_words(row.get("why")))
    name = f"<strong{kind}>{safe(row.get('drug'))}</strong> {_number(row.get('probability'), '.0%')}"
    return f"<li>{name}<ul>{said}</ul></li>"


def why_in_words(why: object) -> Iterator[tuple[str, bool]]:
    """Reasons (`tasks.medication.reasons`) as sentences, each with whether it is a warning."""
    for each in _rows(why):
        reason = each.get("reason")
        if reason == "score":
            yield (
                f"first lists hold drugs from {_number(each.get('threshold'), '.0%')} on; {_share(each)}",
                False,
            )
        elif reason == "prior":
            yield f"nothing is known of the visit; {_share(each)}", False
        elif reason == "evidence":
            yield "; ".join(map(_feature, _rows(each.get("of")))), False
        elif reason in ("added", "removed"):
            changed = _number(each.get("expected_jaccard"), "+.3f")
            load = _number(each.get("interactions"), "+.3f")
            yield (
                f"{reason} by edit {each.get('edit')}: expected Jaccard {changed}, interactions {load}",
                False,
            )
        elif reason == "kept":
            yield "kept from the first list", False
        elif reason == "interaction":
            said = ", ".join(map(_said, _rows(each.get("said"))))
            yield f"interacts with {each.get('with')}: {said}", True
        elif reason == "beneficial":
            said = ", ".join(map(_said, _rows(each.get("said"))))
            yield f"said to help together with {each.get('with')}: {said}", False
        elif reason == "mask":
            kept = f" (kept: {each['kept']})" if each.get("kept") else ""
            yield f"taken out: {each.get('mask')}, {each.get('by')}{kept}", True


def _share(reason: Mapping[str, object]) -> str:
    return f"given in {_number(reason.get('share'), '.0%')} of the training visits"


def _feature(row: Mapping[str, object]) -> str:
    title = f" ({row['title']})" if row.get("title") else ""
    return f"{row.get('feature')}{title} {_number(row.get('log_odds'), '+.2f')}"


def _said(row: Mapping[str, object]) -> str:
    severity, evidence, document = (row.get(name) for name in ("severity", "evidence", "document"))
    said = f"{row.get('source')}: {severity}" if severity else str(row.get("source"))
    if evidence:
        said += f', "{evidence}"'
    told = [f"document {document}"] if document else []
    told += [f"belief {_number(row['belief'], '.2f')}"] if row.get("belief") is not None else []
    return f"{said} ({', '.join(told)})" if told else said


def _number(value: object, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else "-"


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
