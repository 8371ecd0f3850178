"""Train a classifier of condition spans by levitated markers, and let it predict: a baseline. Needs torch.

Each instance is asked about its pair: drug and disease stand in front of the text (`networks.levitated`).
Binary cross-entropy for each type apart. Of the candidates without a type a share is drawn anew for each
epoch; what that does to the odds is taken back in predicting. AdamW, rates that rise and then fall in a
straight line, the weights of the last epoch. Which probability is enough is chosen on abstracts held back.

Departures from Ye et al. 2022, beside those of the network: 1. The source learns from all spans. 2. Its
answer is the most probable type, with "none" among them; here a type is told from a threshold on. 3. What is
learnt of repeated words: see `marker_texts`.

A folder holds config.json, model.safetensors and tokenizer.json (the encoder), head.safetensors (word shapes,
markers, scores), markers.json (written last) and log.jsonl.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from apothecary.corpora.conditions import split
from apothecary.documents import Document
from apothecary.engines.weights import model_folder
from apothecary.errors import ModelMissing, UsageError, WeightsError
from apothecary.networks.encoding import TextEncoder
from apothecary.networks.heads import Encoder
from apothecary.networks.levitated import LevitatedMarkers
from apothecary.training.base_model import quiet, translated
from apothecary.training.marker_texts import (
    MarkedText,
    annotated,
    places,
    read_text,
    soft_f1,
    told,
    with_types,
)

__all__ = ["MarkerSettings", "predict_markers", "train_markers"]

Floats = NDArray[np.float32]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]

DESCRIPTION = "markers.json"
HEAD = "head.safetensors"
_ENCODER = "encoder.model."
_THRESHOLDS = tuple(place / 20 for place in range(1, 20))


@dataclass(frozen=True)
class MarkerSettings:
    """How a classifier is trained.

    `encoder` is a name of `apothecary models list` or a folder with config.json, tokenizer.json and
    safetensors (BERT or RoBERTa). `longest` counts the words of a candidate as its tokenizer parts them.
    `negatives` is the share of candidates without a type that an epoch learns from. `development` is the
    share of abstracts held back to choose the threshold; with 0 it is `threshold`. One step of the optimizer
    sees `texts_a_step` instances, one pass of the encoder up to `spans_a_pass` spans of one of them.
    """

    encoder: str = "minilm-l6"
    seed: Annotated[int, Field(ge=0)] = 13
    epochs: Annotated[int, Field(ge=1)] = 10
    texts_a_step: Annotated[int, Field(ge=1)] = 2
    learning_rate: Rate = 2e-4
    head_learning_rate: Rate = 1e-3
    warm_up: Share = 0.1
    weight_decay: Share = 0.01
    dropout: Share = 0.1
    longest: Annotated[int, Field(ge=1, le=64)] = 16
    negatives: Annotated[float, Field(gt=0, le=1)] = 0.1
    spans_a_pass: Annotated[int, Field(ge=1, le=1024)] = 256
    development: Share = 0.15
    threshold: Rate = 0.3


@dataclass(frozen=True)
class _Description:
    """What markers.json says: how to read the folder, and on what it was trained.

    `gold` are the conditions that were given, `lost` those among them that are no candidate. `judged` is the
    mean F1 of soft pairs (0 to 1) that the threshold reached on what was held back, which chose it.
    """

    settings: MarkerSettings
    labels: tuple[str, ...]
    threshold: float
    instances: int
    gold: int
    lost: int
    judged: float | None
    format: Literal[1] = 1


def train_markers(instances: Sequence[Document], settings: MarkerSettings, out: Path) -> Path:
    """Train on annotated instances, as `formats.condition_rows` makes them; the folder that `predict` takes.

    The types are those that occur. Equal instances, settings and threads give equal weights on a CPU. Raises
    UsageError for settings, a folder that holds a training or nothing to learn; DataError for a document that
    is no annotated instance; ModelMissing and WeightsError for the encoder.
    """
    settings = _checked(settings)
    documents = [annotated(document) for document in instances]
    labels = tuple(sorted({each.type for document in documents for each in document.conditions}))
    if not labels:
        raise UsageError("no instance has a condition that stands in its text: there is nothing to learn")
    if (out / DESCRIPTION).exists():
        raise UsageError("holds a training already", where=str(out), hint="name another folder")
    source = model_folder(settings.encoder)
    torch.manual_seed(settings.seed)
    model, tokenizer = _build(source, settings, len(labels))
    shares = {"train": 1 - settings.development, "development": settings.development}
    parts = split(documents, shares, seed=settings.seed)
    texts = {
        name: [read_text(tokenizer, each, settings.longest, model.positions) for each in part]
        for name, part in parts.items()
    }
    learnt = [with_types(text, labels) for text in texts["train"]]
    if not any(text.types.any() for text in learnt):
        raise UsageError("no condition of the training part is a candidate", hint="a larger `longest`")
    _begin(out)
    _learn(model, learnt, settings, out)
    threshold, judged = _choose(model, texts["development"], settings, labels)
    gold = sum(len(each.conditions) + len(each.unlocated) for each in documents)
    reached = sum(len(places(text)) for part in texts.values() for text in part)
    description = _Description(settings, labels, threshold, len(documents), gold, gold - reached, judged)
    _log(out, {"threshold": threshold, "judged": judged, "gold": gold, "lost": gold - reached})
    _write(model, description, source, out)
    return out


def predict_markers(folder: Path, instances: Sequence[Document]) -> list[dict[str, object]]:
    """The records of instances, in their order: "id" and "conditions" (span, type, start, end, probability).

    They are told as `marker_texts.told` says; gold is not looked at. Raises ModelMissing, WeightsError and,
    for a document that is no instance, DataError.
    """
    description = _described(folder)
    settings = description.settings
    model, tokenizer = _build(folder, settings, len(description.labels))
    with translated(str(folder / HEAD), "does not load"):
        kept = load_file(folder / HEAD)
        model.load_state_dict({**model.state_dict(), **kept})
    if set(kept) != set(_head(model)):
        raise WeightsError("is not the head of a span classifier", where=str(folder / HEAD))
    records: list[dict[str, object]] = []
    for document in instances:
        text = read_text(tokenizer, document, settings.longest, model.positions)
        found = _probabilities(model, text, settings)
        said = told(text, found, description.labels, description.threshold)
        records.append({"id": document.id, "conditions": said})
    return records


# --- learning -------------------------------------------------------------------------------------


def _learn(model: LevitatedMarkers, texts: Sequence[MarkedText], settings: MarkerSettings, out: Path) -> None:
    optimizer = torch.optim.AdamW(_groups(model, settings))
    steps = settings.epochs * -(-len(texts) // settings.texts_a_step)
    warm = max(1, round(settings.warm_up * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
    )
    model.train()
    for epoch in range(settings.epochs):
        begun = time.monotonic()
        # By epoch: what is drawn does not depend on how much was drawn before.
        rng = np.random.default_rng([settings.seed, epoch])
        order = rng.permutation(len(texts))
        loss, count = 0.0, 0
        for start in range(0, len(order), settings.texts_a_step):
            batch = [texts[place] for place in order[start : start + settings.texts_a_step]]
            drawn = [(text, _drawn(text, settings.negatives, rng)) for text in batch]
            spans = sum(len(chosen) for _, chosen in drawn)
            for text, chosen in drawn:
                loss += _backward(model, text, chosen, settings.spans_a_pass, spans)
            count += spans
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
        seconds = time.monotonic() - begun
        _log(out, {"epoch": epoch + 1, "loss": loss / max(1, count), "spans": count, "seconds": seconds})


def _drawn(text: MarkedText, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """All candidates with a type, and that share of the others (one at least)."""
    typed = text.types.any(axis=1)
    others = np.flatnonzero(~typed & (text.pages.page >= 0))
    some = rng.choice(others, min(len(others), max(1, round(share * len(others)))), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(typed), some]))


def _backward(
    model: LevitatedMarkers, text: MarkedText, chosen: NDArray[np.int64], at_once: int, spans: int
) -> float:
    """Add the gradients of a text whose loss is one part of that of `spans` spans; its summed loss."""
    total = 0.0
    device = model.markers.device
    # Where the processor multiplies such numbers by itself; elsewhere they cost more than they save.
    half = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    for layout in text.pages.layouts(chosen, at_once):
        types, learnt = (
            torch.from_numpy(array[layout.spans]).to(device, torch.float32)
            for array in (text.types, text.learnt)
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=bool(half)):
            logits = model(layout)
        loss = F.binary_cross_entropy_with_logits(logits.float(), types, learnt, reduction="sum")
        torch.autograd.backward(loss / spans)
        total += loss.item()
    return total


def _groups(model: LevitatedMarkers, settings: MarkerSettings) -> list[dict[str, object]]:
    """Parameters by learning rate; biases and norms do not decay."""
    groups: list[dict[str, object]] = []
    for inside, rate in ((True, settings.learning_rate), (False, settings.head_learning_rate)):
        own = [p for name, p in model.named_parameters() if name.startswith(_ENCODER) == inside]
        for decays in (True, False):
            chosen = [p for p in own if (p.ndim > 1) == decays]
            groups.append({"params": chosen, "lr": rate, "weight_decay": settings.weight_decay * decays})
    return groups


def _choose(
    model: LevitatedMarkers, texts: Sequence[MarkedText], settings: MarkerSettings, labels: Sequence[str]
) -> tuple[float, float | None]:
    """The threshold with the best mean F1 of soft pairs, of equals the one nearest to an even chance."""
    if not texts:
        return settings.threshold, None
    scored = [(text, _probabilities(model, text, settings)) for text in texts]
    figures = {
        threshold: float(
            np.mean([soft_f1(text, told(text, each, labels, threshold)) for text, each in scored])
        )
        for threshold in _THRESHOLDS
    }
    best = max(figures, key=lambda threshold: (figures[threshold], -abs(threshold - 0.5)))
    return best, figures[best]


# --- predicting -----------------------------------------------------------------------------------


def _probabilities(model: LevitatedMarkers, text: MarkedText, settings: MarkerSettings) -> Floats:
    """Candidates by labels; 0 for what no window holds. In float32: passes then do not touch each other."""
    found = np.zeros((len(text.pages.spans), model.score.out_features), np.float32)
    model.eval()
    # The others were drawn for one in so many: among all, the odds of a type are lower by that factor.
    prior = math.log(settings.negatives)
    for layout in text.pages.layouts(np.arange(len(found)), settings.spans_a_pass):
        with torch.no_grad():
            found[layout.spans] = torch.sigmoid(model(layout).float() + prior).cpu().numpy()
    if not np.isfinite(found).all():
        raise WeightsError("scores are no numbers", hint="the weights are damaged, or learning_rate too high")
    return found


# --- folders --------------------------------------------------------------------------------------


def _checked(settings: MarkerSettings) -> MarkerSettings:
    try:
        return TypeAdapter(MarkerSettings).validate_python(asdict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where="settings") from error


def _build(folder: Path, settings: MarkerSettings, labels: int) -> tuple[LevitatedMarkers, TextEncoder]:
    """The network over the encoder of a folder, on the accelerator where there is one."""
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        raise WeightsError("holds no weights as safetensors; others are not read", where=str(folder))
    tokenizer = TextEncoder(folder / "tokenizer.json")
    with quiet(), translated(str(folder), "does not load"):
        encoder = Encoder(folder)
    model = LevitatedMarkers(encoder, labels, tokenizer.mask, settings.dropout)
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _head(model: LevitatedMarkers) -> dict[str, torch.Tensor]:
    return {name: value for name, value in model.state_dict().items() if not name.startswith(_ENCODER)}


def _begin(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "log.jsonl").write_text("", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out)) from error


def _log(out: Path, row: Mapping[str, object]) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def _write(model: LevitatedMarkers, description: _Description, source: Path, out: Path) -> None:
    with quiet(), translated(str(out), "cannot be written"):
        model.cpu().encoder.model.save_pretrained(out)
        save_file({name: value.contiguous() for name, value in _head(model).items()}, out / HEAD)
        shutil.copyfile(source / "tokenizer.json", out / "tokenizer.json")
        text = json.dumps(asdict(description), indent=1, ensure_ascii=False)
        (out / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _described(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ModelMissing("holds no span classifier (markers.json)", where=str(folder))
    try:
        found = TypeAdapter(_Description).validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise WeightsError("is no description of a span classifier", where=str(path)) from error
    return found
