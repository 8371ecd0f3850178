"""From settings to a finished model folder: train, export, quantise, calibrate, compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from apothecary.engines.pocket import Model
from apothecary.networks.encoding import TextEncoder, Windowing
from apothecary.training.batches import Text, prepare
from apothecary.training.evaluation import figures, judge
from apothecary.training.examples import load
from apothecary.training.export import calibrate, export
from apothecary.training.pocket import Report, train
from apothecary.training.settings import PocketSettings

__all__ = ["Trained", "train_pocket", "use_threads"]


@dataclass(frozen=True)
class Trained:
    """The finished folder, and the development figures before and after the weights went to eight bits."""

    folder: Path
    training: Report
    before: Mapping[str, Mapping[str, float]]
    after: Mapping[str, Mapping[str, float]]
    bytes: int


def use_threads(count: int) -> None:
    """Train on so many threads. More than the cores that are free makes it slower by a multiple."""
    torch.set_num_threads(count)


class _Exported:
    """An exported model as evaluation asks it."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def states(self, text: Text) -> NDArray[np.float32]:
        """Tokens by width."""
        return self._model.state(text.examples[0].text)[0].states

    def run(self, head: str, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """What a head says of its named inputs."""
        return self._model.run(head, inputs)


def train_pocket(
    settings: PocketSettings,
    data: Path,
    encoder_folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    resume: bool = False,
) -> Trained:
    """Train a pocket model and write it to `out`; what a resumed training needs lies in ``out/work``.

    `data` is what the paths of the sources are relative to. Raises ApothecaryError.
    """
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    model, report = train(settings, data, encoder_folder, work, say, resume=resume)
    description = export(model, settings, encoder_folder, out)
    say("exported; measuring the eight-bit weights")
    _, examples, _ = load(settings, data)
    windowing = Windowing(settings.window, settings.overlap)
    texts = prepare(examples, TextEncoder(encoder_folder / "tokenizer.json"), windowing)
    scores = judge(_Exported(Model.open(out)), texts, {head.name for head in description.heads})
    calibrate(description, scores, out)
    kept = report.epochs[report.best].figures if report.epochs else {}
    before = {name: found for name, found in kept.items() if name in scores}
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    trained = Trained(out, report, before, figures(scores, settings), size)
    record = {**asdict(trained), "folder": str(out), "settings": asdict(settings)}
    (out / "training.json").write_text(json.dumps(record, indent=1, default=list) + "\n", encoding="utf-8")
    return trained
