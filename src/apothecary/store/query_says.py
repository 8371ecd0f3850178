"""Who says an edge: the statements it rests on, with their sentences, engines and reviewers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from apothecary.align.sentences import sentences
from apothecary.store.query_match import ASKED, WORDED, Group, among, asked_values, worded_values

if TYPE_CHECKING:
    import duckdb

__all__ = ["Evidence", "Mark", "Place", "Said", "Verdict", "said_of"]

Place = Literal["sentence", "document", "statement"]
"""Where a document names what is asked for: in a sentence of its evidence, elsewhere in its text, or not in
the text at all, only in another statement about it."""

MOST_DOCUMENTS = 20
"""Of one edge, that are looked into for conditions."""
_PLACES: Mapping[int, Place] = {1: "sentence", 2: "document"}


@dataclass(frozen=True)
class Mark:
    """A mention within a quote, in offsets of the document; `role` is "" for what was asked for beside."""

    start: int
    end: int
    role: str
    concept: str


@dataclass(frozen=True)
class Verdict:
    """What a reviewer decided on an edge in a document."""

    reviewer: str
    verdict: str
    made: str
    note: str


@dataclass(frozen=True)
class Evidence:
    """A sentence that says an edge, or denies it (`polarity`), and who read it so.

    `start` and `end` are code points in the document, both 0 where no sentence is known. `given`: its run
    told it; else it is the one that names most of the arguments. `source` is a task by its engines.
    """

    relation: str
    document: str
    title: str
    retracted: bool
    start: int
    end: int
    quote: str
    given: bool
    marks: tuple[Mark, ...]
    source: str
    run: str
    polarity: str
    setting: str
    confidence: float | None
    reviews: tuple[Verdict, ...]


@dataclass(frozen=True)
class Said:
    """What is said of an edge: how many statements, the first sentences, and, by number of group, where at
    best and in how many documents what was asked for is named."""

    statements: int
    places: Mapping[int, tuple[Place, int]]
    documents: tuple[str, ...]
    """Documents that assert it and are not retracted: the `MOST_DOCUMENTS` that come first."""
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class _Statement:
    """A row of `_STATEMENTS`."""

    edge: str
    statements: int
    places: Sequence[Mapping[str, int]] | None
    relation: str
    document: str
    title: str
    retracted: bool
    run: str
    source: str
    polarity: str
    setting: str
    confidence: float | None
    rank: int


_STATEMENTS = """
WITH {asked}, {worded},
here AS MATERIALIZED (
    SELECT document, concept, "start", "end" FROM mentions WHERE document IN {naming}),
quoted AS MATERIALIZED (SELECT relation, "start", "end" FROM evidence WHERE relation IN {relations}),
read AS MATERIALIZED (SELECT document, title, retracted FROM documents WHERE document IN {documents}),
stated AS MATERIALIZED (
    SELECT relation, edge, document, run, polarity, setting, confidence
    FROM relations WHERE relation IN {relations}),
placed AS MATERIALIZED (
    SELECT stated.relation, edge, stated.document, number,
        min(CASE WHEN quoted.relation IS NULL THEN 2 ELSE 1 END) AS place
    FROM stated JOIN here USING (document) JOIN asked USING (concept)
    LEFT JOIN quoted ON quoted.relation = stated.relation
        AND here."start" >= quoted."start" AND here."end" <= quoted."end"
    WHERE around GROUP BY ALL
    UNION ALL SELECT relation, edge, document, number, 2 FROM stated JOIN worded USING (document)),
spots AS (
    SELECT edge, list(struct_pack(number := number, place := place, documents := documents)) AS places FROM (
        SELECT edge, number, min(place) AS place, count(DISTINCT document) AS documents
        FROM placed GROUP BY ALL)
    GROUP BY edge),
weighed AS (SELECT relation, sum(3 - place) AS weight FROM placed GROUP BY relation),
-- A document first speaks once; then come its other statements.
turned AS (
    SELECT stated.*, title, retracted, coalesce(weight, 0) AS weight,
        count(*) OVER (PARTITION BY edge) AS statements,
        row_number() OVER (PARTITION BY edge, document
            ORDER BY coalesce(weight, 0) DESC, confidence DESC NULLS LAST, relation) AS turn
    FROM stated JOIN read USING (document)
    LEFT JOIN weighed USING (relation)),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY edge
        ORDER BY turn, retracted, weight DESC, confidence DESC NULLS LAST, document, relation) AS rank
    FROM turned)
SELECT edge, statements, places, relation, document, title, retracted, run, coalesce(source, ''), polarity,
    setting, confidence, rank
FROM ranked LEFT JOIN runs USING (run) LEFT JOIN spots USING (edge)
WHERE rank <= $most ORDER BY edge, rank
"""
_STATED = "SELECT relation, document FROM relations WHERE edge IN {edges}"
_QUOTES = """
SELECT relation, "start", "end", quote FROM evidence WHERE relation IN {relations} ORDER BY relation, position
"""
_MARKS = """
WITH {asked},
shown AS MATERIALIZED (SELECT relation, document, run FROM relations WHERE relation IN {relations}),
own AS MATERIALIZED (SELECT relation, role, concept, mentions FROM arguments WHERE relation IN {relations}),
here AS MATERIALIZED (FROM mentions WHERE document IN {documents})
SELECT relation, "start", "end", spans, role, own.concept
FROM shown JOIN own USING (relation) JOIN here ON here.document = shown.document AND here.run = shown.run
    AND list_contains(from_json(own.mentions, '["INTEGER"]'), here.position)
UNION SELECT relation, "start", "end", spans, '', concept
FROM shown JOIN here USING (document) JOIN asked USING (concept) WHERE around
"""
_TEXTS = "SELECT document, text FROM documents WHERE document IN {documents}"
_REVIEWS = """
SELECT edge, document, reviewer, verdict, made, note FROM decisions WHERE edge IN {edges}
ORDER BY made, reviewer
"""


def said_of(
    connection: duckdb.DuckDBPyConnection, edges: Sequence[str], groups: Sequence[Group], most: int
) -> dict[str, Said]:
    """What is said of each edge, by at most `most` statements: those first that name what was asked, then the
    surest, one of each document before a second one of any."""
    here, named = among("edges", edges)
    keys = connection.execute(_STATED.format(edges=here), named).fetchall()
    relations, values = among("relations", [row[0] for row in keys])
    texts, placed = among("documents", sorted({row[1] for row in keys}))
    # Mentions of what was asked for are looked for only where documents may name it instead of the edge.
    naming = texts if any(group.around for group in groups) else "(NULL)"
    statement = _STATEMENTS.format(
        asked=ASKED, worded=WORDED, relations=relations, documents=texts, naming=naming
    )
    values |= placed | asked_values(groups) | worded_values(groups) | {"most": max(most, MOST_DOCUMENTS)}
    rows = [_Statement(*row) for row in connection.execute(statement, values).fetchall()]
    shown = [row for row in rows if row.rank <= most]
    marks = _marks(connection, shown, groups)
    quotes = _quotes(connection, shown, marks)
    reviews: dict[tuple[str, str], list[Verdict]] = {}
    for edge, document, *verdict in connection.execute(_REVIEWS.format(edges=here), named).fetchall():
        reviews.setdefault((edge, document), []).append(Verdict(*verdict))
    found = {}
    for edge, own in groupby(rows, lambda row: row.edge):
        statements = list(own)
        first = statements[0]
        named_in = {
            each["number"]: (_PLACES[each["place"]], each["documents"]) for each in first.places or ()
        }
        evidence = tuple(
            _evidence(row, quote, marks.get(row.relation, ()), reviews.get((edge, row.document), ()))
            for row in statements
            if row.rank <= most
            for quote in quotes[row.relation]
        )
        asserting = (row for row in statements if row.polarity != "negated" and not row.retracted)
        documents = tuple(dict.fromkeys(row.document for row in asserting))
        found[edge] = Said(first.statements, named_in, documents, evidence)
    return found


_Quote = tuple[int, int, str, bool]
"""Start, end, text, and whether the run gave it."""


def _evidence(row: _Statement, quote: _Quote, marks: Sequence[Mark], reviews: Sequence[Verdict]) -> Evidence:
    start, end, text, given = quote
    return Evidence(
        relation=row.relation,
        document=row.document,
        title=row.title,
        retracted=row.retracted,
        start=start,
        end=end,
        quote=text,
        given=given,
        marks=tuple(mark for mark in marks if start <= mark.start and mark.end <= end),
        source=row.source,
        run=row.run,
        polarity=row.polarity,
        setting=row.setting,
        confidence=row.confidence,
        reviews=tuple(reviews),
    )


def _marks(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[_Statement], groups: Sequence[Group]
) -> dict[str, list[Mark]]:
    """Where the arguments of each statement, and what was asked for beside them, stand in its document."""
    relations, named = among("relations", [row.relation for row in rows])
    documents, placed = among("documents", sorted({row.document for row in rows}))
    statement = _MARKS.format(asked=ASKED, relations=relations, documents=documents)
    marks: dict[str, set[Mark]] = {}
    for relation, start, end, spans, role, concept in connection.execute(
        statement, asked_values(groups) | named | placed
    ).fetchall():
        for each in json.loads(spans) if spans else ((start, end),):
            marks.setdefault(relation, set()).add(Mark(each[0], each[1], role, concept))
    return {
        relation: sorted(
            each, key=lambda mark: (mark.start, mark.end, not mark.role, mark.role, mark.concept)
        )
        for relation, each in marks.items()
    }


def _quotes(
    connection: duckdb.DuckDBPyConnection,
    rows: Sequence[_Statement],
    marks: Mapping[str, Sequence[Mark]],
) -> dict[str, list[_Quote]]:
    """The sentences of each statement; where its run gave none, the one that names most of its arguments."""
    relations, named = among("relations", [row.relation for row in rows])
    quotes: dict[str, list[_Quote]] = {}
    for relation, *quote in connection.execute(_QUOTES.format(relations=relations), named).fetchall():
        quotes.setdefault(relation, []).append((*quote, True))
    without = [row for row in rows if row.relation not in quotes]
    documents, placed = among("documents", sorted({row.document for row in without}))
    texts = dict(connection.execute(_TEXTS.format(documents=documents), placed).fetchall())
    for row in without:
        quotes[row.relation] = [_nearest(texts[row.document], marks.get(row.relation, ()))]
    return quotes


def _nearest(text: str, marks: Sequence[Mark]) -> _Quote:
    own = [mark for mark in marks if mark.role]
    if not own:
        return 0, 0, "", False

    def held(start: int, end: int) -> int:
        return len({mark.concept for mark in own if start <= mark.start and mark.end <= end})

    best = max(sentences(text), key=lambda each: held(each.start, each.end))
    return best.start, best.end, text[best.start : best.end], False
