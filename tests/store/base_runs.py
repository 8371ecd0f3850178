"""Run folders as tests write them, and what a base holds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from apothecary.store.opening import opened

Record = dict[str, object]
Row = tuple[object, ...]
TABLES = (
    *("sources", "runs", "documents", "extractions", "mentions", "concepts", "concept_names", "relations"),
    *("arguments", "evidence", "conditions", "doses", "edges", "edge_arguments", "decisions", "named"),
    *("unlinked", "links"),
)


def run_folder(
    path: Path,
    records: Sequence[Mapping[str, object]],
    *,
    task: str = "relations",
    engine: str = "pocket",
    started: str = "2026-01-01T00:00:00+00:00",
    status: str = "complete",
) -> Path:
    """A run folder with these records; a later call on the same path is the same run with others."""
    path.mkdir(parents=True, exist_ok=True)
    identity = {"task": task, "version": "0", "settings": {}, "engines": {f"{task}.step": {"name": engine}}}
    fingerprint = hashlib.sha256(f"{path.name} {task} {engine}".encode()).hexdigest()
    manifest = {"task": task, "identity": identity, "fingerprint": fingerprint, "status": status}
    (path / "manifest.json").write_text(json.dumps(manifest | {"started": started, "finished": started}))
    (path / "predictions.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def stating(
    identity: str,
    *drugs: str,
    type: str = "POS",
    role: str = "drug",
    ids: Mapping[str, str] | None = None,
    negated: bool = False,
    confidence: float | None = None,
    text: str = "",
    attributes: Mapping[str, str] | None = None,
) -> Record:
    """A document that names these drugs, and one relation of all of them; `ids` by name."""
    text = text or f"{' and '.join(drugs)} were given."
    ids = ids or {}
    relation: Record = {
        "id": "r1",
        "type": type,
        "arguments": [{"role": role, "concept": f"c{place}"} for place in range(len(drugs))],
        "evidence": [{"start": 0, "end": len(text), "quote": text}],
    }
    if negated:
        relation["status"] = {"polarity": "negated", "setting": "human"}
    if confidence is not None:
        relation["confidence"] = confidence
    return {
        "id": identity,
        "text": text,
        "mentions": [
            {"start": text.index(name), "end": text.index(name) + len(name), "type": "Drug"} for name in drugs
        ],
        "concepts": [
            {"id": f"c{place}", "type": "Drug", "mentions": [place], "names": [name]}
            | ({"ids": [ids[name]]} if name in ids else {})
            for place, name in enumerate(drugs)
        ],
        "relations": [relation],
        "attributes": dict(attributes or {}),
    }


def contents(store: Path) -> dict[str, list[Row]]:
    """Every row of a base but for when and from where its runs were taken in."""
    found: dict[str, list[Row]] = {}
    with opened(store) as connection:
        for table in TABLES:
            columns = "* EXCLUDE (added, path, digest)" if table == "runs" else "*"
            rows = connection.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608
            found[table] = sorted(rows, key=repr)
    return found


def rows_of(store: Path, query: str) -> list[Row]:
    """The rows of a query, in its order."""
    with opened(store) as connection:
        return connection.execute(query).fetchall()


def believed(store: Path) -> dict[str, Row]:
    """By type of edge: documents for and against, contradicted, belief."""
    query = "SELECT type, documents, against, contradicted, belief FROM edges ORDER BY type"
    return {str(row[0]): row[1:] for row in rows_of(store, query)}
