"""Part of the reliability campaign: extraction from a server that goes wrong, beside one that does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

from apothecary.engines.http import Patience
from apothecary.engines.pace import Retries
from apothecary.runs.folder import read_json
from benchmarks.reliability_cases import (
    QUICK,
    TABLES,
    Ended,
    Place,
    finished,
    free_port,
    leaks,
    ledger,
    lost,
    rows,
    serving,
    write_documents,
)
from tests.engines.stand_in import DIALECTS, FAULTS, REFUSE

__all__ = ["PASSING", "Bench", "Case", "Row", "Whole", "faulty", "measure_faults", "overloaded", "whole"]

PASSING = tuple(kind for kind in FAULTS if kind != "runaway")
"""A runaway reply is cut off by its bound on tokens: it is taken as it is."""
ATTEMPTS = Patience().attempts
RETRIES = Retries()
SOURCE = Path("documents.pubtator")
TYPED = {"EngineError", "AnswerError", "TruncatedReply"}


@dataclass(frozen=True)
class Bench:
    """Where the cases run, one after the other, and on what: the port is part of what a run is."""

    place: Place
    port: int
    documents: int

    @classmethod
    def at(cls, path: Path, documents: int, *, seed: int, extra: str = "") -> Bench:
        """A bench with invented abstracts."""
        write_documents(path / SOURCE, documents, seed=seed, extra=extra)
        return cls(Place(path, QUICK), free_port(), documents)


@dataclass(frozen=True)
class Whole:
    """A run without faults: its tables, the questions it asked, and the requests of the probing."""

    tables: Mapping[str, bytes]
    questions: int
    probes: int
    seconds: float
    digest: object


@dataclass(frozen=True)
class Case:
    """What goes wrong. `spared` requests at the beginning do not; None spares the probing."""

    dialect: str
    kinds: Sequence[str]
    rate: float
    seed: int
    spared: int | None = None

    def options(self, probes: int) -> list[str]:
        """For the server."""
        spared = probes if self.spared is None else self.spared
        asked = ["--faults", str(self.rate), "--seed", str(self.seed), "--kinds", ",".join(self.kinds)]
        return ["--dialect", self.dialect, *asked, "--faults-after", str(spared), "--hang", "0.5"]


@dataclass(frozen=True)
class Row:
    """What came of a case; `differences` from what should have come."""

    name: str
    requests: int
    questions: int
    faults: Mapping[str, int]
    seconds: float
    code: int
    differences: list[str] = field(default_factory=list)
    outcome: str = ""

    @property
    def ratio(self) -> float:
        """Requests for each question, those of the probing left out."""
        return self.requests / max(1, self.questions)


def whole(bench: Bench, dialect: str) -> Whole:
    """The run that others are compared with."""
    place = bench.place.emptied()
    with serving(bench.port, "--dialect", dialect) as server:
        ended = place.extract(server.engine, SOURCE)
        assert ended.code == 0, f"{dialect} without faults: {ended.err}"
        questions = int(ledger(place.run)["calls"])
        return Whole(tables(place), questions, server.requests - questions, ended.seconds, digest(place))


def tables(place: Place) -> dict[str, bytes]:
    """The tables of a run folder as they lie there."""
    return {name: path.read_bytes() for name in TABLES if (path := place.run / name).exists()}


def digest(place: Place) -> object:
    """What stands for the server and all that was found out about it."""
    return (read_json(place.run / "manifest.json") or {}).get("fingerprint")


# Faults that pass.


def faulty(bench: Bench, case: Case, without: Whole) -> Row:
    """A run over faults that pass: it should end as the one without."""
    place = bench.place.emptied()
    with serving(bench.port, *case.options(without.probes)) as server:
        ended = place.extract(server.engine, SOURCE)
        requests, faults = server.requests - without.probes, server.kinds
    found = told(bench, ended)
    if not found:
        calls = int(ledger(place.run)["calls"])
        found += [] if ended.code == 0 else [f"exit {ended.code}"]
        found += [
            f"{name} differs" for name, data in without.tables.items() if tables(place).get(name) != data
        ]
        found += (
            [] if calls == without.questions else [f"the ledger says {calls} of {without.questions} calls"]
        )
        found += bounded(requests, without.questions)
    name = (
        f"{case.dialect} {case.rate:g} seed {case.seed} {'+'.join(case.kinds) if len(case.kinds) < 3 else ''}"
    )
    return Row(name.strip(), requests, without.questions, faults, ended.seconds, ended.code, found)


def told(bench: Bench, ended: Ended) -> list[str]:
    """What no run may do, whatever goes wrong."""
    found = leaks(bench.place, ended)
    if ended.code not in (0, 1):
        return [*found, f"exit {ended.code}: {ended.err.strip()[-200:]}"]
    return found + [f"document {name} is lost" for name in lost(bench.place.run, bench.documents)]


def bounded(requests: int, questions: int) -> list[str]:
    """Requests beyond what the retries allow."""
    most = min(questions * ATTEMPTS, questions + RETRIES.spare + RETRIES.share * questions)
    return [] if requests <= most else [f"{requests} requests for {questions} questions"]


# Faults that do not pass, or not at once.


def overloaded(bench: Bench, case: Case, without: Whole) -> Row:
    """More faults than the budget of retries: typed failures, and the same command does the rest."""
    place = bench.place.emptied()
    with serving(bench.port, *case.options(without.probes)) as server:
        ended = place.extract(server.engine, SOURCE)
        requests, faults = server.requests - without.probes, server.kinds
    found = told(bench, ended) + bounded(requests, without.questions)
    problems = rows(place.run, "errors.jsonl")
    found += [] if problems and ended.code == 1 else [f"{len(problems)} problems and exit {ended.code}"]
    found += [f"a problem without type: {row}" for row in problems if row["kind"] not in TYPED]
    with serving(bench.port, "--dialect", case.dialect) as server:
        again = place.extract(server.engine, SOURCE)
    left = len({str(row["id"]) for row in rows(place.run, "errors.jsonl")})
    if again.code != 0:
        found.append(f"the same command again leaves {left} documents with problems (exit {again.code})")
    elif lines(tables(place)) != lines(without.tables):
        found.append("the same command again makes other predictions")
    seconds = ended.seconds + again.seconds
    name = f"{case.dialect} {case.rate:g} seed {case.seed}: {len(problems)} problems"
    return Row(name, requests, without.questions, faults, seconds, ended.code, found)


def lines(found: Mapping[str, bytes]) -> list[bytes]:
    """Predictions in an order of their own: what is done later stands at the end."""
    return sorted(found["predictions.jsonl"].splitlines())


def cut_off(bench: Bench, case: Case, without: Whole) -> Row:
    """Replies that never end: each costs a row, and what has no row is as it should be."""
    place = bench.place.emptied()
    with serving(bench.port, *case.options(without.probes)) as server:
        ended = place.extract(server.engine, SOURCE)
        requests, faults = server.requests - without.probes, server.kinds
    problems = rows(place.run, "errors.jsonl")
    touched = {str(row["id"]) for row in problems}
    found = told(bench, ended) + [f"a {row['kind']}" for row in problems if row["kind"] != "TruncatedReply"]
    known = set(without.tables["predictions.jsonl"].splitlines())
    if any(str(row["id"]) not in touched for row in others(place, known)):
        found.append("a prediction differs without a row that says why")
    with serving(bench.port, "--dialect", case.dialect) as server:
        place.extract(server.engine, SOURCE, "--fresh", "--no-cache")
    found += [] if tables(place) == without.tables else ["anew without cache: differs"]
    name = f"{case.dialect} {case.rate:g} seed {case.seed}: {len(touched)} documents"
    return Row(name, requests, without.questions, faults, ended.seconds, ended.code, found)


def others(place: Place, known: set[bytes]) -> list[dict[str, object]]:
    """Predictions that the run without faults does not have."""
    mine = (place.run / "predictions.jsonl").read_bytes().splitlines()
    return [
        row for row, line in zip(rows(place.run, "predictions.jsonl"), mine, strict=True) if line not in known
    ]


def probed(bench: Bench, case: Case, without: Whole) -> Row:
    """Faults from the first request on: what is found out about the server may be wrong."""
    place = bench.place.emptied()
    with serving(bench.port, *case.options(0)) as server:
        ended = place.extract(server.engine, SOURCE, "--json")
        requests, faults = server.requests, server.kinds
    found, outcome = leaks(place, ended), "did not begin"
    if ended.code != 2:
        same = digest(place) == without.digest
        outcome = "as without faults" if same else "another dialect found"
        if same and (ended.code != 0 or tables(place) != without.tables):
            found.append(f"exit {ended.code}, or the tables differ")
    elif len(ended.err.strip().splitlines()) != 1:
        found.append(ended.err.strip()[-200:])
    name = f"{case.dialect} {case.rate:g} seed {case.seed}: {outcome}"
    return Row(name, requests, without.questions, faults, ended.seconds, ended.code, found, outcome)


def refused(work: Path, seed: int) -> Row:
    """One document that the server refuses, with a message that quotes the prompt and the key."""
    title = "A title that is longer than what is shown of a reason, which is next to nothing."
    bench = Bench.at(work, 3, seed=seed, extra=f"\n3|t|{title}\n3|a|{REFUSE} Zzyzx stands here.\n")
    place = bench.place.emptied()
    with serving(bench.port) as server:
        ended = place.extract(server.engine, SOURCE)
        requests = server.requests
    found = leaks(place, ended) + [f"document {name} is lost" for name in lost(place.run, 4)]
    problems = rows(place.run, "errors.jsonl")
    if ended.code != 1 or [row["id"] for row in problems] != ["3"]:
        found.append(f"exit {ended.code}, problems of {[row['id'] for row in problems]}")
    name = str(problems[0]["message"]) if problems else "no message"
    return Row(name, requests, int(ledger(place.run)["calls"]), {}, ended.seconds, ended.code, found)


def gone(work: Path, seed: int) -> Row:
    """A server that dies in the middle of a run: one line, and the same command does the rest."""
    bench = Bench.at(work, 80, seed=seed)
    without = whole(bench, "vllm")
    place = bench.place.emptied()
    with serving(bench.port, "--delay", "0.02") as server:
        process = place.start(server.engine, SOURCE, "--json")
        deadline = time.monotonic() + 60
        while finished(place.run) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        requests = server.requests - without.probes
        server.process.kill()
        out, err = process.communicate(timeout=60)
    found = leaks(place, Ended(process.returncode, out, err, 0.0))
    if process.returncode != 2 or "the same command goes on" not in err or err.count("\n") != 1:
        found.append(f"exit {process.returncode}: {err.strip()[-200:]}")
    with serving(bench.port) as server:
        again = place.extract(server.engine, SOURCE)
    found += (
        [] if again.code == 0 and tables(place) == without.tables else [f"then exit {again.code}, or differs"]
    )
    return Row(err.strip(), requests, without.questions, {}, again.seconds, process.returncode, found)


# The campaign.


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    documents: int = 8
    seeds: int = 3
    rates: tuple[float, ...] = (0.05, 0.2, 0.4)
    dialects: tuple[str, ...] = tuple(DIALECTS)
    first_seed: int = 1


def measure_faults(work: Path, sizes: Sizes) -> dict[str, object]:
    """All kinds together, each alone, and those that do not pass."""
    bench = Bench.at(work / "faults", sizes.documents, seed=sizes.first_seed)
    large = Bench.at(work / "overload", 8 * sizes.documents, seed=sizes.first_seed)
    wholes = {dialect: whole(bench, dialect) for dialect in sizes.dialects}
    seeds, times = count(sizes.first_seed), range(sizes.seeds)
    few = (sizes.dialects[0], sizes.dialects[-1])
    quick = tuple(kind for kind in PASSING if kind not in ("hang", "drip"))
    together = [Case(d, PASSING, r, next(seeds)) for d in sizes.dialects for r in sizes.rates for _ in times]
    alone = [Case(d, (kind,), 0.4, next(seeds)) for kind in PASSING for d in few for _ in times]
    runaway = [Case(d, ("runaway",), 0.3, next(seeds)) for d in few for _ in times]
    early = [Case(d, PASSING, 0.2, next(seeds), spared=0) for d in sizes.dialects for _ in times]
    beyond = [Case("vllm", quick, 0.75, next(seeds)) for _ in times]
    much = whole(large, "vllm")
    return {
        "documents": sizes.documents,
        "dialects": len(sizes.dialects),
        "rates": sizes.rates,
        "together": summed("together", (faulty(bench, case, wholes[case.dialect]) for case in together)),
        "alone": summed("alone", (faulty(bench, case, wholes[case.dialect]) for case in alone)),
        "runaway": summed("runaway", (cut_off(bench, case, wholes[case.dialect]) for case in runaway)),
        "early": summed("early", (probed(bench, case, wholes[case.dialect]) for case in early)),
        "overload": summed("overload", (overloaded(large, case, much) for case in beyond)),
        "refused": summed("refused", [refused(work / "refused", sizes.first_seed)]),
        "gone": summed("gone", [gone(work / "gone", sizes.first_seed)]),
    }


def summed(part: str, found: Iterable[Row]) -> dict[str, object]:
    """The figures of a part; each case is told as it ends."""
    cases: list[Row] = []
    for row in found:
        cases.append(row)
        what = "; ".join(row.differences) or "as it should be"
        print(f"{part}: {row.name}: {row.requests} requests, {row.seconds:.1f} s: {what}", flush=True)
    return {
        "cases": len(cases),
        "requests": sum(row.requests for row in cases),
        "questions": sum(row.questions for row in cases),
        "faults": dict(sum((Counter(row.faults) for row in cases), Counter())),
        "most_ratio": max(row.ratio for row in cases),
        "most_seconds": max(row.seconds for row in cases),
        "codes": dict(Counter(str(row.code) for row in cases)),
        "outcomes": dict(Counter(row.outcome for row in cases)),
        "different": sum(bool(row.differences) for row in cases),
        "rows": [asdict(row) for row in cases],
    }
