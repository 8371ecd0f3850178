"""Reviewers' decisions brought into the base.

What reviewers stand by is copied into the table ``decisions``. An edit that names another type or other
arguments rejects the edge it is about and states another one: a relation of the run ``review``, which its
reviewer accepts. An edit that corrects evidence or mentions alone accepts its edge. All of it is made anew
from the log, so that an undone decision leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apothecary import __version__
from apothecary.errors import RunError
from apothecary.store.assemble import assemble
from apothecary.store.belief import calibrate
from apothecary.store.decisions import Decision, DecisionLog, changed_edge, objects_of
from apothecary.store.following import follow
from apothecary.store.keys import key_of

if TYPE_CHECKING:
    import duckdb

__all__ = ["REVIEW", "fold", "put_decisions"]

REVIEW = "review"
"""The run that holds what reviewers state of relations; that of another task is ``review <task>``."""
OF_REVIEW = "starts_with(run, 'review')"
ENGINES = json.dumps({"review": "reviewers"})
RANDOM_ERROR = 0.02
"""Of a reviewer's own statement, as of a statement that a reviewer accepts."""

Row = tuple[object, ...]


@dataclass(frozen=True)
class _Edit:
    """A standing edit that states something: its task, and the edge it makes."""

    decision: Decision
    task: str
    type: str
    arguments: tuple[Mapping[str, object], ...]
    evidence: tuple[Mapping[str, object], ...]
    edge: str

    @property
    def relation(self) -> str:
        """The key of what it states."""
        return key_of(self.decision.document, REVIEW, self.decision.number)


def fold(connection: duckdb.DuckDBPyConnection, log: DecisionLog) -> set[str]:
    """Bring what stands in the log into the base and recompute the edges it touches; gives those.

    One transaction: all or nothing. A log that says nothing new changes nothing. Raises RunError when the
    base cannot be written; the log keeps everything.
    """
    import duckdb

    try:
        connection.begin()
        touched = put_decisions(connection, log)
        if touched:
            assemble(connection, touched)
            # What reviewers found wrong tells how far to trust every other statement of the same source.
            if calibrate(connection):
                assemble(connection)
        connection.commit()
    except duckdb.Error as error:
        reason = str(error).split("\n", 1)[0]
        raise RunError(
            f"the decisions cannot be put into the base: {reason}",
            where=str(log.path),
            hint="free some space and try again: the log keeps them",
        ) from error
    return touched


def put_decisions(connection: duckdb.DuckDBPyConnection, log: DecisionLog) -> set[str]:
    """Fill the table ``decisions`` and the run ``review`` from the log; gives the edges that are touched.

    Belongs into a transaction of the caller, who assembles these edges. Decisions follow edges that moved.
    """
    follow(connection, log)
    standing = list(log.standing())
    edits = _edits(connection, standing)
    rows = _decision_rows(standing, edits)
    before = connection.execute(
        "SELECT document, edge, reviewer, verdict, change, note, made FROM decisions"
    ).fetchall()
    stated = connection.execute(
        f"SELECT relation, edge FROM relations WHERE {OF_REVIEW}"  # noqa: S608 - a constant
    ).fetchall()
    wanted = {(edit.relation, edit.edge) for edit in edits}
    touched = {str(row[1]) for row in set(rows).symmetric_difference(before)}
    touched |= {edge for _, edge in wanted.symmetric_difference(stated)}
    if touched:
        connection.execute("DELETE FROM decisions")
        _insert(connection, "decisions", rows)
        _replace_review(connection, edits, log)
    return touched


def _decision_rows(standing: Sequence[Decision], edits: Sequence[_Edit]) -> list[Row]:
    """Rows of the table: what reviewers say, and their acceptance of what their edits state."""
    rows: dict[tuple[str, str, str], Row] = {}
    for edit in edits:
        one = edit.decision
        rows[one.document, edit.edge, one.reviewer] = (
            one.document, edit.edge, one.reviewer, "accept", None, one.note, one.made,
        )  # fmt: skip
    for one in standing:
        verdict, change = one.verdict, None
        if one.change is not None:
            change = json.dumps(one.change, ensure_ascii=False, sort_keys=True)
            verdict = "accept" if changed_edge(one.change) == one.edge else "edit"
        # What is said of an edge itself outweighs what follows from an edit of another one.
        rows[one.document, one.edge, one.reviewer] = (
            one.document, one.edge, one.reviewer, verdict, change, one.note, one.made,
        )  # fmt: skip
    return list(rows.values())


def _edits(connection: duckdb.DuckDBPyConnection, standing: Sequence[Decision]) -> list[_Edit]:
    """The edits that can be stated: of documents and concepts that the base has."""
    found = [(one, one.change) for one in standing if one.change is not None]
    if not found:
        return []
    documents = sorted({one.document for one, _ in found})
    lengths = {
        str(document): int(str(length))
        for document, length in _select(
            connection, "SELECT document, length(text) FROM documents WHERE document", documents
        )
    }
    tasks = {
        (document, edge): task
        for document, edge, task in _select(
            connection,
            "SELECT r.document, r.edge, min(s.task) FROM relations r JOIN runs u ON u.run = r.run"
            " JOIN sources s ON s.source = u.source WHERE r.document",
            documents,
            " GROUP BY r.document, r.edge",
        )
    }
    named = {str(each.get("concept")) for _, change in found for each in objects_of(change.get("arguments"))}
    known = {
        row[0] for row in _select(connection, "SELECT concept FROM concepts WHERE concept", sorted(named))
    }
    edits = []
    for one, change in found:
        arguments = objects_of(change.get("arguments"))
        length = lengths.get(one.document)
        if length is None or not all(each.get("concept") in known for each in arguments):
            continue
        evidence = tuple(each for each in objects_of(change.get("evidence")) if _inside(each, length))
        task = str(tasks.get((one.document, one.edge), "relations"))
        edits.append(_Edit(one, task, str(change["type"]), tuple(arguments), evidence, changed_edge(change)))
    return edits


def _replace_review(connection: duckdb.DuckDBPyConnection, edits: Sequence[_Edit], log: DecisionLog) -> None:
    """The runs of review and all that they hold, anew."""
    connection.execute(
        f"DELETE FROM doses WHERE condition IN (SELECT condition FROM conditions WHERE {OF_REVIEW})"  # noqa: S608
    )
    for table in ("evidence", "arguments"):
        connection.execute(
            f"DELETE FROM {table} WHERE relation IN (SELECT relation FROM relations WHERE {OF_REVIEW})"  # noqa: S608
        )
    for table in ("relations", "mentions", "conditions", "extractions", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE {OF_REVIEW}")  # noqa: S608 - constants
    connection.execute("DELETE FROM sources WHERE engines = ?", [ENGINES])
    for task in sorted({edit.task for edit in edits}):
        _put_run(connection, task, [edit for edit in edits if edit.task == task], log)


def _put_run(
    connection: duckdb.DuckDBPyConnection, task: str, edits: Sequence[_Edit], log: DecisionLog
) -> None:
    run = REVIEW if task == "relations" else f"{REVIEW} {task}"
    source = f"{task} by {REVIEW}"
    _insert(connection, "sources", [(source, task, ENGINES, 0, 0, RANDOM_ERROR, 0.0)])
    made = [edit.decision.made for edit in edits]
    _insert(
        connection,
        "runs",
        [(run, source, __version__, str(log.path), "", "complete", min(made), max(made), "{}", max(made))],
    )
    documents = sorted({edit.decision.document for edit in edits})
    said = {
        document: key_of([edit.relation for edit in edits if edit.decision.document == document])
        for document in documents
    }
    _insert(connection, "extractions", [(document, run, digest) for document, digest in said.items()])
    places = _put_mentions(connection, run, edits)
    relations, arguments, evidence = [], [], []
    for edit in edits:
        one = edit.decision
        said_of = ("asserted", "unknown", None)
        origin = json.dumps({"engine": REVIEW, "step": f"{task}.{REVIEW}", "answer": "edit"})
        relations.append(
            (
                edit.relation,
                one.document,
                run,
                f"d{one.number}",
                edit.type,
                *said_of,
                origin,
                None,
                "{}",
                edit.edge,
            )
        )
        for position, each in enumerate(edit.arguments):
            concept = str(each["concept"])
            found = json.dumps(places.get((one.document, concept), []))
            arguments.append((edit.relation, position, str(each["role"]), concept, found))
        evidence += [
            (edit.relation, position, each["start"], each["end"], str(each["quote"]))
            for position, each in enumerate(edit.evidence)
        ]
    _insert(connection, "relations", relations)
    _insert(connection, "arguments", arguments)
    _insert(connection, "evidence", evidence)
    _put_conditions(connection, run, edits)


def _put_conditions(connection: duckdb.DuckDBPyConnection, run: str, edits: Sequence[_Edit]) -> None:
    """The conditions and doses that runs tell of what is edited hold for the edge that an edit makes."""
    own = [(edit.relation, edit.decision.document, edit.decision.edge, edit.edge) for edit in edits]
    rows = [row[:3] for row in own if row[2] != row[3]]
    connection.execute("CREATE OR REPLACE TEMP TABLE edited (relation TEXT, document TEXT, edge TEXT)")
    _insert(connection, "edited", rows)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE kept AS
        SELECT left(sha256(e.relation || c.condition), 16) AS own, e.relation AS edit, c.*
        FROM edited e JOIN relations r ON r.document = e.document AND r.edge = e.edge
        JOIN conditions c ON c.relation = r.relation
        WHERE NOT starts_with(c.run, '{REVIEW}')
        QUALIFY 1 = row_number() OVER (
            PARTITION BY e.relation, c.type, c."start", c."end" ORDER BY c.condition)
    """)  # noqa: S608 - a constant
    connection.execute(
        'INSERT INTO conditions SELECT own, document, ?, edit, type, "start", "end", text, alignment,'
        " polarity, confidence FROM kept",
        [run],
    )
    connection.execute(
        "INSERT INTO doses SELECT own, d.* EXCLUDE (condition) FROM kept JOIN doses d USING (condition)"
    )


def _put_mentions(
    connection: duckdb.DuckDBPyConnection, run: str, edits: Sequence[_Edit]
) -> dict[tuple[str, str], list[int]]:
    """The mentions of what edits name, as the other runs have them or as a reviewer marked them."""
    wanted = {(edit.decision.document, str(each["concept"])) for edit in edits for each in edit.arguments}
    marked: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for edit in edits:
        for each in edit.arguments:
            start, end = each.get("start"), each.get("end")
            if isinstance(start, int) and isinstance(end, int) and 0 <= start < end:
                marked.setdefault((edit.decision.document, str(each["concept"])), set()).add((start, end))
    documents = sorted({document for document, _ in wanted})
    texts = {str(document): str(text) for document, text in _select(
        connection, "SELECT document, text FROM documents WHERE document", documents)}  # fmt: skip
    rows: list[Row] = []
    places: dict[tuple[str, str], list[int]] = {}
    counts: dict[str, int] = dict.fromkeys(documents, 0)
    kinds: dict[tuple[str, str], str] = {}

    def add(document: str, concept: str, start: int, end: int, spans: object) -> None:
        position = counts[document]
        counts[document] += 1
        places.setdefault((document, concept), []).append(position)
        text = texts[document][start:end]
        kind = kinds[document, concept]
        rows.append((document, run, position, start, end, spans, text, kind, "exact", None, concept))

    met = _select(
        connection,
        'SELECT DISTINCT document, concept, "start", "end", spans, type FROM mentions WHERE document',
        documents,
        ' ORDER BY document, "start", "end", concept',
    )
    for document, concept, start, end, spans, kind in met:
        item = (str(document), str(concept))
        kinds.setdefault(item, str(kind))
        # Where a reviewer marked the mention that is meant, the others are not.
        if item in wanted and item not in marked:
            add(*item, int(str(start)), int(str(end)), spans)
    for item, found in sorted(marked.items()):
        kinds.setdefault(item, "Concept")
        for start, end in sorted(found):
            if end <= len(texts[item[0]]):
                add(*item, start, end, None)
    _insert(connection, "mentions", rows)
    return places


def _select(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[str], rest: str = ""
) -> list[tuple[object, ...]]:
    """Rows whose last named column is among values."""
    return connection.execute(f"{query} IN (SELECT unnest(?)){rest}", [list(values)]).fetchall()


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    """All rows in one statement: the columns as an Arrow table."""
    import pyarrow as pa

    held = list(rows)
    if not held:
        return
    names = [f"c{number}" for number in range(len(held[0]))]
    arrow = pa.table(dict(zip(names, map(list, zip(*held, strict=True)), strict=True)))
    connection.register("folded_rows", arrow)
    try:
        connection.execute(f"INSERT INTO {table} SELECT * FROM folded_rows")  # noqa: S608 - a constant
    finally:
        connection.unregister("folded_rows")


def _inside(evidence: Mapping[str, object], length: int) -> bool:
    start, end = evidence.get("start"), evidence.get("end")
    return isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= length
