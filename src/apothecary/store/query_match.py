"""Which edges of a base fit a question, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apothecary.store.edge_rows import EdgeRow

if TYPE_CHECKING:
    import duckdb


__all__ = [
    "ASKED",
    "BELONGING",
    "WORDED",
    "WORDS",
    "Group",
    "Value",
    "Wanted",
    "among",
    "asked_values",
    "matching_edges",
    "worded_values",
]

Value = str | int | float | bool | list[str] | list[int] | list[bool]
"""What a statement may be bound to."""
WORDS = "words"
"""The kind of a group of free words, which no concept has."""
MOST_PLACEHOLDERS = 1000


@dataclass(frozen=True)
class Group:
    """One thing asked for: any of some concepts (by `kind`), or, for free words, any of some documents.

    `around`: it may also be named by the documents, where the edge has no argument of that kind.
    """

    asked: str
    kind: str
    concepts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    around: bool = True


@dataclass(frozen=True)
class Wanted:
    """What edges must fit: every group, and the bounds that are given."""

    groups: tuple[Group, ...]
    task: str = ""
    type: str = ""
    condition: str = ""
    min_belief: float = 0.0


ASKED = """
asked AS (
    SELECT unnest($numbers::INTEGER[]) AS number, unnest($concepts::VARCHAR[]) AS concept,
        unnest($arounds::BOOLEAN[]) AS around)"""
"""The concepts that are asked for, by number of their group; the first table of statements."""
WORDED = """
worded AS (SELECT $worded::INTEGER AS number, unnest($holding::VARCHAR[]) AS document)"""
"""The documents that hold the free words, under the number of their group."""

BELONGING = """
beside AS (SELECT DISTINCT edge, condition, relation FROM limiting JOIN stated USING (document)),
held AS (
    SELECT edge, concept FROM filling SEMI JOIN beside USING (edge)
    UNION SELECT edge, concept FROM (SELECT DISTINCT edge FROM beside) CROSS JOIN asked),
compared AS (
    SELECT beside.edge, condition, own.kind, bool_or(held.concept = limited.concept) AS shared
    FROM beside JOIN limited ON limited.relation = beside.relation
    JOIN concepts AS own ON own.concept = limited.concept
    JOIN held ON held.edge = beside.edge
    JOIN concepts AS other ON other.concept = held.concept AND other.kind = own.kind
    GROUP BY ALL),
belonging AS (
    SELECT edge, condition FROM compared GROUP BY ALL HAVING bool_and(shared)
    UNION ALL SELECT edge, condition FROM beside WHERE relation IS NULL)"""
"""Which of the conditions in `limiting` hold for an edge that is `stated` (edge, document): those of the same
document that limit a relation which has, of each kind of concept that both have, one in common with the edge.
What is asked for counts as the edge's own. A condition that limits no relation holds in all its document.
`limited` has the arguments of the relations that are limited, `filling` those of the edges."""

# Edges that have some groups as arguments and whose documents name the others. Where some must be arguments,
# only the statements of such edges are looked at.
_CANDIDATES = """
WITH {asked}, {worded},
named AS MATERIALIZED (SELECT DISTINCT edge, number, around FROM edge_arguments JOIN asked USING (concept)),
{stating},
naming AS (
    SELECT number, document FROM mentions JOIN asked USING (concept) WHERE around
    UNION SELECT number, document FROM hits WHERE around
    UNION SELECT number, document FROM worded),
told AS (
    SELECT DISTINCT edge, number FROM stating JOIN naming USING (document)
    WHERE document NOT IN (SELECT document FROM documents WHERE retracted))
SELECT edge, list(number) FILTER (around) FROM (
    SELECT edge, number, false AS around FROM named
    UNION ALL SELECT edge, number, true FROM told ANTI JOIN named USING (edge, number))
GROUP BY edge HAVING count(*) = $groups
"""
_STATING_BOUND = """
bound AS (
    SELECT edge FROM named WHERE NOT around GROUP BY edge HAVING count(*) = $strict),
hits AS MATERIALIZED (SELECT edge, number, around, document, polarity FROM relations JOIN named USING (edge)),
stating AS (SELECT edge, document FROM hits SEMI JOIN bound USING (edge) WHERE polarity <> 'negated')"""
_STATING_ANY = """
hits AS (SELECT number, around, document FROM relations JOIN named USING (edge)),
stating AS (SELECT edge, document FROM relations WHERE polarity <> 'negated')"""
_KINDS = """
SELECT DISTINCT edge, kind FROM edge_arguments LEFT JOIN concepts USING (concept) WHERE edge IN {edges}
"""
_NAMED = """SEMI JOIN (
    SELECT edge FROM (SELECT DISTINCT edge, number FROM edge_arguments JOIN asked USING (concept))
    GROUP BY edge HAVING count(*) = $strict) AS named USING (edge)"""
_CHOSEN = """
WITH {asked},
picked AS {kept} (FROM edges {fits}),
chosen AS (
    FROM picked WHERE $task IN ('', task) AND $type IN ('', type) AND belief >= $belief)"""
_LIMITED = (
    """,
limiting AS (
    SELECT condition, document, relation FROM conditions
    WHERE lower(type) = lower($condition) OR contains(lower(text), lower($condition))),
limited AS (FROM arguments), filling AS (FROM edge_arguments),
stated AS (
    SELECT edge, document FROM relations SEMI JOIN chosen USING (edge)
    WHERE polarity <> 'negated' AND document NOT IN (SELECT document FROM documents WHERE retracted)),
""",
    BELONGING,
    ", fitting AS (SELECT * FROM chosen SEMI JOIN belonging USING (edge))",
)
_UNLIMITED = ", fitting AS (FROM chosen)"
_PAGE = """
SELECT total, page.* FROM (SELECT count(*) AS total FROM fitting) LEFT JOIN (
    SELECT edge, task, type, belief, documents, against, contradicted, accepted, rejected FROM fitting
    ORDER BY belief DESC, documents DESC, edge LIMIT $limit OFFSET $offset) AS page ON true
ORDER BY belief DESC, documents DESC, edge
"""


def asked_values(groups: Sequence[Group]) -> dict[str, Value]:
    """The values that `ASKED` is bound to."""
    flat = [(number, each, group) for number, group in enumerate(groups) for each in group.concepts]
    return {
        "numbers": [number for number, _, _ in flat],
        "concepts": [concept for _, concept, _ in flat],
        "arounds": [group.around for _, _, group in flat],
    }


def worded_values(groups: Sequence[Group]) -> dict[str, Value]:
    """The values that `WORDED` is bound to. At most one of the groups is of free words."""
    worded = [number for number, group in enumerate(groups) if group.kind == WORDS]
    return {
        "worded": worded[0] if worded else -1,
        "holding": [each for group in groups for each in group.documents],
    }


def among(name: str, values: Sequence[str]) -> tuple[str, dict[str, Value]]:
    """What may stand after IN for these values, and what is bound to it. Constants, unlike a list, let
    DuckDB use an index, unless another condition or a join comes in between: such a table is materialised.
    Beyond some number of values a scan is better."""
    if len(values) > MOST_PLACEHOLDERS:
        return f"(SELECT unnest(${name}::VARCHAR[]))", {name: list(values)}
    bound: dict[str, Value] = {f"{name}_{place}": value for place, value in enumerate(values)}
    return f"({', '.join(f'${each}' for each in bound) or 'NULL'})", bound


def matching_edges(
    connection: duckdb.DuckDBPyConnection, wanted: Wanted, limit: int, offset: int
) -> tuple[int, list[EdgeRow]]:
    """How many edges fit, and a page of them: by belief, then by number of documents."""
    groups = wanted.groups
    fits, values = "", dict[str, Value]()
    if any(group.around for group in groups):
        edges, values = among("edges", _candidates(connection, groups))
        fits = f"WHERE edge IN {edges}"
    elif groups:
        fits, values = _NAMED, {"strict": len(groups)}
    values |= asked_values(groups) | {
        "task": wanted.task,
        "type": wanted.type,
        "belief": wanted.min_belief,
        "limit": limit,
        "offset": offset,
    }
    # All edges are too many to be kept for the two uses that are made of them.
    kept = "MATERIALIZED" if groups else "NOT MATERIALIZED"
    parts = [_CHOSEN.format(asked=ASKED, kept=kept, fits=fits)]
    if wanted.condition:
        values["condition"] = wanted.condition
        parts += _LIMITED
    else:
        parts.append(_UNLIMITED)
    rows = connection.execute("".join([*parts, _PAGE]), values).fetchall()
    return int(rows[0][0]), [EdgeRow(*row[1:]) for row in rows if row[1] is not None]


def _candidates(connection: duckdb.DuckDBPyConnection, groups: Sequence[Group]) -> list[str]:
    """The edges that fit all groups, some of which their documents may name instead of them."""
    strict = sum(not group.around for group in groups)
    values = asked_values(groups) | worded_values(groups) | {"groups": len(groups)}
    if strict:
        values["strict"] = strict
    stating = _STATING_BOUND if strict else _STATING_ANY
    statement = _CANDIDATES.format(asked=ASKED, worded=WORDED, stating=stating)
    found = connection.execute(statement, values).fetchall()
    here, values = among("edges", [edge for edge, relied in found if relied])
    own = {tuple(row) for row in connection.execute(_KINDS.format(edges=here), values).fetchall()}
    return [
        edge
        for edge, relied in found
        if not relied or own.isdisjoint((edge, groups[number].kind) for number in relied)
    ]
