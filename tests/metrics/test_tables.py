"""Micro and per-type tables."""

from __future__ import annotations

import json

from apothecary.metrics.counts import Counts
from apothecary.metrics.tables import micro_and_types


def test_micro_sums_types_and_documents() -> None:
    rows = [{"a": Counts(tp=1), "b": Counts(fp=1)}, {"a": Counts(fn=1)}]
    table = json.loads(json.dumps(micro_and_types({"strict": rows}, resamples=10, seed=0)))["strict"]
    assert [table["micro"][key] for key in ("tp", "fp", "fn", "f1")] == [1, 1, 1, 0.5]
    assert table["micro"]["interval"]["f1"]["value"] == 0.5
    assert set(table["by_type"]["a"]) == {"tp", "fp", "fn", "precision", "recall", "f1"}


def test_no_documents_give_an_empty_table() -> None:
    table = micro_and_types({"strict": []}, resamples=10, seed=0)["strict"]
    assert table["by_type"] == {}
