"""In whom and at what dose: the conditions that documents tell beside the edges they state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from apothecary.store.query_match import ASKED, BELONGING, Group, among, asked_values

if TYPE_CHECKING:
    import duckdb

__all__ = ["Dose", "Limit", "conditions_of"]

MOST = 40
"""Conditions of one edge; the surest are kept."""

_LIMITS = "SELECT condition, relation FROM conditions WHERE document IN {documents}"
_CONDITIONS = """
WITH {asked},
stated AS (SELECT unnest($stated_edges::VARCHAR[]) AS edge, unnest($stated_documents::VARCHAR[]) AS document),
limiting AS MATERIALIZED (FROM conditions WHERE condition IN {conditions}),
limited AS MATERIALIZED (FROM arguments WHERE relation IN {relations}),
filling AS MATERIALIZED (FROM edge_arguments WHERE edge IN {edges}),
{belonging},
dosed AS (
    SELECT condition, list([low::VARCHAR, high::VARCHAR, unit, per, route, frequency] ORDER BY position)
        AS doses
    FROM doses WHERE condition IN {conditions} GROUP BY condition),
told AS (
    SELECT relation, list(DISTINCT name) AS names
    FROM limited JOIN concepts USING (concept) GROUP BY relation)
SELECT edge, type, text, document, "start", "end",
    list_sort(list_distinct(flatten(list(names)))) AS of_names,
    any_value(doses) AS doses, any_value(polarity) AS polarity, max(confidence) AS confidence
FROM belonging JOIN limiting USING (condition) LEFT JOIN dosed USING (condition)
LEFT JOIN told USING (relation)
GROUP BY edge, type, text, document, "start", "end"
QUALIFY row_number() OVER (
    PARTITION BY edge ORDER BY max(confidence) DESC NULLS LAST, document, "start", "end", type) <= $most
ORDER BY edge, type, document, "start", "end"
"""


@dataclass(frozen=True)
class Dose:
    """A dose that was read from a condition; `low` and `high` are equal for a single value."""

    low: float
    high: float
    unit: str
    per: str
    route: str
    frequency: str


@dataclass(frozen=True)
class Limit:
    """A condition under which an edge holds: its words, their place, and the names it was told of."""

    type: str
    text: str
    document: str
    start: int
    end: int
    of: tuple[str, ...]
    doses: tuple[Dose, ...]
    polarity: str
    confidence: float | None


def conditions_of(
    connection: duckdb.DuckDBPyConnection, stated: Sequence[tuple[str, str]], groups: Sequence[Group]
) -> dict[str, tuple[Limit, ...]]:
    """The conditions that hold for edges in documents that state them, given as (edge, document); at most
    `MOST` of an edge, by type. Which ones hold: see `BELONGING`."""
    documents, values = among("documents", sorted({document for _, document in stated}))
    limits = connection.execute(_LIMITS.format(documents=documents), values).fetchall()
    if not limits:
        return {}
    conditions, values = among("conditions", [row[0] for row in limits])
    relations, named = among("relations", sorted({row[1] for row in limits} - {None}))
    edges, chosen = among("edges", sorted({edge for edge, _ in stated}))
    statement = _CONDITIONS.format(
        asked=ASKED, belonging=BELONGING, conditions=conditions, relations=relations, edges=edges
    )
    values |= named | chosen | asked_values(groups)
    values |= {
        "stated_edges": [edge for edge, _ in stated],
        "stated_documents": [document for _, document in stated],
        "most": MOST,
    }
    rows = connection.execute(statement, values).fetchall()
    return {edge: tuple(map(_limit, own)) for edge, own in groupby(rows, lambda row: str(row[0]))}


def _limit(row: tuple[Any, ...]) -> Limit:
    _, type, text, document, start, end, names, doses, polarity, confidence = row
    read = tuple(map(_dose, doses or ()))
    return Limit(type, text, document, start, end, tuple(names or ()), read, polarity, confidence)


def _dose(parts: Sequence[str]) -> Dose:
    low, high, *others = parts
    return Dose(float(low), float(high), *others)
