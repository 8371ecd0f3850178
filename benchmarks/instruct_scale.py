"""How much memory and time does mixing take as files grow?

    nice -n 10 python -m benchmarks.instruct_scale --examples 10000,100000,1000000,3000000

Examples are invented (words drawn by lot, one in fifty a repetition, one in five hundred the same as an
evaluated text), classification and generation in two languages. Half of them are drawn. The mixing runs in
a process of its own, whose peak memory is that of the mixing alone.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from apothecary.examples import Labelled, Language, Question, Sourced
from apothecary.formats.example_rows import dumps
from apothecary.training.mixture import mix
from apothecary.training.mixture_settings import check_mixture_settings
from benchmarks.pocket_figures import ROOT, SEED, about

__all__ = ["RESULTS"]

RESULTS = ROOT / "runs" / "benchmark-instruct" / "scale.json"
WORDS = [f"w{number:04x}" for number in range(20_000)]
GLYPHS = [chr(0x4E00 + number) for number in range(3_000)]
LABELS = ("one", "two", "three")
JUDGED = 1_000
REPEATED, CONTAMINATED = 50, 500
EVERY = 0.5
"""Seconds between two looks at what the mixing holds on disk."""


def main() -> None:
    """Measure each number of examples."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", default="10000,100000,1000000,3000000", help="by commas")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "instruct-scale")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--mix", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.mix:
        mixed_here(given.mix)
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    sizes = []
    for count in given.examples.split(","):
        sizes.append(measured(int(count), given.work))
        record = {"sizes": sizes, "about": about("benchmarks.instruct_scale")}
        given.out.write_text(json.dumps(record, indent=1), encoding="utf-8")


def measured(count: int, work: Path) -> dict[str, float]:
    """Write so many examples, mix them in a fresh process, and throw all away."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_examples(work, count)
    table = {"set": [{"file": "learnt.jsonl"}], "against": [{"file": "judged.jsonl"}], "total": count // 2}
    (work / "mixture.json").write_text(json.dumps(table | {"seed": SEED}), encoding="utf-8")
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.instruct_scale", "--mix", str(work)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        disk = watched(process, work / "mixed" / ".mixing")
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    found = {"examples": float(count), "minutes": (time.monotonic() - begun) / 60, "disk_mib": disk, **told}
    print({name: round(value, 1) for name, value in found.items()}, flush=True)
    shutil.rmtree(work)
    return found


def watched(process: subprocess.Popen[str], folder: Path) -> float:
    """The most that the folder held while the process ran, beside the mixture itself, in MiB."""
    most = 0
    while process.poll() is None:
        names = ("mixture.jsonl", "sft.jsonl")
        held = 0
        for path in folder.glob("**/*"):
            try:
                held += path.stat().st_size if path.is_file() and path.name not in names else 0
            except OSError:
                continue
        most = max(most, held)
        threading.Event().wait(EVERY)
    return most / 2**20


def mixed_here(work: Path) -> None:
    """Mix, and print what it took."""
    table = json.loads((work / "mixture.json").read_text(encoding="utf-8"))
    mixed = mix(check_mixture_settings(table, "mixture.json"), work, work / "mixed")
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "instructions": mixed.instructions,
        "left_out": mixed.left_out.total(),
        "memory_mib": used.ru_maxrss / 1024,
        "processor_minutes": (used.ru_utime + used.ru_stime) / 60,
    }
    print(json.dumps(told))


def write_examples(work: Path, count: int) -> None:
    """Both files, line by line."""
    rng = random.Random(SEED)
    judged = [text_of(rng, number) for number in range(JUDGED)]
    with (work / "judged.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(f"{dumps(example(number, text, 'dev'))}\n" for number, text in enumerate(judged))
    with (work / "learnt.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in learnt(rng, count, judged))


def learnt(rng: random.Random, count: int, judged: list[str]) -> Iterator[str]:
    """The lines to learn from."""
    before = text_of(rng, 0)
    for number in range(count):
        text = text_of(rng, number)
        if number % CONTAMINATED == 1:
            text = judged[number % JUDGED]
        elif number % REPEATED == 2:
            text = before
        before = text
        yield dumps(example(number, text, "train"))


def text_of(rng: random.Random, number: int) -> str:
    """Forty words, or sixty characters."""
    return " ".join(rng.choices(WORDS, k=40)) if number % 2 else "".join(rng.choices(GLYPHS, k=60))


def example(number: int, text: str, split: str) -> Sourced:
    """A text to label, or a question with an answer."""
    language: Language = "en" if text.isascii() else "zh"
    key = f"{number:x}"
    if number % 4 < 2:
        return Sourced("labelled", split, language, "classification", Labelled(key, text, ("one",), LABELS))
    return Sourced(
        "asked", split, language, "generation", Question(key, text, "short", answers=(text[::-1],))
    )


if __name__ == "__main__":
    main()
