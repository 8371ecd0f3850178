"""What a training leaves on disk while it runs: its state, its log, and the checkpoints judged best.

out/state.pt            all that --resume needs, replaced whole
out/log.jsonl           one row a step, and one for every judged checkpoint
out/checkpoints/step-N  the best so far, as PEFT adapters
out/adapter             the chosen one, at the end (with adapter.gguf and training.json beside it)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from apothecary.errors import RunMismatch, UsageError
from apothecary.training.base_model import translated

__all__ = ["Checkpoints", "Judge", "Judged"]

Judge = Callable[[Path], float]
"""The development figure of the adapter in a folder: the higher, the better."""


@dataclass(frozen=True)
class Judged:
    """A checkpoint and its development figure."""

    step: int
    figure: float


@dataclass
class Checkpoints:
    """The folder of one training.

    `identity` is what must not change between a begin and a resume. Of several processes one `writes`.
    """

    out: Path
    identity: str
    keep: int = 1
    writes: bool = True
    judged: list[Judged] = field(default_factory=list)

    def begin(self, *, resume: bool = False) -> None:
        """Prepare the folder. Raises UsageError when it holds a training and is not to go on with it."""
        if not self.writes:
            return
        if not resume and ((self.out / "state.pt").exists() or (self.out / "adapter").exists()):
            hint = "--resume goes on with it; --out names another folder"
            raise UsageError("holds a training already", where=str(self.out), hint=hint)
        self.out.mkdir(parents=True, exist_ok=True)
        if not (self.out / "state.pt").exists():
            (self.out / "log.jsonl").write_text("", encoding="utf-8")

    def restore(self) -> tuple[int, Mapping[str, object]] | None:
        """The steps done and the state kept after them; None when nothing was kept.

        Rows of the log about later steps are dropped. Raises RunMismatch for other settings or data.
        """
        path = self.out / "state.pt"
        if not path.is_file():
            return None
        with translated(str(path), "cannot be read"):
            # weights_only: tensors and plain values, no code.
            state = torch.load(path, weights_only=True, map_location="cpu")
            step, identity, judged = int(state["step"]), state["identity"], json.loads(state["judged"])
        if identity != self.identity:
            hint = "leave out --resume and name another --out, or give the old settings and data"
            raise RunMismatch("was begun with other settings or data", where=str(self.out), hint=hint)
        self.judged = [Judged(**each) for each in judged]
        if self.writes:
            self._cut_log(step)
        return step, state

    def save(self, step: int, state: Mapping[str, object]) -> None:
        """Keep the state after so many steps; the old one stands until the new one is whole."""
        judged = json.dumps([vars(each) for each in self.judged])
        temporary = self.out / "state.new"
        torch.save({**state, "step": step, "identity": self.identity, "judged": judged}, temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(self.out / "state.pt")

    def log(self, row: Mapping[str, object]) -> None:
        """Add a row to the log."""
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    def judge(self, step: int, write: Callable[[Path], None], judge: Judge) -> float:
        """Let a checkpoint be written, judge it, and drop those that are no longer among the best."""
        folder = self.folder(step)
        write(folder)
        figure = judge(folder)
        self.judged = [each for each in self.judged if each.step != step] + [Judged(step, figure)]
        self.log({"step": step, "development": figure})
        best = {each.step for each in self.ranked()[: self.keep]}
        for path in (self.out / "checkpoints").iterdir():
            if path.name not in {self.folder(each).name for each in best}:
                shutil.rmtree(path)
        return figure

    def ranked(self) -> list[Judged]:
        """Judged checkpoints, the best first; of equals the earlier."""
        return sorted(self.judged, key=lambda each: (-each.figure, each.step))

    def folder(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.out / "checkpoints" / f"step-{step}"

    def _cut_log(self, step: int) -> None:
        path = self.out / "log.jsonl"
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            try:
                row = json.loads(line)
            except ValueError:
                # The row that the kill cut short.
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int) and row["step"] <= step:
                kept.append(line + "\n")
        temporary = path.with_suffix(".new")
        temporary.write_text("".join(kept), encoding="utf-8")
        temporary.replace(path)
