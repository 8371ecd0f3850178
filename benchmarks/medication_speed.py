"""How many visits a second `apothecary recommend` does, from the file to lists with reasons.

    python -m benchmarks.medication_speed            # -> docs/results/medication-speed.md, about five minutes

The network is trained on some invented visits, and recommends for others, by the commands of the command
line, each in a process of its own. Nothing else should run on the machine meanwhile: the page tells the load.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.medication_scale import CODES, DRUGS, measure_scale
from benchmarks.pocket_figures import ROOT, SEED, about, mapping, number

TEMPLATE = Path(__file__).with_suffix(".template.md")
PAGE = ROOT / "docs" / "results" / "medication-speed.md"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", type=int, default=5_000, help="visits to learn from")
    parser.add_argument("--visits", type=int, default=100_000, help="visits to recommend for")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "benchmark-medication-speed")
    given = parser.parse_args()
    figures = measure_scale(given.work, given.learn, new=given.visits)
    rows = []
    for name, each in figures.items():
        row = mapping(each)
        if row:
            count = given.visits if name.startswith("recommend") else given.learn
            seconds, processor = number(row["seconds"]), number(row["processor_seconds"])
            rows.append(
                f"| {name} | {count:,} | {seconds:,.0f} | {processor:,.0f} | {count / seconds:,.0f}"
                f" | {number(row['peak_megabytes']):,.0f} |"
            )
    text = TEMPLATE.read_text(encoding="utf-8").format(
        about=about("benchmarks.medication_speed"),
        seed=SEED,
        load=f"{os.getloadavg()[0]:.1f}",
        codes=CODES,
        drugs=DRUGS,
        rows="\n".join(rows),
    )
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
