"""Train an encoder with its heads: several tasks, one pass over each text, resumable after every epoch.

Losses: cross-entropy for tags and for sets (sets without a relation weigh less, as they are many), binary
cross-entropy for pairs. Each head's loss is the mean over its items in a batch, times its weight. The
kept weights are a running mean of those trained, and come from the epoch with the best development figure.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from apothecary.errors import UsageError
from apothecary.networks.encoding import TextEncoder, Windowing
from apothecary.training.batches import Text, batches, hide_words, prepare, states_of
from apothecary.training.evaluation import figures, judge
from apothecary.training.examples import load
from apothecary.training.scoring import KeptStates, PocketModel, TorchReader, build, head_loss
from apothecary.training.settings import PocketSettings

__all__ = ["Report", "train"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training part: its mean loss, and what the development part then said.

    `judged` is the sum over heads of F1 times the head's `judge`: the figure that chooses the epoch.
    """

    loss: float
    seconds: float
    judged: float
    figures: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Report:
    """What a training did: every epoch, which one was kept (from 0), and what was left out of it."""

    best: int
    epochs: Sequence[Epoch]
    train_examples: int
    dev_examples: int
    held_out_dropped: int
    development_dropped: int
    unreadable: int


def train(
    settings: PocketSettings,
    folder: Path,
    encoder_folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    resume: bool = False,
) -> tuple[PocketModel, Report]:
    """Train; the model with the best weights, which are also kept in `out` with all that resuming needs.

    `folder` is what paths in the settings are relative to. Raises ApothecaryError.
    """
    tokenizer = TextEncoder(encoder_folder / "tokenizer.json")
    windowing = Windowing(settings.window, settings.overlap)
    train_examples, dev_examples, dropped = load(settings, folder)
    say(
        f"{len(train_examples)} training and {len(dev_examples)} development examples; dropped from training:"
        f" {len(dropped.held_out)} held out, {len(dropped.development)} in a development part;"
        f" {len(dropped.unreadable)} unreadable"
    )
    texts = prepare(train_examples, tokenizer, windowing)
    dev_texts = prepare(dev_examples, tokenizer, windowing)
    model = build(settings, encoder_folder)
    if torch.cuda.is_available():
        model = model.cuda()
    state = _State.begin(model, settings, texts)
    if settings.frozen:
        state.kept = KeptStates(model.encoder, tokenizer)
    done = state.restore(out) if resume else 0
    for epoch in range(done, settings.epochs):
        with _without_subnormals():
            made = _one_epoch(state, settings, (texts, dev_texts), tokenizer, epoch)
        state.history.append(made)
        say(f"epoch {epoch + 1}: loss {made.loss:.4f}, {_brief(made.figures)}, {made.seconds:.0f} s")
        if state.best == epoch:
            state.keep_best(out)
        state.save(out, epoch + 1)
        if epoch - state.best >= settings.patience:
            break
    model.load_state_dict(torch.load(out / "best.pt", weights_only=True, map_location="cpu"))
    report = Report(
        state.best,
        state.history,
        len(train_examples),
        len(dev_examples),
        len(dropped.held_out),
        len(dropped.development),
        len(dropped.unreadable),
    )
    return model.cpu().eval(), report


@contextmanager
def _without_subnormals() -> Iterator[None]:
    """Numbers too small for the normal range count as 0: on a CPU they cost a hundred times as much."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _one_epoch(
    state: _State,
    settings: PocketSettings,
    parts: tuple[Sequence[Text], Sequence[Text]],
    tokenizer: TextEncoder,
    epoch: int,
) -> Epoch:
    begun = time.monotonic()
    texts, dev_texts = parts
    loss = _learn(state, settings, texts, tokenizer, epoch)
    judged = {head.name: head.judge for head in settings.head if head.judge}
    found = figures(judge(TorchReader(state.mean, tokenizer, state.kept), dev_texts, judged), settings)
    total = sum(values["f1"] * judged[name] for name, values in found.items())
    return Epoch(loss, time.monotonic() - begun, total, found)


def _brief(figures: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(f"{name} {values['f1'] * 100:.1f}" for name, values in figures.items())


def _learn(
    state: _State, settings: PocketSettings, texts: Sequence[Text], tokenizer: TextEncoder, epoch: int
) -> float:
    # Seeded by the epoch: a resumed training sees the batches that an uninterrupted one would have seen.
    rng = random.Random(f"{settings.seed} {epoch}")  # noqa: S311 - shuffling, not secrets
    torch.manual_seed(settings.seed * 1000 + epoch)
    weights = {head.name: head.weight for head in settings.head}
    state.model.train()
    total, count = 0.0, 0
    order = list(batches(texts, settings.batch_tokens, rng))
    for place, batch in enumerate(order):
        shown = batch
        if settings.word_dropout:
            shown = [hide_words(text, settings.word_dropout, tokenizer.mask, rng) for text in batch]
        states = state.kept.of(batch) if state.kept else states_of(shown, tokenizer, state.model.encoder)
        losses: dict[str, list[Tensor]] = {}
        for text, matrix in zip(batch, states, strict=True):
            for example in text.examples:
                loss = head_loss(state.model.heads[example.head], example, text, matrix, rng)
                if loss is not None:
                    losses.setdefault(example.head, []).append(loss)
        if losses:
            # Texts, not heads, weigh alike: a head with one text in the batch moves the encoder by one text.
            loss = sum(
                (weights[name] * torch.stack(found).sum() for name, found in losses.items()), torch.zeros(())
            )
            loss = loss / len(batch)
            torch.autograd.backward(loss / settings.accumulate)
            total, count = total + loss.item(), count + 1
        if (place + 1) % settings.accumulate == 0 or place + 1 == len(order):
            state.step()
    return total / max(1, count)


class _State:
    """Weights, their running mean, optimizer and schedule: what an interrupted training needs to go on."""

    def __init__(self, model: PocketModel, settings: PocketSettings, steps: int) -> None:
        self.model = model
        self.settings = settings
        encoder, heads = list(model.encoder.parameters()), list(model.heads.parameters())
        groups = []
        for parameters, rate in ((encoder, settings.learning_rate), (heads, settings.head_learning_rate)):
            for decays in (True, False):
                chosen = [p for p in parameters if (p.ndim > 1) == decays]
                groups.append({"params": chosen, "lr": rate, "weight_decay": settings.weight_decay * decays})
        self.optimizer = torch.optim.AdamW(groups)
        warm = max(1, round(settings.warm_up * steps))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: min((step + 1) / warm, max(0.01, (steps - step) / max(1, steps - warm))),
        )
        self.average = torch.optim.swa_utils.AveragedModel(
            model,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average),  # type: ignore[no-untyped-call]
        )
        self.history: list[Epoch] = []
        self.kept: KeptStates | None = None

    @classmethod
    def begin(cls, model: PocketModel, settings: PocketSettings, texts: Sequence[Text]) -> _State:
        """At the start, with the schedule stretched over all epochs."""
        rng = random.Random(0)  # noqa: S311 - counts batches
        of_epoch = sum(1 for _ in batches(texts, settings.batch_tokens, rng))
        return cls(model, settings, -(-of_epoch // settings.accumulate) * settings.epochs)

    @property
    def best(self) -> int:
        """The epoch with the best development figure, the first of equals; -1 before the first."""
        return max(range(len(self.history)), key=lambda i: self.history[i].judged, default=-1)

    @property
    def mean(self) -> PocketModel:
        """The model with the averaged weights."""
        found = self.average.module
        return found if isinstance(found, PocketModel) else self.model

    def step(self) -> None:
        """One step of the optimizer by the gradients gathered, their norm held below 1."""
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.schedule.step()
        self.average.update_parameters(self.model)

    def keep_best(self, out: Path) -> None:
        """Write the averaged weights."""
        _write(self.mean.state_dict(), out / "best.pt")

    def save(self, out: Path, epochs: int) -> None:
        """Write all that `restore` reads; the old state stands until the new one is whole."""
        state = {
            "epochs": epochs,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": json.dumps([asdict(epoch) for epoch in self.history]),
            "settings": json.dumps(asdict(self.settings), default=list),
        }
        _write(state, out / "state.pt")

    def restore(self, out: Path) -> int:
        """Go on from the last whole epoch; how many are done."""
        path = out / "state.pt"
        if not path.is_file():
            return 0
        # weights_only: tensors and plain values, no code.
        state = torch.load(path, weights_only=True, map_location=self.model.encoder.shapes.weight.device)
        if state["settings"] != json.dumps(asdict(self.settings), default=list):
            from_other = "was begun with other settings"
            raise UsageError(from_other, where=str(out), hint="leave out --resume, or give the old settings")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in json.loads(state["history"])]
        return int(state["epochs"])


def _write(state: object, path: Path) -> None:
    temporary = path.with_suffix(".new")
    torch.save(state, temporary)
    temporary.replace(path)
