"""Reviewers' decisions follow what they are about when another linking moves it.

The key of an edge holds concepts, and a name may stand for another concept after a build: the vocabulary has
changed, or more runs have told an id for it. `linking` keeps what moved in which document. Here the log gains
the same decision about where the edge is now, made at the same time as the first, and the one about the edge
that the document does not state any more is undone, so that the log alone says what reviewers stand by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from apothecary.store.decisions import Decision, DecisionLog, changed_edge, objects_of

if TYPE_CHECKING:
    import duckdb

__all__ = ["follow"]

NOTE = "its concepts have other ids now: the decision follows"
Moves = list[dict[tuple[str, str], set[str]]]
"""Of each step, in their order: what a document has instead of what it had."""


def follow(connection: duckdb.DuckDBPyConnection, log: DecisionLog) -> None:
    """Move standing decisions to where the last linkings have moved their edges.

    Belongs into a transaction, before the log is read. Broken off after the log is written, it does nothing
    the second time: what was undone stands no more. A decision that the reviewer has already made about the
    new edge stays. An edit whose concept became several in its document keeps the one that it names.
    """
    moved = connection.execute("SELECT EXISTS (FROM edge_moves) OR EXISTS (FROM concept_moves)").fetchone()
    if moved != (True,):
        return
    standing = list(log.standing())
    documents = sorted({each.document for each in standing})
    edges, concepts = (_moves(connection, table, documents) for table in ("edge_moves", "concept_moves"))
    taken = {(each.document, each.edge, each.reviewer) for each in standing}
    stated = _stated(connection, documents)
    rows: list[Decision] = []
    left: set[tuple[str, str, str]] = set()
    changes = {each.number: (each, _changed(each, concepts)) for each in standing if each.change}
    # What an edit states moves as well, and what others say of it.
    edges.append(
        {
            (each.document, changed_edge(each.change or {})): {changed_edge(change)}
            for each, change in changes.values()
        }
    )
    for one in standing:
        _, change = changes.get(one.number, (one, None))
        places = _ends(one.document, one.edge, edges)
        if places == {one.edge} and change == one.change:
            continue
        if one.edge in places or (one.document, one.edge) in stated:
            places.add(one.edge)
        else:
            left.add((one.document, one.edge, one.reviewer))
        rows += [
            replace(one, number=0, edge=place, change=change)
            for place in sorted(places)
            if place == one.edge or (one.document, place, one.reviewer) not in taken
        ]
    log.extend(rows)
    # Below a decision may lie earlier ones of the same reviewer.
    while undone := [each for each in log.standing() if (each.document, each.edge, each.reviewer) in left]:
        log.extend(
            replace(each, number=0, verdict="undo", change=None, made="", note=NOTE) for each in undone
        )
    for table in ("edge_moves", "concept_moves"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants


def _moves(connection: duckdb.DuckDBPyConnection, table: str, documents: Sequence[str]) -> Moves:
    rows = connection.execute(
        f'SELECT step, document, before, "after" FROM {table}'  # noqa: S608 - a constant
        " WHERE document IN (SELECT unnest(?)) ORDER BY step",
        [documents],
    ).fetchall()
    steps: dict[int, dict[tuple[str, str], set[str]]] = {}
    for step, document, before, after in rows:
        steps.setdefault(step, {}).setdefault((document, before), set()).add(after)
    return list(steps.values())


def _ends(document: str, place: str, moves: Moves) -> set[str]:
    """Where something is after all steps; itself when nothing moved."""
    places = {place}
    for step in moves:
        places = set[str]().union(*(step.get((document, each), {each}) for each in places))
    return places


def _changed(edit: Decision, moves: Moves) -> Mapping[str, object]:
    """What an edit says, in terms of the concepts that there are now."""
    change = edit.change or {}
    told = []
    for each in objects_of(change.get("arguments")):
        ends = _ends(edit.document, str(each["concept"]), moves)
        told.append({**each, "concept": ends.pop()} if len(ends) == 1 else each)
    return {**change, "arguments": told}


def _stated(connection: duckdb.DuckDBPyConnection, documents: Sequence[str]) -> set[tuple[str, str]]:
    """The edges that runs, reviewers' own left aside, state now in documents of decisions."""
    return set(
        connection.execute(
            "SELECT DISTINCT document, edge FROM relations WHERE document IN (SELECT unnest(?))"
            " AND NOT starts_with(run, 'review')",
            [documents],
        ).fetchall()
    )
