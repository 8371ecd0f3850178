"""The relations task on development parts -> docs/results/relations.md and relations-cost.md.

    python -m benchmarks.relations                                    # everything: two hours on two cores
    python -m benchmarks.relations --only tables,ablations            # floors and pocket models: minutes

No test part is read; held-out ids are dropped. Each part keeps its figures under runs/; a page is written
when all of its parts are there. Replies of the language model stay in the reply cache: a second call is
quick, except for the runs whose time is told.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from benchmarks.pocket_figures import Results, about, mapping
from benchmarks.relations_confidence import measure_confidence
from benchmarks.relations_cost import measure_cost
from benchmarks.relations_cost_page import write_cost_page
from benchmarks.relations_embedded import measure_embedded, ship
from benchmarks.relations_page import write_page
from benchmarks.relations_parts import WORK
from benchmarks.relations_tables import (
    measure_ablations,
    measure_language,
    measure_language_ablations,
    measure_tables,
)

PARTS = ("tables", "ablations", "confidence", "language", "language_ablations", "embedded")


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join((*PARTS, "cost")), help="parts, separated by commas")
    parser.add_argument("--language-model", default="llamacpp:smollm2-135m-instruct")
    parser.add_argument("--documents", type=int, default=40, help="of CDR for the language model")
    parser.add_argument("--fit-documents", type=int, default=40, help="of CDR's training part")
    parser.add_argument("--sample", type=int, default=15, help="of each corpus for the language model")
    parser.add_argument("--cost-documents", type=int, default=500, help="for the script that knows the gold")
    parser.add_argument("--ship", action="store_true", help="put the fitted thresholds into the package")
    return parser.parse_args()


def main() -> None:
    """Measure the parts asked for, keep their figures, and write the page when there are all."""
    given = parse()
    WORK.mkdir(parents=True, exist_ok=True)
    results = WORK / "results.json"
    known: Results = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    model, sample = given.language_model, given.sample
    measures: dict[str, Callable[[], Results]] = {
        "tables": measure_tables,
        "ablations": measure_ablations,
        "confidence": measure_confidence,
        "cost": lambda: measure_cost(given.cost_documents, model, sample),
        "language": lambda: measure_language(model, sample),
        "language_ablations": lambda: measure_language_ablations(model, 2 * sample),
        "embedded": lambda: measure_embedded(model, given.documents, given.fit_documents),
    }
    for part in given.only.split(","):
        known[part] = {"found": measures[part](), "about": about("benchmarks.relations")}
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
    if "cost" in known:
        print(write_cost_page(mapping(known["cost"])))
    if set(PARTS) <= known.keys():
        print(write_page({part: known[part] for part in PARTS}))
    if given.ship:
        ship(mapping(mapping(known["embedded"])["found"]))


if __name__ == "__main__":
    main()
