"""The page of an answer of the knowledge base: a card for each edge, with its sentences. No script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from apothecary.runs.pages import MEDICAL, framed, headed, safe

__all__ = ["answer_page"]

_PLACES = {
    "sentence": "in the sentence",
    "document": "in the document",
    "statement": "in another statement about the document",
}
_NAMES = {
    "drugs": "drug",
    "diseases": "disease",
    "genes": "gene",
    "concepts": "concept",
    "task": "task",
    "type": "type",
    "condition": "condition",
    "text": "words",
    "min_belief": "belief from",
}
_ALIKE = frozenset({"drug"})
_Record = Mapping[str, object]


def answer_page(record: _Record) -> str:
    """The page as text; `record` is what `store query --json` prints."""
    question, edges = _record(record.get("question")), _rows(record.get("edges"))
    asked = "; ".join(_asked(question)) or "everything"
    lead = (
        f'<h1>Asked of the knowledge base</h1><p class="asked">{safe(asked)}</p><p class="quiet">{MEDICAL} '
        "Belief is that of the statement by itself, not of what it means for a patient.</p>"
    )
    first = _whole(question.get("offset")) + 1
    shown = f"{first:,}-{first - 1 + len(edges):,}" if edges else "0"
    counts = {"edges that fit": f"{_whole(record.get('total')):,}", "shown": shown}
    notes = [str(note) for note in _list(record.get("notes"))]
    cards = "".join(_card(number, edge) for number, edge in enumerate(edges, first))
    body = f"<ol>{cards}</ol>" if edges else "<p>No edge fits.</p>"
    head = headed(lead, counts, notes)
    return framed("Asked of the knowledge base", ("report.css", "answer.css"), f"{head}\n<main>{body}</main>")


def _asked(question: _Record) -> Iterator[str]:
    for key, name in _NAMES.items():
        value = question.get(key)
        for each in _list(value) if isinstance(value, list | tuple) else [value] if value else ():
            yield f"{name}: {each}"


def _card(number: int, edge: _Record) -> str:
    arguments = _rows(edge.get("arguments"))
    joint = " + " if all(each.get("role") in _ALIKE for each in arguments) else " \u2192 "
    names = joint.join(
        f'<span title="{safe(each.get("concept"))}">{safe(each.get("name") or each.get("concept"))}</span>'
        for each in arguments
    )
    belief = edge.get("belief")
    share = belief if isinstance(belief, float | int) else 0.0
    conditions = _conditions(_rows(edge.get("conditions")), {each.get("name") for each in arguments})
    facts = "".join(f"<li>{fact}</li>" for fact in _facts(edge))
    by_statement: dict[object, list[_Record]] = {}
    for each in _rows(edge.get("evidence")):
        by_statement.setdefault(each.get("relation"), []).append(each)
    sentences = "".join(map(_statement, by_statement.values()))
    more = _whole(edge.get("statements")) - len(by_statement)
    rest = f'<p class="quiet">{more:,} more statements</p>' if more > 0 else ""
    return (
        f'<li class="edge" value="{number}"><h2>{names}</h2>'
        f'<p class="bar"><span class="badge">{safe(edge.get("type"))}</span>'
        f'<meter min="0" max="1" value="{share:.4f}" aria-label="belief"></meter>'
        f"<span>belief {share:.2f}</span></p>"
        f'<ul class="facts">{facts}</ul>{conditions}{sentences}{rest}</li>'
    )


def _facts(edge: _Record) -> Iterator[str]:
    yield _counted(_whole(edge.get("documents")), "document")
    for key, name in (("against", "against"), ("accepted", "accepted"), ("rejected", "rejected")):
        if number := _whole(edge.get(key)):
            yield f"{number:,} {name}"
    if edge.get("contradicted"):
        yield '<span class="bad">contradicted</span>'
    for each in _rows(edge.get("context")):
        many = _whole(each.get("documents"))
        place = _PLACES.get(str(each.get("place")), "")
        told = f" ({_counted(many, 'document')})" if many else ""
        yield f"<strong>{safe(each.get('asked'))}</strong> {place}{told}"


def _conditions(conditions: Sequence[_Record], own: set[object]) -> str:
    """Conditions by type; what one was told of is said where it is not all that the edge is of."""
    by_type: dict[str, list[str]] = {}
    for each in conditions:
        names = _list(each.get("of"))
        of = f"{', '.join(map(str, names))} in " if set(names) != own else ""
        told = f"<small>{safe(of)}{safe(each.get('document'))}</small>"
        by_type.setdefault(str(each.get("type")), []).append(f"<li>{safe(each.get('text'))} {told}</li>")
    rows = "".join(
        f"<dt>{safe(type)}</dt><dd><ul>{''.join(dict.fromkeys(items))}</ul></dd>"
        for type, items in by_type.items()
    )
    return f'<dl class="conditions">{rows}</dl>' if rows else ""


def _statement(sentences: Sequence[_Record]) -> str:
    """All sentences of one statement, then who says it."""
    each = sentences[0]
    confidence = each.get("confidence")
    told = [
        str(each.get("source") or ""),
        f"confidence {confidence:.2f}" if isinstance(confidence, float | int) else "",
        f"in {each.get('setting')}" if each.get("setting") not in ("unknown", None) else "",
    ]
    warned = [str(each.get("polarity"))] if each.get("polarity") in ("negated", "speculative") else []
    warned += ["retracted"] if each.get("retracted") else []
    badges = "".join(f' <span class="badge bad">{safe(word)}</span>' for word in warned)
    reviews = "".join(
        f"<li>{safe(review.get('reviewer'))}: {safe(review.get('verdict'))}, {safe(review.get('made'))}"
        f"{' - ' if review.get('note') else ''}{safe(review.get('note') or '')}</li>"
        for review in _rows(each.get("reviews"))
    )
    return (
        f"<figure>{''.join(map(_quote, sentences))}<figcaption><strong>{safe(each.get('document'))}</strong> "
        f"{safe(each.get('title'))}<br><small>{safe(', '.join(filter(None, told)))}</small>{badges}"
        f"{f'<ul>{reviews}</ul>' if reviews else ''}</figcaption></figure>"
    )


def _quote(each: _Record) -> str:
    quote, start = str(each.get("quote") or ""), _whole(each.get("start"))
    if not quote:
        return '<p class="quiet">no sentence is known</p>'
    nearest = "" if each.get("given") else ", the nearest sentence"
    place = f"<small>{start}-{_whole(each.get('end'))}{nearest}</small>"
    return f"<blockquote>{''.join(_marked(quote, start, _rows(each.get('marks'))))} {place}</blockquote>"


def _marked(quote: str, offset: int, marks: Sequence[_Record]) -> Iterator[str]:
    """The quote with its mentions marked; of two that overlap the first is."""
    done = 0
    for mark in marks:
        start, end = _whole(mark.get("start")) - offset, _whole(mark.get("end")) - offset
        if done <= start < end <= len(quote):
            kind = "own" if mark.get("role") else "beside"
            named = f'<mark class="{kind}" title="{safe(mark.get("role") or "asked for")}">'
            yield f"{safe(quote[done:start])}{named}{safe(quote[start:end])}</mark>"
            done = end
    yield safe(quote[done:])


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _record(value: object) -> _Record:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _rows(value: object) -> list[_Record]:
    return [row for row in _list(value) if isinstance(row, Mapping)]
