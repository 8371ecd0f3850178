"""The change that a form asks for: another type, other arguments, other words as evidence.

A form holds ``type``; for each argument ``role_N``, ``concept_N``, ``keep_N`` and perhaps ``start_N`` and
``end_N`` of the mention that is meant; ``evidence`` as ``START-END``, perhaps several; and a stretch that was
chosen: ``span_start``, ``span_end`` and ``span_of``, "evidence" or the number of an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apothecary.errors import UsageError
from apothecary.review.items import Detail

__all__ = ["Form", "change_of", "form_of"]

Form = Mapping[str, Sequence[str]]
MOST = 40
"""Arguments of one relation: more is no statement that anyone could check."""
LONGEST = 200


def change_of(form: Form, text: str, concepts: frozenset[str], where: str) -> dict[str, object]:
    """The change as the log keeps it. Raises UsageError for a form that states nothing of the document."""
    type_ = _one(form, "type").strip()
    if not type_ or len(type_) > LONGEST or not type_.isprintable():
        raise UsageError(f"a type has 1 to {LONGEST} printable characters", where=where)
    span = _chosen(form, len(text), where)
    target = _one(form, "span_of") or "evidence"
    arguments = []
    for number in range(MOST):
        concept = _one(form, f"concept_{number}")
        if not concept or not _one(form, f"keep_{number}"):
            continue
        if concept not in concepts:
            raise UsageError("an argument is a concept of the document", where=where)
        argument: dict[str, object] = {"role": _role(form, number, where), "concept": concept}
        mention = span if span and target == str(number) else _mention(form, number, len(text))
        if mention:
            argument |= {"start": mention[0], "end": mention[1]}
        arguments.append(argument)
    if not arguments:
        raise UsageError("a relation has arguments", where=where, hint="keep one, or reject the item")
    spans = [span] if span and target == "evidence" else _evidence(form, len(text))
    evidence = [{"start": a, "end": b, "quote": text[a:b]} for a, b in spans]
    return {"type": type_, "arguments": arguments, "evidence": evidence}


def form_of(change: Mapping[str, object] | None, type: str, detail: Detail) -> dict[str, object]:
    """What the form is filled with: the reviewer's standing change, else what the item says."""
    if change is not None:
        evidence = change.get("evidence")
        spans = [(each["start"], each["end"]) for each in evidence] if isinstance(evidence, list) else []
        return {"type": change["type"], "arguments": change["arguments"], "evidence": spans}
    arguments = [{"role": each.role, "concept": each.concept} for each in detail.arguments]
    return {"type": type, "arguments": arguments, "evidence": [each[:2] for each in detail.evidence]}


def _role(form: Form, number: int, where: str) -> str:
    role = _one(form, f"role_{number}").strip()
    if not role or len(role) > LONGEST or not role.isprintable():
        raise UsageError("an argument has a role", where=where)
    return role


def _chosen(form: Form, length: int, where: str) -> tuple[int, int] | None:
    start, end = _one(form, "span_start").strip(), _one(form, "span_end").strip()
    if not start and not end:
        return None
    span = _span(start, end, length)
    if span is None:
        raise UsageError(f"the stretch lies outside the text of {length} characters", where=where)
    return span


def _mention(form: Form, number: int, length: int) -> tuple[int, int] | None:
    return _span(_one(form, f"start_{number}"), _one(form, f"end_{number}"), length)


def _evidence(form: Form, length: int) -> list[tuple[int, int]]:
    spans = (_span(*each.partition("-")[::2], length) for each in list(form.get("evidence", ()))[:MOST])
    return [span for span in spans if span is not None]


def _span(start: str, end: str, length: int) -> tuple[int, int] | None:
    # isdecimal alone lets through digits of other scripts, which int() reads as well.
    if not (start.isdecimal() and end.isdecimal() and len(start) < 10 and len(end) < 10):
        return None
    a, b = int(start), int(end)
    return (a, b) if 0 <= a < b <= length else None


def _one(form: Form, name: str) -> str:
    values = form.get(name, ())
    return values[0] if values else ""
