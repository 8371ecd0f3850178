"""All that a reviewer sees of one item, read from the base with a fixed number of questions.

Texts are other people's. What could change how the page around them reads (controls, marks that turn the
direction of writing) is replaced by visible signs, one for one, so that offsets hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["Argument", "Detail", "Elsewhere", "Limit", "Statement", "named_concepts", "read_detail", "shown"]

WINDOW = 30_000
"""Code points of a text that a page shows at once."""
MARGIN = 2_000
MANY = 200
"""Statements and elsewheres that are read; more are counted by the queue."""
NEAR = 10
DIRECTIONS = "\u200e\u200f\u061c" + "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
SIGNS = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"}
SIGNS |= dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000), *map(ord, DIRECTIONS)), "\ufffd")


@dataclass(frozen=True)
class Argument:
    """A concept in its role; `spans` are its mentions, in code points of the whole text."""

    role: str
    concept: str
    name: str
    kind: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Limit:
    """A condition: its type and words, and the doses read from it."""

    type: str
    text: str
    doses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """What one run says in the document: of the item, or beside it."""

    relation: str
    run: str
    source: str
    type: str
    polarity: str
    confidence: float | None
    reasoning: str
    edge: str
    arguments: tuple[Argument, ...]
    evidence: tuple[tuple[int, int, str], ...]
    conditions: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """The same edge in another document."""

    document: str
    title: str
    quote: str
    polarity: str
    retracted: bool


@dataclass(frozen=True)
class Detail:
    """One item, whole. `start` is where the shown stretch of the text begins; `record` is for the drawing."""

    document: str
    title: str
    start: int
    end: int
    length: int
    retracted: str
    statements: tuple[Statement, ...]
    others: tuple[Statement, ...]
    elsewhere: tuple[Elsewhere, ...]
    edge: Mapping[str, float]
    concepts: tuple[tuple[str, str], ...]
    pieces: tuple[tuple[str, str], ...]
    record: Mapping[str, object] = field(repr=False)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Those of the item."""
        return self.statements[0].arguments if self.statements else ()

    @property
    def evidence(self) -> tuple[tuple[int, int, str], ...]:
        """The stretches that any run gives as evidence, each once, in order."""
        return tuple(sorted({each for statement in self.statements for each in statement.evidence}))


def shown(text: str) -> str:
    """A text as it may stand on a page: the same length, with nothing in it that acts."""
    return text.translate(SIGNS)


def read_detail(connection: duckdb.DuckDBPyConnection, document: str, edge: str) -> Detail | None:
    """The item of an edge in a document; None when the base no longer has it."""
    row = connection.execute(
        "SELECT title, text, passages, attributes, retracted FROM documents WHERE document = ?", [document]
    ).fetchone()
    if row is None:
        return None
    title, text, passages, attributes, retracted = row
    mentions = _mentions(connection, document)
    names = named_concepts(connection, [mention[3] for mention in mentions])
    said = _statements(connection, document, edge, mentions, names)
    mine = tuple(each for each in said if each.edge == edge)
    if not mine:
        return None
    others = tuple(each for each in said if each.edge != edge)
    start, end = _window(len(text), mine)
    record = _record(text, json.loads(passages), mentions, mine, others, (start, end))
    return Detail(
        document=document,
        title=shown(title),
        start=start,
        end=end,
        length=len(text),
        retracted=_retraction(json.loads(attributes)) if retracted else "",
        statements=mine,
        others=others,
        elsewhere=_elsewhere(connection, document, edge),
        edge=_edge(connection, edge),
        concepts=tuple(sorted((concept, shown(name)) for concept, (name, _) in names.items())),
        pieces=_pieces(text, mine, start, end),
        record=record,
    )


def named_concepts(
    connection: duckdb.DuckDBPyConnection, concepts: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Name and kind of concepts."""
    rows = connection.execute(
        "SELECT concept, name, kind FROM concepts WHERE concept IN (SELECT unnest(?))",
        [sorted(set(concepts))],
    ).fetchall()
    return {concept: (name, kind) for concept, name, kind in rows}


Mention = tuple[int, int, str, str, str]
"""Start, end, type, concept, and the JSON of several spans or ""."""


def _mentions(connection: duckdb.DuckDBPyConnection, document: str) -> list[Mention]:
    return connection.execute(
        'SELECT "start", "end", min(type), concept, coalesce(min(spans), \'\') FROM mentions'
        ' WHERE document = ? GROUP BY "start", "end", concept ORDER BY "start", "end", concept',
        [document],
    ).fetchall()


def _statements(
    connection: duckdb.DuckDBPyConnection,
    document: str,
    edge: str,
    mentions: Sequence[Mention],
    names: Mapping[str, tuple[str, str]],
) -> list[Statement]:
    rows = connection.execute(
        "SELECT r.relation, r.run, u.source, r.type, r.polarity, r.confidence, coalesce(r.reasoning, ''),"
        " r.edge FROM relations r JOIN runs u ON u.run = r.run WHERE r.document = ?"
        " ORDER BY r.edge <> ?, r.confidence DESC NULLS LAST, r.relation LIMIT ?",
        [document, edge, MANY],
    ).fetchall()
    keys = [row[0] for row in rows]
    spans: dict[str, list[tuple[int, int]]] = {}
    for start, end, _, concept, _ in mentions:
        spans.setdefault(concept, []).append((start, end))
    arguments: dict[str, list[Argument]] = {}
    for relation, role, concept in connection.execute(
        "SELECT relation, role, concept FROM arguments WHERE relation IN (SELECT unnest(?))"
        " ORDER BY relation, position",
        [keys],
    ).fetchall():
        name, kind = names.get(concept, (concept, ""))
        arguments.setdefault(relation, []).append(
            Argument(role, concept, shown(name), kind, tuple(spans.get(concept, ())))
        )
    evidence: dict[str, list[tuple[int, int, str]]] = {}
    for relation, start, end, quote in connection.execute(
        'SELECT relation, "start", "end", quote FROM evidence WHERE relation IN (SELECT unnest(?))'
        " ORDER BY relation, position",
        [keys],
    ).fetchall():
        evidence.setdefault(relation, []).append((start, end, shown(quote)))
    limits = _limits(connection, document)
    return [
        Statement(
            relation=row[0],
            run=row[1],
            source=row[2],
            type=row[3],
            polarity=row[4],
            confidence=row[5],
            reasoning=shown(row[6]),
            edge=row[7],
            arguments=tuple(arguments.get(row[0], ())),
            evidence=tuple(evidence.get(row[0], ())),
            conditions=tuple(limits.get(row[0], ())),
        )
        for row in rows
    ]


def _limits(connection: duckdb.DuckDBPyConnection, document: str) -> dict[str, list[Limit]]:
    """Conditions by the relation they limit."""
    rows = connection.execute(
        "SELECT c.relation, c.type, c.text, list(d.low || '|' || d.high || '|' || d.unit || '|' || d.per"
        " || '|' || d.route || '|' || d.frequency ORDER BY d.position) FILTER (d.condition IS NOT NULL)"
        " FROM conditions c LEFT JOIN doses d ON d.condition = c.condition"
        " WHERE c.document = ? AND c.relation IS NOT NULL"
        ' GROUP BY c.condition, c.relation, c.type, c.text, c."start" ORDER BY c.type, c."start"',
        [document],
    ).fetchall()
    found: dict[str, list[Limit]] = {}
    for relation, type_, text, doses in rows:
        found.setdefault(relation, []).append(Limit(type_, shown(text), tuple(map(_dose, doses or ()))))
    return found


def _dose(parts: str) -> str:
    low, high, unit, per, route, frequency = parts.split("|", 5)
    amount = f"{float(low):g}" if low == high else f"{float(low):g} to {float(high):g}"
    return shown(" ".join(filter(None, (amount, f"{unit}/{per}" if per else unit, route, frequency))))


def _edge(connection: duckdb.DuckDBPyConnection, edge: str) -> dict[str, float]:
    names = ("documents", "against", "contradicted", "accepted", "rejected", "belief")
    row = connection.execute(
        "SELECT documents, against, contradicted, accepted, rejected, belief FROM edges WHERE edge = ?",
        [edge],
    ).fetchone()
    return dict(zip(names, map(float, row), strict=True)) if row else {}


def _elsewhere(connection: duckdb.DuckDBPyConnection, document: str, edge: str) -> tuple[Elsewhere, ...]:
    rows = connection.execute(
        "SELECT r.document, any_value(d.title), coalesce(any_value(e.quote), ''), any_value(r.polarity),"
        " any_value(d.retracted) FROM relations r JOIN documents d ON d.document = r.document"
        " LEFT JOIN evidence e ON e.relation = r.relation AND e.position = 0"
        " WHERE r.edge = ? AND r.document <> ? GROUP BY r.document ORDER BY r.document LIMIT ?",
        [edge, document, NEAR],
    ).fetchall()
    return tuple(
        Elsewhere(found, shown(title), shown(quote), polarity, retracted)
        for found, title, quote, polarity, retracted in rows
    )


def _retraction(attributes: Mapping[str, object]) -> str:
    return shown(str(attributes.get("retraction") or "no notice is given"))


def _window(length: int, statements: Sequence[Statement]) -> tuple[int, int]:
    """The stretch of a long text that is shown: from before the first evidence, or the first argument."""
    if length <= WINDOW:
        return 0, length
    places = [each[0] for statement in statements for each in statement.evidence]
    places = places or [a.spans[0][0] for statement in statements for a in statement.arguments if a.spans]
    start = max(0, min(min(places, default=0) - MARGIN, length - WINDOW))
    return start, min(length, start + WINDOW)


def _pieces(text: str, statements: Sequence[Statement], start: int, end: int) -> tuple[tuple[str, str], ...]:
    """The shown stretch, cut where an argument or evidence begins or ends: words and what they are."""
    kinds: dict[str, list[tuple[int, int]]] = {
        "argument": [span for a in statements[0].arguments for span in a.spans if start <= span[0] < end],
        "evidence": [(a, b) for each in statements for a, b, _ in each.evidence],
    }
    cuts = {start, end} | {place for spans in kinds.values() for span in spans for place in span}
    order = sorted(cut for cut in cuts if start <= cut <= end)
    found = []
    for a, b in pairwise(order):
        held = [kind for kind, spans in kinds.items() if any(x <= a and b <= y for x, y in spans)]
        found.append((shown(text[a:b]), " ".join(held)))
    return tuple(found)


def _record(
    text: str,
    passages: Sequence[Mapping[str, object]],
    mentions: Sequence[Mention],
    mine: Sequence[Statement],
    others: Sequence[Statement],
    window: tuple[int, int],
) -> dict[str, object]:
    """What the drawing of the page reads, in offsets of the shown stretch."""
    start, end = window
    seen = [each for each in mentions if start <= each[0] and each[1] <= end]
    places = {(each[0], each[1], each[3]): index for index, each in enumerate(seen)}
    mine_names = {a.concept for each in mine for a in each.arguments}
    evidence = sorted({(a, b) for each in mine for a, b, _ in each.evidence if start <= a and b <= end})
    links = [link for each in mine[:1] for link in _links(each, places, True)]
    links += [link for each in others for link in _links(each, places, False)]
    return {
        "text": shown(text[start:end]),
        "start": start,
        "passages": [
            {"section": shown(str(p["section"])), "start": max(a, start) - start, "end": min(b, end) - start}
            for p in passages
            if (a := int(str(p["start"]))) < end and (b := int(str(p["end"]))) > start
        ],
        "mentions": [
            {"start": a - start, "end": b - start, "type": shown(kind), "spans": _moved(spans, start)}
            for a, b, kind, _, spans in seen
        ],
        "strong": [index for index, each in enumerate(seen) if each[3] in mine_names],
        "relations": [{"evidence": [{"start": a - start, "end": b - start} for a, b in evidence]}],
        "links": links,
    }


def _moved(spans: str, start: int) -> list[list[int]]:
    return [[a - start, b - start] for a, b in json.loads(spans)] if spans else []


def _links(
    statement: Statement, places: Mapping[tuple[int, int, str], int], strong: bool
) -> list[dict[str, object]]:
    """Arcs from each argument to the next: between mentions in its evidence where there are such."""
    ends = []
    for argument in statement.arguments:
        known = [span for span in argument.spans if (*span, argument.concept) in places]
        inside = [s for s in known if any(a <= s[0] and s[1] <= b for a, b, _ in statement.evidence)]
        if not known:
            return []
        ends.append(places[(*(inside or known)[0], argument.concept)])
    directed = len({argument.role for argument in statement.arguments}) > 1
    return [
        {
            "from": a,
            "to": b,
            "label": shown(statement.type),
            "kind": 0,
            "strong": strong,
            "directed": directed,
        }
        for a, b in pairwise(ends)
    ]
