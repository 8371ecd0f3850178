"""From the names in a question to concepts of the base: by CURIE, else by the normalised name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process, utils

from apothecary.errors import UsageError
from apothecary.store.naming import curie, lookup_key, own_concept

if TYPE_CHECKING:
    import duckdb

__all__ = ["Asked", "Named", "concepts_named"]

NEAREST = 5
LEAST_SIMILAR = 60.0
"""Percent; a name that is less like the one that was typed is no help."""

# The first way that leads anywhere counts: an id, a name, the name of a drug without its salt.
_CONCEPTS = """
WITH asked AS (SELECT unnest($numbers) AS number, unnest($texts) AS text, unnest($ways) AS way),
met AS (
    SELECT number, concept, way FROM asked JOIN concepts ON lower(concept) = text WHERE way = 1
    UNION SELECT number, concept, way FROM asked JOIN concept_names ON key = text WHERE way > 1)
SELECT number, concept, kind, name FROM met JOIN concepts USING (concept)
WHERE way = (SELECT min(way) FROM met AS other WHERE other.number = met.number)
ORDER BY number, concept
"""
_NAMES = """
SELECT min(concept_names.name) FROM concept_names JOIN concepts USING (concept)
WHERE $kind IN ('', kind) GROUP BY key ORDER BY 1
"""


@dataclass(frozen=True)
class Asked:
    """A name or CURIE as it was typed; `kind` is "" for a concept of any kind."""

    text: str
    kind: str


@dataclass(frozen=True)
class Named:
    """What a name was taken for: the concept, or all that share the name, each with its commonest name."""

    asked: str
    kind: str
    concepts: tuple[str, ...]
    names: tuple[str, ...]


def concepts_named(connection: duckdb.DuckDBPyConnection, asked: Sequence[Asked]) -> tuple[Named, ...]:
    """The concepts of each name, in order.

    Raises UsageError for a name that no concept of its kind has, with the nearest names there are.
    """
    if not asked:
        return ()
    tried = [(number, text, way) for number, each in enumerate(asked) for text, way in _ways(each)]
    numbers, texts, ways = map(list, zip(*tried, strict=True))
    rows = connection.execute(_CONCEPTS, {"numbers": numbers, "texts": texts, "ways": ways}).fetchall()
    return tuple(
        _named(connection, each, [row[1:] for row in rows if row[0] == number])
        for number, each in enumerate(asked)
    )


def _ways(asked: Asked) -> Iterator[tuple[str, int]]:
    text = " ".join(asked.text.split())
    for identifier in {text, curie(text, asked.kind)}:
        yield identifier.lower(), 1
    yield lookup_key(text), 2
    if asked.kind == "drug":
        yield own_concept("drug", (), (text,))[0].removeprefix("drug:"), 3


def _named(
    connection: duckdb.DuckDBPyConnection, asked: Asked, rows: Sequence[tuple[str, str, str]]
) -> Named:
    """Of the rows (concept, kind, name) those of the kind that was asked for."""
    fitting = [row for row in rows if asked.kind in ("", row[1])]
    if fitting:
        kinds = {kind for _, kind, _ in fitting}
        concepts, _, names = zip(*fitting, strict=True)
        return Named(asked.text, kinds.pop() if len(kinds) == 1 else "", concepts, names)
    what = asked.kind or "concept"
    if rows:
        others = ", ".join(f"{name} ({concept}, {kind})" for concept, kind, name in rows[:NEAREST])
        hint = f"it is known as {others}"
    else:
        near = _nearest(connection, asked)
        known = f"nearest: {', '.join(near)}" if near else f"no {what} has a name like it"
        hint = f"{known}; documents are searched for words by text"
    raise UsageError(f"no {what} is called '{asked.text}'", hint=hint)


def _nearest(connection: duckdb.DuckDBPyConnection, asked: Asked) -> list[str]:
    names = [row[0] for row in connection.execute(_NAMES, {"kind": asked.kind}).fetchall()]
    near = process.extract(
        asked.text,
        names,
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=NEAREST,
        score_cutoff=LEAST_SIMILAR,
    )
    return [name for name, _, _ in near]
