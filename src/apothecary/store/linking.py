"""Concepts across documents: which names stand for which vocabulary ids, and what every concept is called.

What a record says by itself is kept (``named``: the names of each concept of a document; ``unlinked``: the
mentions and arguments that came without an id), so that linking can be done anew when more is known. A name
without an id is looked up in the vocabulary, exactly or by its letters alone, never by likeness; one that
no vocabulary knows joins the concept that most mentions of the same name and kind were given by a run; else
it is a concept of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.errors import UsageError
from apothecary.formats.lines import printable
from apothecary.store.assemble import ARGUMENTS, EDGE_KEY
from apothecary.store.naming import curie, kind_of, own_concept
from apothecary.vocab.dictionary import Entry, read_dictionary
from apothecary.vocab.vocabularies import vocabulary_entries

if TYPE_CHECKING:
    import duckdb

__all__ = ["Vocabulary", "is_linked_otherwise", "link", "open_vocabulary"]

_OWN = "own"
_NONE = "none"


@dataclass(frozen=True)
class Vocabulary:
    """Files of names in the order in which they are asked, and the digest of them all; '' for none."""

    files: tuple[Path, ...]
    digest: str


def open_vocabulary(setting: str) -> Vocabulary:
    """The vocabulary that a setting asks for: ``own``, ``none``, or files that are asked before the own one.

    Files are separated by commas. Raises UsageError.
    """
    names = [name.strip() for name in setting.split(",") if name.strip()]
    if names == [_NONE]:
        return Vocabulary((), "")
    if not names or _NONE in names:
        raise UsageError(f"vocabulary '{setting}'", hint="own, none, or files: --vocabulary desc2026.xml")
    paths = tuple(Path(name) for name in names if name != _OWN)
    digest = hashlib.sha256()
    with ExitStack() as stack:
        for path in (*paths, stack.enter_context(as_file(_own_file()))):
            try:
                with path.open("rb") as stream:
                    while piece := stream.read(1 << 20):
                        digest.update(piece)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                raise UsageError(f"cannot read the vocabulary: {reason}", where=printable(path)) from error
    return Vocabulary(paths, digest.hexdigest())


def is_linked_otherwise(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> bool:
    """Are there names that were looked up in another vocabulary?"""
    query = "SELECT 1 FROM links WHERE vocabulary <> ? LIMIT 1"
    return connection.execute(query, [vocabulary.digest]).fetchone() is not None


def link(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> None:
    """Link every name that came without an id, in the base and in what is staged, which is written.

    Belongs into a transaction, after `taking_in.take_in`; ``touched`` gains the edges that change.
    """
    _look_up(connection, vocabulary)
    connection.execute(_TARGETS)
    _move(connection)
    _write_staged(connection)
    connection.execute("DELETE FROM links WHERE own NOT IN (SELECT own FROM targets)")
    connection.execute(
        "UPDATE links SET concept = t.target FROM targets t"
        " WHERE links.own = t.own AND links.concept <> t.target"
    )
    _name_concepts(connection, vocabulary)


def _move(connection: duckdb.DuckDBPyConnection) -> None:
    """What the base has under names that stand for something else now."""
    connection.execute(_MOVED)
    connection.execute(
        "UPDATE mentions SET concept = m.target FROM moved m WHERE m.relation IS NULL"
        " AND mentions.document = m.document AND mentions.run = m.run AND mentions.position = m.position"
    )
    connection.execute(
        "UPDATE arguments SET concept = m.target FROM moved m"
        " WHERE arguments.relation = m.relation AND arguments.position = m.position"
    )
    connection.execute(_REKEYED)
    for query in _MOVES.split(";"):
        connection.execute(query)
    for column in ("relations.edge", "r.edge"):
        connection.execute(
            f"INSERT INTO touched SELECT DISTINCT {column} FROM rekeyed r JOIN relations USING (relation)"  # noqa: S608
            " WHERE relations.edge <> r.edge"
        )
    connection.execute(
        "UPDATE relations SET edge = r.edge FROM rekeyed r"
        " WHERE relations.relation = r.relation AND relations.edge <> r.edge"
    )


def _write_staged(connection: duckdb.DuckDBPyConnection) -> None:
    """Mentions, arguments and relations with what their names stand for."""
    for table in ("mentions", "arguments"):
        connection.execute(
            f"INSERT INTO {table} SELECT s.* REPLACE (coalesce(t.target, s.concept) AS concept)"  # noqa: S608
            f" FROM staged_{table} s LEFT JOIN targets t ON t.own = s.concept AND t.target <> t.own"
        )
    connection.execute("INSERT INTO unlinked FROM staged_unlinked")
    connection.execute(_KEYED)
    connection.execute(
        "INSERT INTO relations SELECT s.* REPLACE (coalesce(k.edge, s.edge) AS edge)"
        " FROM staged_relations s LEFT JOIN keyed k USING (relation)"
    )
    connection.execute(
        "INSERT INTO touched SELECT DISTINCT coalesce(k.edge, s.edge)"
        " FROM staged_relations s LEFT JOIN keyed k USING (relation)"
    )


# A name that no vocabulary knows joins the concept that runs give it most often; of equals the smaller id.
_TARGETS = """
CREATE OR REPLACE TEMP TABLE targets AS
WITH
owns AS (SELECT own, any_value(kind) AS kind FROM named WHERE NOT given GROUP BY own),
met AS (
    SELECT kind, key, own AS concept, sum(mentions) AS mentions FROM named WHERE given AND key <> ''
    GROUP BY ALL),
best AS (SELECT kind, key, arg_min(concept, (-mentions, concept)) AS concept FROM met GROUP BY kind, key)
SELECT o.own, coalesce(l.found, b.concept, o.own) AS target, l.concept AS before
FROM owns o JOIN links l USING (own)
LEFT JOIN best b ON o.kind || ':' || b.key = o.own AND b.kind = o.kind
"""
_MOVED = """
CREATE OR REPLACE TEMP TABLE moved AS
SELECT u.document, u.run, u.relation, u.position, t.before, t.target
FROM unlinked u JOIN targets t USING (own)
WHERE t.target <> t.before
"""
_REKEYED = f"""
CREATE OR REPLACE TEMP TABLE rekeyed AS
SELECT relation, {EDGE_KEY.format(type="type", arguments=ARGUMENTS)} AS edge
FROM relations JOIN arguments USING (relation)
WHERE relation IN (SELECT relation FROM moved)
GROUP BY relation, type
"""  # noqa: S608 - a constant
# Reviewers' decisions will follow.
_MOVES = """
INSERT INTO concept_moves SELECT DISTINCT
    (SELECT 1 + coalesce(max(step), 0) FROM concept_moves), document, before, target FROM moved;
INSERT INTO edge_moves SELECT DISTINCT
    (SELECT max(step) FROM concept_moves), document, relations.edge, r.edge
FROM rekeyed r JOIN relations USING (relation) WHERE relations.edge <> r.edge
"""
_KEYED = f"""
CREATE OR REPLACE TEMP TABLE keyed AS
SELECT relation, {EDGE_KEY.format(type="type", arguments=ARGUMENTS)} AS edge
FROM (
    SELECT relation, role, coalesce(target, concept) AS concept, target IS NOT NULL AS moved
    FROM staged_arguments LEFT JOIN targets ON own = concept AND target <> own)
JOIN staged_relations USING (relation)
GROUP BY relation, type HAVING bool_or(moved)
"""  # noqa: S608 - a constant
# A concept is called by its commonest name, by an abbreviation only when it has no other.
_CONCEPTS = """
CREATE OR REPLACE TEMP TABLE told AS
SELECT CASE WHEN given THEN own ELSE target END AS concept, kind, name, key, given,
    sum(mentions) AS mentions
FROM named LEFT JOIN targets USING (own) GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE all_names AS
SELECT concept, name, any_value(key) AS key, sum(mentions)::INTEGER AS mentions
FROM told WHERE name <> '' GROUP BY concept, name;
CREATE OR REPLACE TEMP TABLE all_concepts AS
WITH
kinds AS (
    SELECT concept, arg_min(kind, (-mentions, kind)) AS kind, bool_or(given) AS given
    FROM (SELECT concept, kind, sum(mentions) AS mentions, bool_or(given) AS given FROM told GROUP BY ALL)
    GROUP BY concept),
called AS (
    SELECT concept, arg_min(name, (length(name) < 6 AND name <> lower(name), -mentions, name)) AS name
    FROM all_names GROUP BY concept)
SELECT concept, kind, coalesce(name, concept) AS name,
    CASE WHEN given THEN 'given'
         WHEN concept IN (SELECT found FROM links) THEN 'dictionary'
         WHEN l.tried THEN 'not found' ELSE 'not tried' END AS linked,
    CASE WHEN given OR NOT coalesce(l.tried, true) THEN '' ELSE coalesce(l.vocabulary, $vocabulary) END
        AS vocabulary
FROM kinds LEFT JOIN called USING (concept) LEFT JOIN links l ON l.own = concept
"""


def _look_up(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> None:
    """Look names up that have not been looked up in this vocabulary."""
    import pyarrow as pa

    wanted: dict[str, str] = dict(
        connection.execute(
            "SELECT own, any_value(kind) FROM named WHERE NOT given AND own NOT IN"
            " (SELECT own FROM links WHERE vocabulary = ?) GROUP BY own",
            [vocabulary.digest],
        ).fetchall()
    )
    if not wanted:
        return
    found, kinds = _find(wanted, vocabulary) if vocabulary.digest else ({}, set[str]())
    table = pa.table(
        {
            "own": list(wanted),
            "tried": [kind in kinds for kind in wanted.values()],
            "found": pa.array([found.get(own) for own in wanted], type=pa.string()),
        }
    )
    connection.register("looked_up", table)
    connection.execute(
        "UPDATE links SET vocabulary = ?, tried = n.tried, found = n.found FROM looked_up n"
        " WHERE links.own = n.own",
        [vocabulary.digest],
    )
    connection.execute(
        "INSERT INTO links SELECT own, ?, tried, found, own FROM looked_up"
        " WHERE own NOT IN (SELECT own FROM links)",
        [vocabulary.digest],
    )
    connection.unregister("looked_up")


def _find(wanted: Mapping[str, str], vocabulary: Vocabulary) -> tuple[dict[str, str], set[str]]:
    """The concepts of names, and the kinds that the vocabulary has names of.

    The first file that knows a name is believed; in it the id that is used most often, then the smallest.
    """
    kinds: set[str] = set()
    found: dict[str, str] = {}
    for entries in _sources(vocabulary):
        votes: dict[str, dict[str, int]] = {}
        for entry in entries:
            kind = kind_of(entry.type)
            kinds.add(kind)
            own, _ = own_concept(kind, (), [entry.name])
            # A name of several ids is that of a composite mention.
            if own in wanted and own not in found and len(entry.ids) == 1:
                mine = votes.setdefault(own, {})
                concept = curie(entry.ids[0], kind)
                mine[concept] = mine.get(concept, 0) + entry.count
        for own, counts in votes.items():
            found[own] = min(counts, key=lambda each: (-counts[each], each))
    return found, kinds


def _sources(vocabulary: Vocabulary) -> Iterator[Iterable[Entry]]:
    for path in vocabulary.files:
        yield vocabulary_entries(path)
    with as_file(_own_file()) as path:
        yield read_dictionary(path).entries


def _own_file() -> Traversable:
    return files("apothecary") / "models" / "dictionary.tsv.gz"


def _name_concepts(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> None:
    """The tables of concepts and their names, anew; only rows that differ are written."""
    for query in _CONCEPTS.split(";"):
        connection.execute(query, {"vocabulary": vocabulary.digest} if "$vocabulary" in query else None)
    for table, made in (("concept_names", "all_names"), ("concepts", "all_concepts")):
        key = "(concept, name)" if table == "concept_names" else "concept"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE differing AS FROM {made} EXCEPT FROM {table}")
        connection.execute(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM differing)"  # noqa: S608
            f" OR {key} NOT IN (SELECT {key} FROM {made})"
        )
        connection.execute(f"INSERT INTO {table} SELECT * FROM differing")  # noqa: S608
