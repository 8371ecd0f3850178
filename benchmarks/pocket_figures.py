"""What the parts of the pocket benchmark share: figures with intervals, and reading of records."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from apothecary import __version__
from apothecary.documents import Document
from apothecary.engines.cores import free_cores
from apothecary.metrics.bootstrap import bootstrap
from apothecary.metrics.counts import Counts

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("APOTHECARY_DATA", ROOT.parent / "shared" / "data"))
SEED = 13

Record = Mapping[str, object]
Results = dict[str, object]


def figures(counts: Sequence[Counts]) -> object:
    """Precision, recall and F1 with an interval over documents."""

    def f1(units: Sequence[Counts]) -> float:
        return sum(units, Counts()).f1

    interval = bootstrap(counts, f1, seed=SEED)
    total = sum(counts, Counts())
    return {
        "precision": total.precision,
        "recall": total.recall,
        "f1": {"value": total.f1, "low": interval.low, "high": interval.high},
    }


def gold_pairs(document: Document) -> set[tuple[str, ...]]:
    """The annotated relations of a document, by the ids of their concepts."""
    return {tuple(a.concept for a in relation.arguments) for relation in document.relations}


def rows_of(record: Record | None, key: str) -> list[dict[str, object]]:
    """The list of objects under a key; none where nothing was predicted."""
    found = (record or {}).get(key, [])
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def mapping(value: object) -> dict[str, object]:
    """An object of a record."""
    return dict(value) if isinstance(value, dict) else {}


def number(value: object) -> float:
    """A number of a record."""
    return float(str(value))


def about(module: str) -> dict[str, str]:
    """Where the figures of a part come from, measured by that module now."""
    return {
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "version": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {free_cores()} cores",
        "seed": str(SEED),
    }
