"""Fuzzing of every reader of files and every parser of replies -> docs/results/fuzzing.md.

    python benchmarks/fuzzing.py --seconds 60
    python benchmarks/fuzzing.py --seconds 600 --target pubtator --target "JSON answer"

Coverage guides the search where atheris is installed (pip install atheris), in an environment that has this
package; without it, valid files are damaged at random. Each target runs in a process of its own with a limit
on its memory, and each input has a limit on its time, so that a bomb or a hang is a finding. What was found
interesting stays in runs/benchmark-fuzzing/corpus and is where the next call begins; inputs that failed are
in runs/benchmark-fuzzing/failures. The page is written from the results of this and earlier calls.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import platform
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tests.hostile.targets import Target

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
FOLDER = ROOT / "runs" / "benchmark-fuzzing"
TEMPLATE = Path(__file__).with_name("fuzzing.template.md")
PAGE = ROOT / "docs" / "results" / "fuzzing.md"
LARGEST_INPUT = 16_384
LONGEST_WORD = 32
"""Bytes of a token that is offered to the search as a word."""
RESTARTS = 5
"""How often a target is started again after its process died; then it is given up."""
BACKSTOP = 6
"""Times the limit of an input: what does not end by then hangs where no signal is heard."""
HEADINGS = (
    *("target", "executions", "seconds", "edges with the seeds", "edges at the end", "inputs kept"),
    "failures",
)
_COVERED = re.compile(r"\bcov: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)|^#(\d+)\s", re.MULTILINE)
_TOOK = re.compile(r"^Done \d+ runs in (\d+) second", re.MULTILINE)
_KEPT = re.compile(r"^#\d+\s+(?:NEW|REDUCE) ", re.MULTILINE)


class Hang(BaseException):
    """An input took longer than its limit. No Exception, so that nothing on the way swallows it."""


@dataclass
class Result:
    """What one target did, in `seconds` of search.

    Coverage counts edges of this package's own code: with the inputs it began from, and at the end.
    """

    target: str
    method: str
    executions: int = 0
    seconds: float = 0.0
    coverage_before: int = 0
    coverage: int = 0
    kept: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)


# In the process of a target.


class Watch:
    """Runs one input after the other and writes what fails, each kind of failure once."""

    def __init__(self, name: str, target: Target, limit_seconds: float) -> None:
        self.count = 0
        self._target, self._limit = target, limit_seconds
        self._folder = FOLDER / "failures" / file_name(name)
        self._seen: set[tuple[str, str]] = set()
        signal.signal(signal.SIGVTALRM, hang)

    def one(self, data: bytes) -> None:
        """Run an input, with a limit on its time on the processor."""
        self.count += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, self._limit)
        try:
            self._target.run(data)
        except (Exception, Hang) as error:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._keep(data, error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _keep(self, data: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/apothecary/" in frame.filename] or frames
        name = own[-1].filename.rpartition("/apothecary/")[2]
        # Where a hang was interrupted is chance: the function has to do.
        place = f"{name}:{own[-1].name if isinstance(error, Hang) else own[-1].lineno}"
        key = (type(error).__name__, place)
        if key in self._seen:
            return
        self._seen.add(key)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(data).hexdigest()[:16]
        file.write_bytes(data)
        row = {"kind": key[0], "place": place, "input": str(file.relative_to(FOLDER))}
        with (self._folder / "failures.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")


def hang(number: int, frame: object) -> NoReturn:
    """What the clock calls."""
    raise Hang


def fuzz(name: str, options: argparse.Namespace) -> None:
    """Fuzz one target in this process for some seconds."""
    limit = options.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    guided = importlib.util.find_spec("atheris") is not None
    with tempfile.TemporaryDirectory() as folder:
        if guided:
            atheris = importlib.import_module("atheris")
            with atheris.instrument_imports(include=["apothecary"]):
                target = importlib.import_module("tests.hostile.targets").targets(Path(folder))[name]
            watch = Watch(name, target, options.input_seconds)
            corpus = corpus_of(name, target)
            backstop = round(BACKSTOP * options.input_seconds) + 1
            flags = [
                f"-max_total_time={options.seconds}",
                f"-max_len={LARGEST_INPUT}",
                f"-timeout={backstop}",
            ]
            flags += ["-rss_limit_mb=0", "-print_final_stats=1", f"-seed={options.seed}"]
            flags += [f"-dict={dictionary()}", f"-artifact_prefix={FOLDER}/failures/"]
            atheris.Setup([sys.argv[0], *flags, str(corpus)], watch.one)
            atheris.Fuzz()
        else:
            target = importlib.import_module("tests.hostile.targets").targets(Path(folder))[name]
            damage(Watch(name, target, options.input_seconds), target.seeds, options)


def damage(watch: Watch, seeds: Sequence[bytes], options: argparse.Namespace) -> None:
    """Without atheris: valid inputs with one to four random changes."""
    from tests.hostile.edits import KINDS, TOKENS, Edit, edited

    draw = random.Random(options.seed)
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        edits = [
            Edit(draw.choice(KINDS), draw.randrange(1 << 16), draw.choice((1, 2, 5, 20)), draw.choice(TOKENS))
            for _ in range(draw.randint(1, 4))
        ]
        watch.one(edited(draw.choice(seeds), edits))
    print(f"Done {watch.count} runs in {options.seconds} second(s)", file=sys.stderr)
    print(f"stat::number_of_executed_units: {watch.count}", file=sys.stderr)


def corpus_of(name: str, target: Target) -> Path:
    """The folder of what was found interesting before, with the valid inputs and longer ones in it.

    The latter hold what a search from short inputs would hardly come upon: deep nesting, long numbers.
    """
    from tests.hostile.edits import TOKENS, Edit, edited

    corpus = FOLDER / "corpus" / file_name(name)
    corpus.mkdir(parents=True, exist_ok=True)
    long = [token for token in TOKENS if len(token) > LONGEST_WORD]
    changes = [Edit("change a number", 0, 0, token) for token in long]
    changes += [Edit("insert", len(seed) // 3, 0, token) for seed in target.seeds[:1] for token in long]
    for seed in target.seeds:
        for data in (seed, *(edited(seed, [change]) for change in changes)):
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data[:LARGEST_INPUT])
    return corpus


def dictionary() -> Path:
    """The marks of the formats as libFuzzer reads them."""
    from tests.hostile.edits import TOKENS

    path = FOLDER / "tokens.dict"
    short = [token for token in TOKENS if len(token) <= LONGEST_WORD]
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in short]
    path.write_text("".join(lines), encoding="ascii")
    return path


def file_name(name: str) -> str:
    """A target's name as that of a folder."""
    return name.replace(" ", "-")


# In the process that was called.


def measure(name: str, options: argparse.Namespace) -> Result:
    """Fuzz one target in processes of its own until its time is over, or too many of them have died."""
    guided = importlib.util.find_spec("atheris") is not None
    result = Result(name, "coverage" if guided else "random")
    failures = FOLDER / "failures" / file_name(name) / "failures.jsonl"
    failures.unlink(missing_ok=True)
    deaths = 0
    while (left := options.seconds - result.seconds) > 1 and deaths < RESTARTS:
        command = [sys.executable, __file__, "--child", name, "--seconds", str(round(left))]
        command += ["--memory-mb", str(options.memory_mb), "--input-seconds", str(options.input_seconds)]
        command += ["--seed", str(options.seed + deaths)]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        took = _TOOK.search(done.stderr)
        result.seconds += float(took[1]) if took else round(time.monotonic() - started, 1)
        take(result, done.stderr)
        if done.returncode == 0:
            break
        deaths += 1
        told = last_line(done.stderr)
        result.failures.append({"kind": f"exit {done.returncode}", "place": told, "input": ""})
    if failures.exists():
        result.failures += [json.loads(line) for line in failures.read_text(encoding="utf-8").splitlines()]
    return result


def take(result: Result, log: str) -> None:
    """Add what a process said of itself: libFuzzer counts on standard error."""
    covered = [int(found) for found in _COVERED.findall(log)]
    result.coverage_before = result.coverage_before or (covered[0] if covered else 0)
    result.coverage = max([result.coverage, *covered])
    result.executions += max((int(a or b) for a, b in _EXECUTED.findall(log)), default=0)
    result.kept += len(_KEPT.findall(log))


def last_line(log: str) -> str:
    """What a process that died said last, as far as it says why."""
    lines = [
        line.strip() for line in log.splitlines() if line.strip() and not line.startswith(("stat::", "#"))
    ]
    told = [line for line in lines if "ERROR" in line or "Error" in line]
    return (told or lines or ["nothing"])[-1][:100]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def write_page(results: Mapping[str, Result], options: argparse.Namespace) -> None:
    """Fill in the page."""
    from tests.hostile.commands import CASES

    rows = [
        (
            *(
                r.target,
                f"{r.executions:,}",
                f"{r.seconds:,.0f}",
                r.coverage_before or "-",
                r.coverage or "-",
            ),
            *(r.kept or "-", len(r.failures) or "none"),
        )
        for r in results.values()
    ]
    failures = [
        [r.target, f["kind"], f["place"], f["input"] or "-"] for r in results.values() for f in r.failures
    ]
    cases = [
        [
            f"apothecary {c.command}".strip(),
            c.what,
            c.code,
            c.words or "a row in errors.jsonl",
            c.fault or "yes",
        ]
        for c in CASES
    ]
    guided = any(result.method == "coverage" for result in results.values())
    told = f"atheris {version('atheris')}" if guided and importlib.util.find_spec("atheris") else "none"
    PAGE.write_text(
        TEMPLATE.read_text(encoding="utf-8").format(
            command=f"python benchmarks/fuzzing.py --seconds {options.seconds} --seed {options.seed}",
            today=date.today().isoformat(),
            guide=told,
            machine=f"{platform.machine()}, Python {platform.python_version()}",
            version=version("apothecary"),
            memory=options.memory_mb,
            limit=f"{options.input_seconds:g}",
            largest=LARGEST_INPUT,
            executions=f"{sum(result.executions for result in results.values()):,}",
            targets=len(results),
            found=len(failures),
            results=table(HEADINGS, rows),
            failures=table(["target", "what", "where", "input"], failures) if failures else "None.",
            held=sum(not case.fault for case in CASES),
            tried=len(CASES),
            cases=table(
                ["command", "bad input", "exit code", "words of its error", "as it should be"], cases
            ),
        ),
        encoding="utf-8",
    )


def main() -> None:
    """Fuzz and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--memory-mb", type=int, default=3072)
    parser.add_argument("--input-seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--list", action="store_true", help="only name the targets")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    (FOLDER / "failures").mkdir(parents=True, exist_ok=True)
    if options.child:
        fuzz(options.child, options)
        return
    from tests.hostile.targets import targets

    names = list(targets(FOLDER))
    if options.list:
        print("\n".join(names))
        return
    path = FOLDER / "results.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    results = {row["target"]: Result(**row) for row in earlier if row["target"] in names}
    for name in options.target or names:
        results[name] = measure(name, options)
        print(
            f"{name}: {results[name].executions:,} executions, {len(results[name].failures)} failures",
            flush=True,
        )
        path.write_text(json.dumps([asdict(each) for each in results.values()], indent=1) + "\n")
    write_page({name: results[name] for name in names if name in results}, options)
    print(PAGE)


if __name__ == "__main__":
    main()
