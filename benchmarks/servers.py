"""What the http engine costs beside bare HTTP and the SDK of OpenAI -> docs/results/servers.md.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.servers                                       # everything
    python -m benchmarks.servers --only fast --requests 300 --repetitions 3
    python -m benchmarks.servers --only model --model-requests 8       # `apothecary models pull` comes first

All clients ask the same server in the same run. Each part keeps its results under runs/, and the page is
written when all are there.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import shlex
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from apothecary import __version__
from apothecary.engines.cores import free_cores
from apothecary.errors import EngineError
from apothecary.messages import Choices, Decoding, Message, Request
from benchmarks.fast_server import CODES
from benchmarks.pocket_figures import mapping, number
from benchmarks.pocket_page import table
from benchmarks.servers_clients import SLOTS, Client, Served, clients, serving

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "benchmark-servers"
TEMPLATE = Path(__file__).with_name("servers.template.md")
PAGE = ROOT / "docs" / "results" / "servers.md"
PARTS = ("fast", "stand_in", "model")
KINDS = ("code", "text")
AT_ONCE = {"fast": (1, 8, 32), "stand_in": (1, 8, 32), "model": (1, SLOTS)}
REPLY_TOKENS = 60
SEED = 13
ROUNDS = 5
Results = dict[str, object]

# Plain words, so that the tokens of a prompt can be told from their number.
WORDS = (
    *(
        "patients",
        "were",
        "given",
        "the",
        "drug",
        "for",
        "two",
        "weeks",
        "and",
        "blood",
        "pressure",
        "fell",
        "in",
    ),
    *(
        "most",
        "of",
        "them",
        "while",
        "three",
        "had",
        "a",
        "rash",
        "that",
        "went",
        "away",
        "after",
        "it",
        "was",
    ),
    *(
        "stopped",
        "no",
        "other",
        "effect",
        "on",
        "liver",
        "or",
        "kidney",
        "function",
        "seen",
        "with",
        "low",
        "dose",
    ),
)
PROMPT_WORDS = 255


def requests(kind: str, count: int, seed: int) -> list[Request]:
    """Questions of about 300 tokens: for one of five codes and its log-probability, or for 60 tokens."""
    rng = random.Random(seed)
    asked = []
    for _ in range(count):
        text = " ".join(rng.choices(WORDS, k=PROMPT_WORDS))
        if kind == "code":
            question = f"{text}.\n\nWhich of {', '.join(CODES)} fits? Answer with the code."
            asked.append(
                Request(
                    (Message("user", question),),
                    "benchmark.code",
                    constraint=Choices(CODES),
                    decoding=Decoding(max_new_tokens=8),
                    want_logprobs=True,
                )
            )
        else:
            question = f"{text}.\n\nRetell this report in many sentences, from its beginning to its end."
            decoding = Decoding(max_new_tokens=REPLY_TOKENS)
            asked.append(Request((Message("user", question),), "benchmark.text", decoding=decoding))
    return asked


def measure(which: str, arguments: argparse.Namespace) -> Results:
    """All clients on one server: both kinds of questions, some at once."""
    rows: list[Results] = []
    count = arguments.model_requests if which == "model" else arguments.requests
    try:
        with serving(which) as served:
            for kind in KINDS:
                asked = requests(kind, count, arguments.seed)
                for at_once in AT_ONCE[which]:
                    ways = clients(served.connection, at_once)
                    warm(which, ways, asked, at_once)
                    title = f"{which} {kind} x{at_once}"
                    measured = turns(title, ways, asked, served, arguments.repetitions)
                    rows += [{"kind": kind, "at_once": at_once, **row} for row in measured]
                    for way in ways:
                        way.close()
    except EngineError as error:
        print(error)
        return {"rows": [], "missing": str(error)}
    return {"rows": rows, "repetitions": arguments.repetitions}


def warm(which: str, ways: Sequence[Client], asked: Sequence[Request], at_once: int) -> None:
    """Ask before the clock runs: often enough that the engine's pace has risen from 8 to so many at once."""
    number_asked = 2 if which == "model" else 50 + at_once**2 // 2
    for way in ways:
        way.prepare([asked[place % len(asked)] for place in range(number_asked)])()


def turns(
    title: str, ways: Sequence[Client], asked: Sequence[Request], served: Served, rounds: int
) -> list[Results]:
    """Each client in turn; who begins changes from round to round."""
    found: dict[str, list[dict[str, float]]] = {way.name: [] for way in ways}
    for turn in range(rounds):
        first = turn % len(ways)
        for way in (*ways[first:], *ways[:first]):
            ask = way.prepare(asked)
            gc.collect()
            before = time.perf_counter(), time.process_time(), served.seconds()
            tokens = ask()
            after = time.perf_counter(), time.process_time(), served.seconds()
            clock, processor, server = (b - a for a, b in zip(before, after, strict=True))
            assert len(tokens) == len(asked)
            told = {"seconds": clock, "cpu": processor, "server": server, "tokens": sum(tokens)}
            found[way.name].append(told)
            print(f"{title}, {turn + 1}: {way.name} {len(asked) / clock:.1f}/s", flush=True)
    return [{"client": name, "requests": len(asked), "turns": measured} for name, measured in found.items()]


# The page.


def spread(values: Sequence[float], digits: int) -> str:
    """``median (least-most)``."""
    middle, *ends = (f"{v:,.{digits}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({' to '.join(ends)})"


def column(row: Mapping[str, object], key: str) -> list[float]:
    """One figure of each turn."""
    measured = row["turns"]
    assert isinstance(measured, list)
    return [number(mapping(turn)[key]) for turn in measured]


def part_table(part: object) -> str:
    """All clients of a part, each beside the raw one of the same turn."""
    found = mapping(part)
    if "missing" in found:
        return f"Not measured: {found['missing']}."
    head = [
        *("question", "at once", "client", "requests/s", "times raw", "ms more a request"),
        *("processor ms a request", "of the server"),
    ]
    rows: list[list[str]] = []
    floor: list[float] = []
    listed = found["rows"]
    assert isinstance(listed, list)
    for row in map(mapping, listed):
        seconds, count = column(row, "seconds"), number(row["requests"])
        is_floor = row["client"] == "raw"
        floor = seconds if is_floor else floor
        pairs = list(zip(seconds, floor, strict=True))
        rows.append(
            [
                *(str(row[key]) for key in ("kind", "at_once", "client")),
                spread(
                    [count / taken for taken in seconds], 0 if count > 20 * statistics.median(seconds) else 2
                ),
                "1" if is_floor else spread([mine / bare for mine, bare in pairs], 2),
                "" if is_floor else spread([1000 * (mine - bare) / count for mine, bare in pairs], 2),
                spread([1000 * taken / count for taken in column(row, "cpu")], 2),
                f"{1000 * statistics.median(column(row, 'server')) / count:.2f}",
            ]
        )
    return table(head, rows)


def bottleneck(part: object) -> str:
    """Whether the server, not the client, set the pace of the raw client with many requests at once."""
    listed = mapping(part)["rows"]
    assert isinstance(listed, list)
    rows = [row for row in map(mapping, listed) if row["client"] == "raw" and number(row["at_once"]) > 1]
    server, client = (
        statistics.median(1000 * t / number(row["requests"]) for row in rows for t in column(row, key))
        for key in ("server", "cpu")
    )
    verdict = "the server sets the pace and hides what clients cost" if server > client else "it keeps up"
    told = f"the server needs {server:.2f} ms of a core for a request, the raw client {client:.2f} ms"
    return f"With several raw requests at once {told}: {verdict}."


def written(part: object) -> str:
    """How long the replies of the model were, by kind; raw replies are not parsed and so not counted."""
    listed = mapping(part)["rows"]
    assert isinstance(listed, list)
    lengths: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for row in map(mapping, listed):
        if row["client"] != "raw":
            means = {f"{tokens / number(row['requests']):.1f}" for tokens in column(row, "tokens")}
            lengths[str(row["kind"])] |= means
    told = {kind: ", ".join(sorted(means)) or "not measured" for kind, means in lengths.items()}
    return "; ".join(f"{kind}: {means}" for kind, means in told.items())


def installed(package: str) -> str:
    """The version of a peer."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package}: not installed"


def write_page(results: Mapping[str, object]) -> Path:
    """Fill in the page."""
    keys = ("part", "command", "date", "load")
    about = [mapping(mapping(results["about"])[part]) for part in PARTS]
    text = TEMPLATE.read_text(encoding="utf-8").format(
        runs=table(
            ["part", "command", "date", "load of the machine before"],
            [[f"`{each[key]}`" if key == "command" else str(each[key]) for key in keys] for each in about],
        ),
        peers=", ".join(installed(package) for package in ("httpx2", "openai", "xllamacpp")),
        version=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cores=free_cores(),
        seed=SEED,
        rounds=ROUNDS,
        slots=SLOTS,
        reply=REPLY_TOKENS,
        tokens=written(results["model"]),
        **{part: part_table(results[part]) for part in PARTS},
        **{f"{part}_busy": bottleneck(results[part]) for part in ("fast", "stand_in")},
    )
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def main() -> None:
    """Measure the parts asked for, keep what was measured, write the page when nothing is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts")
    parser.add_argument("--requests", type=int, default=1000, help="of each turn, but for the model")
    parser.add_argument("--model-requests", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    kept = WORK / "results.json"
    known: Results = json.loads(kept.read_text()) if kept.is_file() else {}
    parts = arguments.only.split(",")
    assert {*parts} <= {*PARTS}, f"parts: {', '.join(PARTS)}"
    for part in parts:
        about = {
            "part": part,
            "command": shlex.join(["python", "-m", "benchmarks.servers", *sys.argv[1:]]),
            "date": date.today().isoformat(),
            "load": f"{os.getloadavg()[0]:.1f}",
        }
        known[part] = measure(part, arguments)
        known["about"] = {**mapping(known.get("about")), part: about}
        kept.write_text(json.dumps(known, indent=1))
    if set(PARTS) <= set(known):
        print(write_page(known))


if __name__ == "__main__":
    main()
