"""Supervised fine-tuning in stages, with the controls that say whether the stages did it.

out/two_stage/1-NAME, 2-NAME   a training each: adapter, log.jsonl, training.json, stage.json
out/one_stage_equal_steps      the same data, the same number of steps, mixed from the start
out/stage1_only                the adapter of the first stage
out/log.jsonl                  a row for each step of every training, and what they learn from
out/stages.json                what came out, and how to use it

A stage goes on with the very weights of the one before (a new optimizer, a new schedule), and learns from
its data again. Loss, order, micro-batches and state are those of `sft`.

Source: Taiyi (Luo et al. 2024, JAMIA 31(9)). Departures: 1. loss on answers alone, which there is not told;
2. conversations that are too long are left out and counted, there they are cut; 3. the control takes as many
steps as the stages together; there the stages saw the structured data eight times, the control three times;
4. the published weights are in 4 bits, here in bfloat16 unless `four_bit` says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator

from apothecary.errors import DataError, RunMismatch, UsageError, WeightsError
from apothecary.networks.description import file_digest
from apothecary.tasks.instruct_templates import chance
from apothecary.training.adapter_files import PREFIX, read_adapter
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, read_conversations
from apothecary.training.checkpoints import Checkpoints
from apothecary.training.gguf_lora import engine_with
from apothecary.training.lora_settings import SftSettings
from apothecary.training.policy import Learner, Policy, accelerator
from apothecary.training.sft import fitting, plan_of
from apothecary.training.stage_settings import BASE, PREVIOUS, StageSettings, StagesSettings
from apothecary.training.tuning import Tuned, check_tracking, finish, run_steps

__all__ = ["Finished", "Part", "put_weights", "rows_of", "train_stages"]

Say = Callable[[str], None]
RECORD = "stage.json"


@dataclass(frozen=True)
class Part:
    """One training: a stage or a control.

    `rows` are the places of its conversations in the data; `start` is the adapter it goes on with.
    """

    name: str
    folder: Path
    settings: SftSettings
    rows: tuple[int, ...]
    schedule: str
    start: Path | None


@dataclass(frozen=True)
class Finished:
    """A training that is done: the ENGINE that runs its adapter, its steps, what it learnt from by task."""

    name: str
    folder: str
    engine: str
    steps: int
    conversations: int
    left_out: int
    by_task: Mapping[str, int]


def train_stages(
    settings: StagesSettings, folder: Path, out: Path, say: Say, *, resume: bool = False
) -> list[Finished]:
    """Train all stages and controls; `folder` is what paths in the settings are relative to.

    With `resume` what is finished is not repeated. Raises ApothecaryError.
    """
    check_tracking(settings.tuning)
    if not resume and any((out / "two_stage").glob("*/state.pt")):
        hint = "--resume goes on with it; --out names another folder"
        raise UsageError("holds a training already", where=str(out), hint=hint)
    files = [folder / name for name in settings.tuning.train]
    data = read_conversations(files, answered=True)
    digests = [file_digest(path) for path in files]
    rows = rows_of(settings, data)
    processes = accelerator((), out)
    first = bool(processes.is_main_process)
    done: list[Finished] = []
    adapters: list[Path] = []
    for number, (stage, own) in enumerate(zip(settings.stage, rows, strict=True), 1):
        target = out / "two_stage" / f"{number}-{stage.name}"
        start = _start(stage, adapters, folder)
        schedule = stage.schedule or settings.schedule
        part = Part(f"stage {stage.name}", target, settings.tuned(stage), own, schedule, start)
        done.append(_trained(part, data, digests, say, out / "log.jsonl"))
        adapters.append(target / "adapter")
    if "stage1_only" in settings.controls:
        done.append(_copied(done[0], adapters[0], out / "stage1_only", settings.tuning.model, writes=first))
    if "one_stage_equal_steps" in settings.controls:
        part = _control(settings, rows, sum(each.steps for each in done[: len(rows)]), out)
        done.append(_trained(part, data, digests, say, out / "log.jsonl"))
    if first:
        _write(out / "stages.json", {"runs": [asdict(each) for each in done], "settings": asdict(settings)})
    processes.end_training()
    return done


def rows_of(settings: StagesSettings, data: Sequence[Conversation]) -> list[tuple[int, ...]]:
    """For each stage the places of the conversations that it learns from.

    Raises UsageError for a stage that names what no conversation has.
    """
    found: list[tuple[int, ...]] = []
    earlier: set[int] = set()
    for stage in settings.stage:
        own = {place for place, each in enumerate(data) if stage.takes(each.columns)}
        seed = settings.tuning.seed
        again = {place for place in earlier if chance(seed, "replay", stage.name, place) < stage.replay}
        # What a stage takes by its own filter and another learnt before is replayed, too: its share decides.
        rows = (own - earlier) | again
        if not rows:
            known = sorted({str(each.columns.get("category")) for each in data})
            hint = f"categories: {', '.join(known[:20])}"
            raise UsageError(f"no conversation is for the stage {stage.name}", hint=hint)
        earlier |= own
        found.append(tuple(sorted(rows)))
    return found


def _start(stage: StageSettings, adapters: Sequence[Path], folder: Path) -> Path | None:
    if stage.start == BASE or (not stage.start and not adapters):
        return None
    if stage.start in ("", PREVIOUS):
        return adapters[-1]
    return folder / stage.start


def _control(settings: StagesSettings, rows: Sequence[tuple[int, ...]], steps: int, out: Path) -> Part:
    """All data mixed from the start, for as many steps; else as the last stage."""
    every = tuple(sorted(set().union(*rows)))
    last = settings.stage[-1]
    tuned = replace(settings.tuned(last), epochs=steps, steps=steps)
    name = "one_stage_equal_steps"
    return Part(name, out / name, tuned, every, last.schedule or settings.schedule, None)


def _trained(
    part: Part, data: Sequence[Conversation], digests: Sequence[str], say: Say, log: Path
) -> Finished:
    """Train one part, or read what it made when it is finished."""
    told = _identity(part, digests)
    record = part.folder / RECORD
    if record.is_file():
        return _read_finished(record, told, say)
    say(f"{part.name}: {len(part.rows)} conversations")
    processes = accelerator(part.settings.track, part.folder)
    checkpoints = Checkpoints(part.folder, told, writes=bool(processes.is_main_process))
    checkpoints.begin(resume=(part.folder / "state.pt").exists())
    tuned = _train(part, [data[place] for place in part.rows], checkpoints, processes, say)
    by_task = Counter(str(data[place].columns.get("task", "")) for place in part.rows)
    engine = engine_with(part.settings.model, tuned.gguf or tuned.adapter)
    finished = Finished(
        name=part.name,
        folder=str(part.folder),
        engine=engine,
        steps=tuned.steps,
        conversations=tuned.conversations,
        left_out=tuned.left_out,
        by_task=dict(sorted(by_task.items())),
    )
    if checkpoints.writes:
        _log(log, part, finished)
        _write(record, {"identity": told, **asdict(finished)})
    # The next stage begins with what the first process has just written.
    processes.wait_for_everyone()
    return finished


def _train(
    part: Part,
    conversations: Sequence[Conversation],
    checkpoints: Checkpoints,
    processes: Accelerator,
    say: Say,
) -> Tuned:
    settings = part.settings
    base = load_base(settings.model, settings.precision, four_bit=settings.four_bit)
    policy = Policy(base, settings, None, processes.device)
    if part.start:
        put_weights(policy, part.start)
    encoded = [policy.template.encode(each) for each in conversations]
    rows = fitting(encoded, settings)
    left_out = len(encoded) - len(rows)
    say(f"{part.name}: {sum(each.length for each in rows)} tokens; {left_out} conversations too long")
    plan = plan_of(settings, policy, rows, processes)
    learner = _StageLearner(policy, part, plan.total, processes)
    run_steps(plan, policy, learner, checkpoints, processes, say, None)
    return finish(settings, policy.write, checkpoints, (plan.total, len(rows), left_out))


class _StageLearner(Learner):
    """The optimizer of a stage: its rate may stay where the warm-up brought it."""

    def __init__(self, policy: Policy, part: Part, total: int, processes: Accelerator) -> None:
        super().__init__(policy, part.settings, total, processes)
        constant = part.schedule == "constant"
        self._last = math.ceil(part.settings.warm_up * total) if constant else total

    def step(self, step: int) -> dict[str, float]:
        """As every learner; a constant rate is that of the first step after the warm-up."""
        return super().step(min(step, self._last))


def put_weights(policy: Policy, folder: Path) -> None:
    """Let the new adapter begin with the weights of another of the same form. Raises WeightsError."""
    adapter = read_adapter(folder)
    learnt = policy.learnt
    given = {}
    for module, (a, b) in adapter.modules.items():
        given[f"{PREFIX}{module}.lora_A.default.weight"] = a
        given[f"{PREFIX}{module}.lora_B.default.weight"] = b
    if {name: each.shape for name, each in given.items()} != {n: each.shape for n, each in learnt.items()}:
        hint = "the rank and the targets of [lora] must be those of the adapter"
        raise WeightsError("is of another form", where=str(folder), hint=hint)
    with torch.no_grad():
        for name, parameter in learnt.items():
            parameter.copy_(given[name])


def _identity(part: Part, digests: Sequence[str]) -> str:
    """What must not change between the beginning of a training and its end."""
    start = file_digest(part.start / "adapter_model.safetensors") if part.start else ""
    given = {
        "settings": asdict(part.settings),
        "schedule": part.schedule,
        "rows": hashlib.sha256(",".join(map(str, part.rows)).encode()).hexdigest(),
        "files": list(digests),
        "start": start,
    }
    return hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()


def _read_finished(record: Path, identity: str, say: Say) -> Finished:
    try:
        row = json.loads(record.read_text(encoding="utf-8"))
        known = row.pop("identity")
        finished = Finished(**row)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError("is damaged", where=str(record), hint="delete the folder of this stage") from error
    if known != identity:
        hint = "leave out --resume and name another --out, or give the old settings and data"
        raise RunMismatch("was made with other settings or data", where=str(record.parent), hint=hint)
    say(f"{finished.name}: finished before")
    return finished


def _copied(first: Finished, adapter: Path, target: Path, model: str, *, writes: bool) -> Finished:
    """The adapter of the first stage under the name of the control."""
    gguf = adapter.parent / "adapter.gguf"
    if writes:
        shutil.copytree(adapter, target / "adapter", dirs_exist_ok=True)
    if writes and gguf.is_file():
        shutil.copy2(gguf, target / "adapter.gguf")
    engine = engine_with(model, target / "adapter.gguf" if gguf.is_file() else target / "adapter")
    return replace(first, name="stage1_only", folder=str(target), engine=engine)


def _log(log: Path, part: Part, finished: Finished) -> None:
    """The rows of a training, under its name, after those of the ones before; once."""
    name = {"run": part.name}
    rows = [{**name, "event": "begun", **asdict(finished)}]
    for line in (part.folder / "log.jsonl").read_text(encoding="utf-8").splitlines():
        rows.append({**name, **cast("dict[str, object]", json.loads(line))})
    kept = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    kept = [line for line in kept if json.loads(line).get("run") != part.name]
    temporary = log.with_suffix(".new")
    temporary.write_text("".join([*kept, *(json.dumps(row) + "\n" for row in rows)]), encoding="utf-8")
    temporary.replace(log)


def _write(path: Path, record: Mapping[str, object]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    temporary.replace(path)
