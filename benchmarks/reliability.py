"""Faults, kills and odd conditions -> docs/results/reliability.md.

    python -m benchmarks.reliability                     # all parts
    python -m benchmarks.reliability --only kills --kills 20 --seed 7

Needs no network and no model: a stand-in answers. Some odd conditions need leave to mount (root); they are
told as skipped without it. Ends with 1 when something was not as it should be.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from apothecary import __version__
from apothecary.engines.cores import free_cores
from benchmarks.reliability_cases import ROOT
from benchmarks.reliability_faults import Sizes as FaultSizes
from benchmarks.reliability_faults import measure_faults
from benchmarks.reliability_kills import Sizes as KillSizes
from benchmarks.reliability_kills import measure_kills
from benchmarks.reliability_odd import measure_odd
from benchmarks.reliability_page import differences, write_page
from tests.engines.stand_in import DIALECTS

__all__ = ["main"]

WORK = ROOT / "runs" / "benchmark-reliability"
PARTS = ("faults", "kills", "odd")


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="of the first case; the others count on from it")
    parser.add_argument("--documents", type=int, default=8, help="documents of a case of faults")
    parser.add_argument("--seeds", type=int, default=4, help="cases of each dialect, rate and kind of fault")
    parser.add_argument("--rates", default="0.05,0.2,0.4", help="shares of requests that go wrong")
    parser.add_argument("--dialects", default=",".join(DIALECTS))
    parser.add_argument("--kills", type=int, default=120, help="runs that are stopped")
    parser.add_argument("--stops", type=int, default=4, help="stops of a run, at most")
    parser.add_argument("--kill-documents", type=int, default=150, help="documents of a run that is stopped")
    parser.add_argument("--odd-documents", type=int, default=20)
    parser.add_argument("--work", type=Path, default=WORK)
    return parser.parse_args()


def main() -> int:
    """Measure the parts asked for, keep their results, and write the page when there are all."""
    arguments = parse()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    rates = tuple(float(rate) for rate in arguments.rates.split(","))
    dialects = tuple(arguments.dialects.split(","))
    faults = FaultSizes(arguments.documents, arguments.seeds, rates, dialects, arguments.seed)
    kills = KillSizes(arguments.kills, arguments.kill_documents, arguments.stops, arguments.seed)
    measures: dict[str, Callable[[], object]] = {
        "faults": lambda: measure_faults(work, faults),
        "kills": lambda: measure_kills(work, kills),
        "odd": lambda: measure_odd(work, documents=arguments.odd_documents, seed=arguments.seed),
    }
    results = work / "results.json"
    known = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    for part in arguments.only or PARTS:
        known[part] = {"found": measures[part](), "about": about(arguments.seed)}
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
    if set(PARTS) <= set(known):
        print(write_page(known))
    wrong = differences(known)
    print(f"{len(wrong)} cases were not as they should be", *wrong, sep="\n")
    return 1 if wrong else 0


def about(seed: int) -> dict[str, str]:
    """Where the figures of a part come from."""
    return {
        "command": " ".join(["python -m benchmarks.reliability", *sys.argv[1:]]),
        "version": __version__,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {free_cores()} cores",
        "seed": str(seed),
    }


if __name__ == "__main__":
    sys.exit(main())
