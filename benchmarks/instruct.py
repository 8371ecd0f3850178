"""What do stages give a small model that learns many tasks in two languages at once?

    python -m benchmarks.instruct                                   # everything that is missing
    python -m benchmarks.instruct --only data                       # sets, mixture, suite: a minute
    python -m benchmarks.instruct --only majority,random,dictionary
    python -m benchmarks.instruct --only untuned --threads 1
    python -m benchmarks.instruct --only train-stages --threads 1   # goes on where it was stopped
    python -m benchmarks.instruct --only train-one-stage --threads 1
    python -m benchmarks.instruct --only stage1,two_stage,one_stage --threads 1
    python -m benchmarks.instruct_page                              # the page, from what was measured

Needs the extras `train` and `cpu`, and the data in ../shared/data (or APOTHECARY_DATA); what it learns from
is in `benchmarks.instruct_data`. The two trainings need nothing of each other and can run side by side: the
control takes as many steps as the stages together, counted before anything is trained. All is kept under
runs/benchmark-instruct; what is there and of the same data is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from apothecary.engines.cores import free_cores
from apothecary.errors import ApothecaryError
from apothecary.runs.evaluation import Provider, SuiteOptions, evaluate
from apothecary.runs.opening import ExtractOptions
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Template, read_conversations
from apothecary.training.stage_settings import StageSettings, StagesSettings, check_stages_settings
from apothecary.training.stages import rows_of, train_stages
from apothecary.training.tuning import torch_threads
from benchmarks.instruct_data import LONGEST, MODEL, SUITE, SftFile, make_data
from benchmarks.pocket_figures import DATA, ROOT, SEED, about

__all__ = ["CELLS", "WORK"]

WORK = ROOT / "runs" / "benchmark-instruct"
RECORD = "cell.json"
BASELINES = ("majority", "random", "dictionary")
TUNED = {
    "stage1": ("stages", "stage1_only"),
    "two_stage": ("stages", "stage everything"),
    "one_stage": ("one-stage", "stage mixed"),
}
"""Of each tuned model the training, and how `stages.json` of it calls the model."""
CELLS = (*BASELINES, "untuned", *TUNED)
PARTS = ("data", *BASELINES, "untuned", "train-stages", "train-one-stage", *TUNED)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"by commas, of {', '.join(PARTS)}")
    parser.add_argument("--threads", type=int, default=free_cores())
    parser.add_argument("--out", type=Path, default=WORK)
    parser.add_argument("--fresh", action="store_true", help="do anew what is named")
    trial = parser.add_argument_group("to try it out, with --out elsewhere")
    trial.add_argument("--rows", type=int, help="examples of each set")
    return parser.parse_args()


def main() -> None:
    """Do what is asked for, in an order in which it can be done."""
    given = parse()
    wanted = given.only.split(",")
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"there is no {unknown[0]}: {', '.join(PARTS)}")
    torch_threads(given.threads)
    for name in PARTS:
        if name in wanted:
            try:
                done_once(name, given)
            except ApothecaryError as error:
                sys.exit(f"{name}: {error}")


def done_once(name: str, given: argparse.Namespace) -> None:
    """Do a part unless it was done with the same data; its record says what it took."""
    folder = given.out / name
    record = folder / RECORD
    digest = "" if name == "data" else data_digest(given.out)
    if given.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    if record.is_file() and json.loads(record.read_text(encoding="utf-8"))["data"] == digest:
        print(f"{name}: done before", flush=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    work: Callable[[Path, argparse.Namespace], dict[str, object]] = evaluated
    if name == "data":
        work = prepared
    elif name.startswith("train-"):
        work = trained
    begun = time.monotonic()
    told = work(folder, given)
    told |= {"data": digest, "seconds": time.monotonic() - begun, "about": about("benchmarks.instruct")}
    temporary = record.with_suffix(".new")
    temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")
    temporary.replace(record)
    print(f"{name}: done in {told['seconds']:.0f} s", flush=True)


def data_digest(out: Path) -> str:
    """Of what is learnt from and what is asked. Exits where there is none."""
    files = [out / "data" / SftFile, *sorted((out / "data" / "sets").glob("*.jsonl")), out / "data" / SUITE]
    try:
        texts = [path.read_bytes() for path in files]
    except OSError:
        sys.exit("there are no data: begin with --only data")
    return hashlib.sha256(b"\0".join(hashlib.sha256(text).digest() for text in texts)).hexdigest()


def prepared(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    """The sets, the mixture and the suite."""
    mixed = make_data(folder, given.rows)
    for row in mixed.by_task():
        print("\t".join(row))
    settings = stages(given)
    rows, lengths = counted(folder, settings)
    tokens = [sum(lengths[place] for place in own) for own in rows]
    steps = [-(-len(own) // settings.tuning.batch) for own in rows]
    return {"mixed": mixed.figures(), "by_task": mixed.by_task(), "tokens": tokens, "steps": steps}


def stages(given: argparse.Namespace) -> StagesSettings:
    """The two stages of the preset for small machines."""
    table: dict[str, object] = {
        "preset": "pocket",
        "model": MODEL,
        "train": [str(SftFile)],
        "seed": SEED,
        "max_tokens": LONGEST,
        "controls": ["stage1_only"],
    }
    return check_stages_settings(table, "benchmarks.instruct")


def counted(data: Path, settings: StagesSettings) -> tuple[list[tuple[int, ...]], list[int]]:
    """What each stage learns from, by place, and the tokens of every conversation; none is too long."""
    conversations = read_conversations([data / SftFile], answered=True)
    template = Template(load_base(MODEL).tokenizer, MODEL)
    lengths = [template.encode(each).length for each in conversations]
    assert max(lengths) <= LONGEST, "the data were drawn to fit"
    return rows_of(settings, conversations), lengths


def one_stage(settings: StagesSettings, steps: int) -> StagesSettings:
    """The control: all data mixed from the start, as many steps, and all else alike."""
    return replace(settings, stage=(StageSettings(name="mixed", steps=steps),), controls=())


def trained(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    """Train the stages or the control; goes on with what was interrupted."""
    settings, data = stages(given), given.out / "data"
    if folder.name == "train-one-stage":
        rows, _ = counted(data, settings)
        settings = one_stage(settings, sum(-(-len(own) // settings.tuning.batch) for own in rows))
    resume = (folder / "two_stage").is_dir()
    done = train_stages(settings, data, folder, lambda line: print(line, flush=True), resume=resume)
    return {"steps": [each.steps for each in done], "threads": given.threads}


def evaluated(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    """Ask a model or a baseline the suite."""
    name = folder.name
    provider = Provider("engine", f"llamacpp:{MODEL}")
    if name in BASELINES:
        provider = Provider("baseline", name)
    elif name in TUNED:
        training, run = TUNED[name]
        record = given.out / f"train-{training}" / "stages.json"
        if not record.is_file():
            sys.exit(f"{name}: there is no model yet: --only train-{training}")
        runs = json.loads(record.read_text(encoding="utf-8"))["runs"]
        provider = Provider("engine", next(each["engine"] for each in runs if each["name"] == run))
    data = given.out / "data"
    options = SuiteOptions(data=data / "sets", items=given.rows, held_out=DATA / "held_out.tsv")
    running = ExtractOptions(cache="", threads=given.threads)
    done = evaluate(str(data / SUITE), provider, folder / "run", options, running)
    return {"status": done.status, "failed": done.failed, "calls": done.ledger.total.calls}


if __name__ == "__main__":
    main()
