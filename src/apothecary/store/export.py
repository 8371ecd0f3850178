"""A knowledge base in the formats of the field: all or nothing, a batch in memory.

| form | what is written | what of the base |
|---|---|---|
| `bioc-xml`, `bioc-json`, `pubtator`, `records` | a file | documents (`export_documents`) |
| `label-studio` | tasks, and their configuration beside | documents, to review (`label_studio`) |
| `jsonl` | a file | edges (`export_tables`) |
| `csv` | a folder: edges, arguments, statements | edges |
| `kgx` | a folder: nodes and edges | edges as a graph (`export_kgx`) |
| `rdf` | a file, Turtle | edges (`export_rdf`) |

A document that a format cannot hold is left out and told; what else a format loses is counted by field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from apothecary.documents import Document
from apothecary.errors import FormatError, UsageError
from apothecary.formats.lines import printable
from apothecary.formats.outputs import lost, write_documents
from apothecary.store.edge_rows import Chosen, edges, rows
from apothecary.store.export_documents import documents
from apothecary.store.export_kgx import write_kgx
from apothecary.store.export_rdf import write_rdf
from apothecary.store.export_tables import write_csv, write_jsonl
from apothecary.store.label_studio import write_tasks
from apothecary.store.opening import opened, store_path
from apothecary.store.writing_whole import whole_files

if TYPE_CHECKING:
    import duckdb

__all__ = ["FORMS", "Exported", "Form", "export"]

Form = Literal["bioc-xml", "bioc-json", "pubtator", "records", "label-studio", "jsonl", "csv", "kgx", "rdf"]
FORMS: tuple[Form, ...] = get_args(Form)
_ENDINGS: Mapping[Form, str] = {
    "bioc-xml": ".xml",
    "bioc-json": ".json",
    "pubtator": ".pubtator",
    "records": ".jsonl",
}
_FOLDERS = frozenset({"csv", "kgx"})
MOST_PROBLEMS = 20
_CONCEPTS = """
    SELECT c.concept, c.kind, c.name, list(DISTINCT n.name ORDER BY n.name) FILTER (n.name <> c.name)
    FROM concepts c LEFT JOIN concept_names n USING (concept)
    WHERE c.concept IN (
        SELECT a.concept FROM edge_arguments a JOIN edges e USING (edge)
        WHERE e.documents > 0 AND e.belief >= ? AND (NOT ? OR e.accepted > 0)
    )
    GROUP BY c.concept, c.kind, c.name ORDER BY c.concept
"""


@dataclass(frozen=True)
class Exported:
    """What was written, what of it a format lost (by field, in how many documents), and what was left out."""

    form: Form
    path: Path
    counts: Mapping[str, int]
    lost: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    left_out: int = 0


def export(store: Path, out: Path, form: Form, chosen: Chosen | None = None) -> Exported:
    """Write the base, or what is chosen of it, to `out`: a folder for csv and kgx, else a file.

    Files that stand there are replaced when the new ones are whole. Raises UsageError for a form or a place
    that cannot be, and as `opened`.
    """
    if form not in FORMS:
        raise UsageError(f"unknown form '{form}'", where="--form", hint=f"use {', '.join(FORMS)}")
    chosen = chosen or Chosen()
    if out.resolve() == store_path(store).resolve():
        raise UsageError("is the knowledge base itself", where=printable(out), hint="choose another file")
    if form in _FOLDERS and out.exists() and not out.is_dir():
        raise UsageError(f"{form} is written to a folder", where=printable(out), hint="choose another name")
    source = f"kb {store_path(store).stem}"
    with (
        opened(store) as connection,
        whole_files(out if form in _FOLDERS else out.parent) as folder,
    ):
        path = folder / out.name
        if form in _ENDINGS:
            return _documents(connection, path, out, form, chosen)
        if form == "label-studio":
            found = documents(connection, chosen, negated=False)
            return Exported(form, out, write_tasks(found, path, source))
        chosen_edges = edges(connection, chosen)
        if form == "jsonl":
            return Exported(form, out, write_jsonl(chosen_edges, path))
        if form == "csv":
            return Exported(form, out, write_csv(chosen_edges, folder))
        concepts = _concepts(connection, chosen)
        if form == "kgx":
            return Exported(form, out, write_kgx(concepts, chosen_edges, folder, source))
        return Exported(form, out, write_rdf(concepts, chosen_edges, path))


def _documents(
    connection: duckdb.DuckDBPyConnection, path: Path, out: Path, form: Form, chosen: Chosen
) -> Exported:
    # The writers go by the ending; the user's may be another.
    named = path.with_name(f"written{_ENDINGS[form]}")
    counts: Counter[str] = Counter(documents=0, mentions=0, relations=0)
    losses: Counter[str] = Counter()
    problems: list[str] = []
    left_out = 0

    def holdable() -> Iterator[Document]:
        nonlocal left_out
        for document in documents(connection, chosen, negated=form == "records"):
            try:
                losses.update(lost(document, named))
            except FormatError as error:
                left_out += 1
                if len(problems) < MOST_PROBLEMS:
                    problems.append(str(error))
                continue
            counts.update(documents=1, mentions=len(document.mentions), relations=len(document.relations))
            yield document

    write_documents(holdable(), named)
    named.replace(path)
    return Exported(form, out, counts, losses, tuple(problems), left_out)


def _concepts(
    connection: duckdb.DuckDBPyConnection, chosen: Chosen
) -> Iterator[tuple[str, str, str, list[str]]]:
    for some in rows(connection, _CONCEPTS, [chosen.min_belief, chosen.accepted_only]):
        for concept, kind, name, others in some:
            yield concept, kind, name, others or []
