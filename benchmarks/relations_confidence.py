"""Part of the relations benchmark: what the confidence of the pocket models is worth on CDR."""

from __future__ import annotations

import json

from apothecary.metrics.selective import Bin, RiskPoint
from apothecary.runs.plots import reliability_plot, risk_coverage_plot
from apothecary.tasks.relations.confidence import confidence_report
from apothecary.tasks.relations.fit import fit
from benchmarks.pocket_figures import Record, Results, mapping, number
from benchmarks.pocket_page import table
from benchmarks.readers import rows_of
from benchmarks.relations_parts import WORK, corpora, pairs_of, predictions, run

__all__ = ["confidence_table", "measure_confidence", "plots"]

RISK = 0.2


def measure_confidence() -> Results:
    """Calibration, risk and coverage, cross-fitted: each half of the documents by a fit on the other.

    Once without and once with a band of abstention, which is asked to leave a fifth wrong at most.
    """
    documents = corpora()[0].documents
    halves = (documents[::2], documents[1::2])
    WORK.mkdir(parents=True, exist_ok=True)
    even = WORK / "even.json"
    even.write_text("{}")
    gold: dict[str, object] = {"oracle_mentions": True}
    plain = predictions(run("confidence-even", documents, "pocket", {**gold, "thresholds": str(even)}))
    found: Results = {
        "documents": len(documents),
        "risk": RISK,
        "plain odds": mapping(confidence_report(pairs_of(documents, plain))["all"]),
    }
    for name, risk in (("calibrated", None), ("calibrated, with abstention", RISK)):
        records: dict[str, Record] = {}
        for number_, (mine, other) in enumerate((halves, halves[::-1])):
            path = WORK / f"confidence-{number_}.json"
            path.write_text(json.dumps(fit(pairs_of(other, plain), risk)))
            summary = run(f"confidence-{number_}", mine, "pocket", {**gold, "thresholds": str(path)})
            records |= predictions(summary)
        unsure = sum(number(record["unsure"]) for record in records.values())
        report = mapping(confidence_report(pairs_of(documents, records))["all"])
        found[name] = {**report, "unsure": unsure}
    return found


def confidence_table(found: Record) -> str:
    """A row for each way of reading the odds."""
    rows = []
    for name, row in found.items():
        if name in ("documents", "risk"):
            continue
        row = mapping(row)
        curve = rows_of(row["curve"])
        wrong = number(curve[-1]["risk"]) if curve else None
        rows.append(
            [
                name,
                str(row["candidates"]),
                f"{number(row['ece']):.4f}",
                f"{number(row['brier']):.4f}",
                str(row["asserted"]),
                "-" if wrong is None else f"{100 * wrong:.1f}",
                "-" if row["aurc"] is None else f"{number(row['aurc']):.3f}",
                str(int(number(row.get("unsure", 0)))),
            ]
        )
    heads = [
        "odds read as",
        "pairs asked about",
        "calibration error",
        "Brier",
        "asserted",
        "of these wrong, %",
    ]
    return table([*heads, "area under risk and coverage", "left undecided"], rows)


def plots(found: Record) -> dict[str, str]:
    """The two plots as SVG by the names of their files."""
    row = mapping(found["calibrated"])
    bins = [Bin(**each) for each in rows_of(row["bins"])]  # type: ignore[arg-type]
    curve = [RiskPoint(**each) for each in rows_of(row["curve"])]  # type: ignore[arg-type]
    return {"reliability.svg": reliability_plot(bins), "risk-coverage.svg": risk_coverage_plot(curve)}
