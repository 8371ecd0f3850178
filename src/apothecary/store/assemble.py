"""Statements into edges: the same relation from many documents, counted, set against its opposites, believed.

Edges are made from the tables of statements and from the decisions of reviewers alone, so that all of them,
or those that something has touched, can be made anew at any time. Everything belongs into a transaction of
the caller.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from apothecary.store.belief import BELIEFS, calibrate
from apothecary.store.edge_rows import VERDICTS

if TYPE_CHECKING:
    import duckdb

__all__ = ["ARGUMENTS", "EDGE_KEY", "add_opposites", "assemble", "assemble_touched"]

OPPOSITES = (("POS", "NEG"), ("Positive_Correlation", "Negative_Correlation"))
"""Types that contradict each other whatever schema a run had; schemas of runs name more."""
_META = "opposites"
ARGUMENTS = "list([role, concept] ORDER BY role, concept)"
EDGE_KEY = "left(sha256('[' || to_json({type})::TEXT || ',' || to_json({arguments})::TEXT || ']'), 16)"
"""`keys.edge_key` in SQL; arguments are a list of [role, concept] in their order."""

# What each document says of each edge by each source. A run of conditions repeats the pairs that it was
# given: that counts as a statement only where no other run makes it.
_STATEMENTS = f"""
CREATE OR REPLACE TEMP TABLE statements AS
WITH
verdicts AS ({VERDICTS}),
said AS (
    SELECT edge, document, source, polarity = 'negated' AS denied, task = 'conditions' AS given,
        starts_with(run, 'review') AS of_review,
        max(least(1, greatest(0, coalesce(confidence, 1)))) AS confidence
    FROM relations SEMI JOIN reached USING (edge) JOIN runs USING (run) JOIN sources USING (source)
    WHERE polarity <> 'speculative' AND document NOT IN (SELECT document FROM documents WHERE retracted)
    GROUP BY ALL),
counting AS (
    SELECT *, bool_and(given) OVER (PARTITION BY edge, document) AS only_given FROM said)
SELECT edge, document, source, of_review, confidence, denied AS against, coalesce(verdict, '') AS verdict
FROM counting LEFT JOIN verdicts USING (edge, document)
WHERE (only_given OR NOT given) AND (NOT of_review OR verdict = 'accept')
"""  # noqa: S608 - a constant
_EDGES = """
CREATE OR REPLACE TEMP TABLE made AS
WITH
asserting AS (
    SELECT edge, count(DISTINCT document) AS documents,
        count(DISTINCT document) FILTER (WHERE verdict = 'accept') AS accepted
    FROM statements WHERE NOT against AND verdict <> 'reject' GROUP BY ALL),
rejected AS (
    SELECT edge, count(DISTINCT document) AS rejected FROM statements WHERE verdict = 'reject' GROUP BY ALL),
against AS (
    SELECT edge, count(DISTINCT document) AS against FROM (
        SELECT edge, document FROM statements WHERE against AND verdict <> 'reject'
        UNION SELECT o.edge, document FROM opposed o JOIN statements s ON s.edge = o.other
        WHERE NOT against AND verdict <> 'reject')
    GROUP BY ALL),
not_believed AS (
    SELECT edge, 1 - exp(sum(ln(greatest(1e-300, 1 - belief))::DECIMAL(38, 15))::DOUBLE) AS belief FROM (
        SELECT edge, belief FROM beliefs WHERE against
        UNION ALL SELECT o.edge, belief FROM opposed o JOIN beliefs b ON b.edge = o.other WHERE NOT against)
    GROUP BY ALL)
SELECT t.edge,
    CASE WHEN t.of_drugs THEN 'combinations' ELSE 'relations' END AS task,
    t.type, t.arity, coalesce(a.documents, 0) AS documents, coalesce(c.against, 0) AS against,
    coalesce(a.documents, 0) > 0 AND coalesce(c.against, 0) > 0 AS contradicted,
    coalesce(a.accepted, 0) AS accepted, coalesce(r.rejected, 0) AS rejected,
    round(coalesce(b.belief, 0) * (1 - coalesce(n.belief, 0)), 6) AS belief
FROM shapes t LEFT JOIN asserting a USING (edge) LEFT JOIN against c USING (edge)
LEFT JOIN rejected r USING (edge) LEFT JOIN not_believed n USING (edge)
LEFT JOIN (SELECT edge, belief FROM beliefs WHERE NOT against) b USING (edge)
"""
# One relation stands for the arguments of its edge; (role, concept) in their order make its signature.
_SHAPES = """
CREATE OR REPLACE TEMP TABLE standing AS
SELECT edge, min(relation) AS relation, any_value(type) AS type
FROM relations SEMI JOIN reached USING (edge) GROUP BY edge;
CREATE OR REPLACE TEMP TABLE ordered AS
SELECT edge, row_number() OVER (PARTITION BY edge ORDER BY role, concept) - 1 AS position, role, concept
FROM standing JOIN arguments USING (relation);
CREATE OR REPLACE TEMP TABLE shapes AS
SELECT edge, any_value(type) AS type, count(role) AS arity,
    coalesce(bool_and(role = 'drug'), false) AS of_drugs,
    to_json(list([role, concept] ORDER BY position) FILTER (WHERE role IS NOT NULL)) AS signature
FROM standing LEFT JOIN ordered USING (edge) GROUP BY edge
"""
# An opposite of an opposite is reached, too: it counts against the same edges. An edge that has lost its last
# statement is still in the tables of edges.
_REACHED = f"""
CREATE OR REPLACE TEMP TABLE reached AS
WITH RECURSIVE linked(type, other) AS (
    SELECT type, other FROM opposite_types
    UNION SELECT l.type, o.other FROM linked l JOIN opposite_types o ON o.type = l.other),
shaped AS (
    SELECT type, list([role, concept] ORDER BY role, concept) AS arguments
    FROM (SELECT edge, any_value(type) AS type, min(relation) AS relation
          FROM relations SEMI JOIN touched USING (edge) WHERE type IN (SELECT type FROM opposite_types)
          GROUP BY edge)
    JOIN arguments USING (relation) GROUP BY edge, type
    UNION
    SELECT type, list([role, concept] ORDER BY role, concept)
    FROM edges SEMI JOIN touched USING (edge) JOIN edge_arguments USING (edge)
    WHERE type IN (SELECT type FROM opposite_types) GROUP BY edge, type)
SELECT DISTINCT edge FROM touched
UNION SELECT {EDGE_KEY.format(type="linked.other", arguments="arguments")}
FROM shaped JOIN linked USING (type)
"""  # noqa: S608 - a constant
_OPPOSED = """
CREATE OR REPLACE TEMP TABLE opposed AS
SELECT a.edge, b.edge AS other FROM shapes a JOIN opposite_types o ON o.type = a.type
JOIN shapes b ON b.type = o.other AND b.signature = a.signature
"""


def assemble(connection: duckdb.DuckDBPyConnection, edges: Collection[str] | None = None) -> None:
    """Make edges anew from statements and decisions: those named, with their opposites, or all.

    Error rates of sources are fitted anew when all are made. With only some they stay, so that a decision
    changes the edges it is about and no other.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE touched (edge TEXT)")
    if edges is None:
        calibrate(connection)
        connection.execute("INSERT INTO touched SELECT DISTINCT edge FROM relations")
        connection.execute("INSERT INTO touched SELECT edge FROM edges")
    else:
        connection.execute("INSERT INTO touched SELECT unnest(?)", [list(edges)])
    assemble_touched(connection)


def assemble_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the edges in the temporary table ``touched`` anew, and those whose opposites they are."""
    _find_reached(connection)
    for query in (*_SHAPES.split(";"), _OPPOSED, _STATEMENTS, BELIEFS, _EDGES):
        connection.execute(query)
    # What is not made again has no statement any more.
    connection.execute("DELETE FROM edge_arguments WHERE edge IN (SELECT edge FROM reached)")
    connection.execute("DELETE FROM edges WHERE edge IN (SELECT edge FROM reached)")
    connection.execute("INSERT INTO edges SELECT * FROM made")
    connection.execute("INSERT INTO edge_arguments SELECT edge, position, role, concept FROM ordered")


def add_opposites(connection: duckdb.DuckDBPyConnection, groups: Iterable[Sequence[str]]) -> None:
    """Keep pairs of types that contradict each other; larger groups say less, and are left out."""
    known = set(_opposites(connection))
    found = known | {(group[0], group[1]) for group in groups if len(group) == 2}
    if found != known:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_META, json.dumps(sorted(found))])
        connection.execute("INSERT INTO touched SELECT edge FROM edges")


def _opposites(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [_META]).fetchone()
    told = [(str(each[0]), str(each[1])) for each in json.loads(row[0])] if row else []
    return sorted({*OPPOSITES, *told})


def _find_reached(connection: duckdb.DuckDBPyConnection) -> None:
    """The touched edges and those of the same arguments and an opposite type, in the table ``reached``."""
    pairs = {pair for one, other in _opposites(connection) for pair in ((one, other), (other, one))}
    connection.execute("CREATE OR REPLACE TEMP TABLE opposite_types (type TEXT, other TEXT)")
    connection.execute(
        "INSERT INTO opposite_types SELECT unnest(?), unnest(?)",
        [[one for one, _ in sorted(pairs)], [other for _, other in sorted(pairs)]],
    )
    connection.execute(_REACHED)
