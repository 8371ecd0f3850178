"""The knowledge base from Python: build it, ask it, export it, list its interactions, take reviews in.

    from apothecary import knowledge
    knowledge.build(["runs/mine"], "kb.duckdb")
    knowledge.query("kb.duckdb", knowledge.Question(drugs=("metformin",)))

Needs the extra ``store``. What the pages do is `review.serving.review`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from apothecary.store import export as exporting
from apothecary.store import interactions as interacting
from apothecary.store import label_studio_import
from apothecary.store.build import BuildOptions, Built, OnProgress
from apothecary.store.build import build as build_base
from apothecary.store.edge_rows import Chosen
from apothecary.store.export import Exported, Form
from apothecary.store.interactions import Kind, Tabled
from apothecary.store.label_studio_import import Reviewed
from apothecary.store.opening import opened
from apothecary.store.query import Found, Question, ask
from apothecary.store.query_sql import Rows
from apothecary.store.query_sql import select as select_rows

__all__ = [
    "BuildOptions",
    "Chosen",
    "Question",
    "build",
    "export",
    "import_reviewed",
    "interactions",
    "query",
    "select",
]

Runs = str | Path | Sequence[str | Path]


def build(
    runs: Runs,
    store: str | Path,
    options: BuildOptions | None = None,
    on_progress: OnProgress = lambda name, done, total: None,
) -> Built:
    """Bring a base to what runs say now; without runs fold in decisions alone. Raises ApothecaryError."""
    given = [runs] if isinstance(runs, str | Path) else runs
    return build_base([Path(run) for run in given], Path(store), options, on_progress)


def query(store: str | Path, question: Question, *, evidence: int = 5) -> Found:
    """The edges that answer a question, with `evidence` statements each at most. Raises ApothecaryError."""
    with opened(Path(store)) as connection:
        return ask(connection, question, evidence=evidence)


def select(store: str | Path, sql: str, *, limit: int = 1000) -> Rows:
    """The rows of one SELECT, which can read the base and nothing else. Raises ApothecaryError."""
    return select_rows(Path(store), sql, limit=limit)


def export(store: str | Path, out: str | Path, form: Form, chosen: Chosen | None = None) -> Exported:
    """Write a base, or what is chosen of it, in a format of the field. Raises ApothecaryError."""
    return exporting.export(Path(store), Path(out), form, chosen)


def interactions(
    store: str | Path,
    out: str | Path,
    *,
    min_belief: float = 0.5,
    kind: Kind = "harmful",
    severity: Mapping[str, str] | None = None,
) -> Tabled:
    """Write the pairs of drugs that `recommend` reads as interactions. Raises ApothecaryError."""
    return interacting.interactions(
        Path(store), Path(out), min_belief=min_belief, kind=kind, severity=severity or {}
    )


def import_reviewed(store: str | Path, file: str | Path, *, reviewer: str = "") -> Reviewed:
    """Take reviewed Label Studio tasks into the log beside a base. Raises ApothecaryError."""
    return label_studio_import.import_reviewed(Path(store), Path(file), reviewer=reviewer)
