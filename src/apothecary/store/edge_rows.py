"""Edges with what they rest on, streamed: a batch in memory, in the order of their keys.

Left out are edges that nothing supports: those that every document denies, and those whose documents were all
retracted or rejected by reviewers. So are statements of retracted documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from apothecary.errors import RunError

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "VERDICTS",
    "Chosen",
    "Edge",
    "EdgeRow",
    "Filled",
    "Limit",
    "Quote",
    "Statement",
    "batches",
    "edges",
    "rows",
]

BATCH = 5000
VERDICTS = """
    SELECT document, edge, CASE sign(sum(CASE verdict WHEN 'accept' THEN 1 ELSE -1 END))
        WHEN 1 THEN 'accept' WHEN -1 THEN 'reject' ELSE '' END AS verdict
    FROM decisions GROUP BY document, edge
"""
"""What most reviewers say of an edge in a document; an edit is against the edge it replaces."""
_EDGES = """
    SELECT edge, task, type, belief, documents, against, contradicted, accepted, rejected FROM edges
    WHERE documents > 0 AND belief >= ? AND (NOT ? OR accepted > 0)
        AND (? OR type IN (SELECT unnest(?))) ORDER BY edge
"""
_ARGUMENTS = """
    SELECT a.edge, a.role, a.concept, coalesce(c.name, a.concept), coalesce(c.kind, 'other')
    FROM edge_arguments a LEFT JOIN concepts c USING (concept)
    WHERE a.edge BETWEEN ? AND ? ORDER BY a.edge, a.position
"""
_STATEMENTS = f"""
    SELECT r.edge, r.relation, r.document, d.title, coalesce(u.source, r.run), r.confidence, r.polarity,
        r.setting, coalesce(v.verdict, '')
    FROM relations r JOIN documents d USING (document) LEFT JOIN runs u USING (run)
        LEFT JOIN ({VERDICTS}) v ON v.document = r.document AND v.edge = r.edge
    WHERE r.edge BETWEEN ? AND ? AND NOT d.retracted ORDER BY r.edge, r.document, r.relation
"""  # noqa: S608 - a constant
_QUOTES = """
    SELECT e.relation, e."start", e."end", e.quote FROM evidence e JOIN relations r USING (relation)
    WHERE r.edge BETWEEN ? AND ? ORDER BY e.relation, e.position
"""
_LIMITS = """
    SELECT c.relation, c.type, c."start", c."end", c.text, coalesce(d.doses, [])
    FROM conditions c JOIN relations r USING (relation)
        LEFT JOIN (
            SELECT condition, list({'low': low, 'high': high, 'unit': unit, 'per': per, 'route': route,
                'frequency': frequency} ORDER BY position) AS doses
            FROM doses GROUP BY condition
        ) d USING (condition)
    WHERE r.edge BETWEEN ? AND ? ORDER BY c.relation, c."start", c."end", c.type
"""

Row = tuple[Any, ...]
"""A row as the database gives it: the columns of a constant query."""


@dataclass(frozen=True)
class Chosen:
    """Which edges: believed at least so far; with `accepted_only`, confirmed by reviewers; of some types."""

    min_belief: float = 0.0
    accepted_only: bool = False
    types: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        """Whether no edge is left out by it."""
        return self.min_belief <= 0.0 and not self.accepted_only and self.types is None


@dataclass(frozen=True)
class Filled:
    """The concept in a role; its name is the one met most often."""

    role: str
    concept: str
    name: str
    kind: str


@dataclass(frozen=True)
class Quote:
    """A stretch of the document; code points, end-exclusive."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Limit:
    """A condition of a statement, with the doses read from it."""

    type: str
    start: int
    end: int
    text: str
    doses: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class Statement:
    """What one run says in one document. `verdict` is that of most reviewers: accept, reject, or ""."""

    document: str
    title: str
    source: str
    confidence: float | None
    polarity: str
    setting: str
    verdict: str
    evidence: tuple[Quote, ...] = ()
    conditions: tuple[Limit, ...] = ()

    @property
    def supports(self) -> bool:
        """Whether it speaks for the edge."""
        return self.polarity != "negated" and self.verdict != "reject"


@dataclass(frozen=True)
class EdgeRow:
    """An edge as it stands in the base: `documents` assert it, `against` deny it or say the opposite, and
    `accepted` and `rejected` are those judged by reviewers."""

    edge: str
    task: str
    type: str
    belief: float
    documents: int
    against: int
    contradicted: bool
    accepted: int
    rejected: int


@dataclass(frozen=True)
class Edge(EdgeRow):
    """An edge with its arguments and statements."""

    arguments: tuple[Filled, ...] = ()
    statements: tuple[Statement, ...] = ()

    def supporting(self) -> list[Statement]:
        """The statements that speak for it, those that reviewers accept first, then the surest."""
        found = [each for each in self.statements if each.supports]
        return sorted(found, key=lambda each: (each.verdict != "accept", -(each.confidence or 0.0)))


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = (), *, size: int = BATCH
) -> Iterator[list[Row]]:
    """The rows of a query, so many at a time. Raises RunError when the base cannot answer."""
    import duckdb

    try:
        cursor = connection.cursor().execute(query, list(values))
        while found := cursor.fetchmany(size):
            yield found
    except duckdb.Error as error:
        raise RunError(
            f"the knowledge base cannot be read: {type(error).__name__}", hint="build it anew from its runs"
        ) from error


def batches(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object]
) -> dict[object, list[Row]]:
    """The rows of a query, without their first column, by it. All in memory: for one batch."""
    found = [row for some in rows(connection, query, values) for row in some]
    return {key: [row[1:] for row in group] for key, group in groupby(found, key=itemgetter(0))}


def edges(connection: duckdb.DuckDBPyConnection, chosen: Chosen, *, batch: int = BATCH) -> Iterator[Edge]:
    """The edges, each whole; `batch` of them are in memory, and cost four statements to the database."""
    of_types = [chosen.types is None, sorted(chosen.types or ())]
    asked = [chosen.min_belief, chosen.accepted_only, *of_types]
    for some in rows(connection, _EDGES, asked, size=batch):
        ends = [some[0][0], some[-1][0]]
        arguments, statements, quotes, limits = (
            batches(connection, query, ends) for query in (_ARGUMENTS, _STATEMENTS, _QUOTES, _LIMITS)
        )
        for row in some:
            made = (_statement(each, quotes, limits) for each in statements.get(row[0], ()))
            kept = (each for each in made if not chosen.accepted_only or each.verdict == "accept")
            parties = tuple(Filled(*each) for each in arguments.get(row[0], ()))
            yield replace(Edge(*row), arguments=parties, statements=tuple(kept))


def _statement(
    row: Row, quotes: Mapping[object, Sequence[Row]], limits: Mapping[object, Sequence[Row]]
) -> Statement:
    relation, *fields = row
    evidence = tuple(Quote(*each) for each in quotes.get(relation, ()))
    conditions = tuple(replace(Limit(*each[:-1]), doses=tuple(each[-1])) for each in limits.get(relation, ()))
    return replace(Statement(*fields), evidence=evidence, conditions=conditions)
