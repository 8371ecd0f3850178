"""A trained model -> a folder that the pocket engine loads: ONNX, eight-bit weights, calibration, digests."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from apothecary.metrics.calibration import platt
from apothecary.networks.description import (
    HeadDescription,
    ModelDescription,
    file_digest,
    write_description,
)
from apothecary.networks.features import PAIR_FEATURES, SET_FEATURES
from apothecary.networks.heads import SetHead, TagHead
from apothecary.training.evaluation import Scores, fit_rule
from apothecary.training.scoring import PocketModel
from apothecary.training.settings import HeadSettings, PocketSettings

__all__ = ["calibrate", "export"]

Axes = dict[int, torch.export.Dim]


def export(model: PocketModel, settings: PocketSettings, encoder_folder: Path, out: Path) -> ModelDescription:
    """Write the model to `out` with eight-bit weights; heads that serve no step are left out."""
    shutil.copyfile(encoder_folder / "tokenizer.json", out / "tokenizer.json")
    _encoder(model, out / "encoder.onnx")
    kept = [head for head in settings.head if head.steps]
    for head in kept:
        _head(model.heads[head.name], model.encoder.width, out / f"{head.name}.onnx")
    names = ["encoder.onnx", "tokenizer.json", *(f"{head.name}.onnx" for head in kept)]
    description = ModelDescription(
        settings.name,
        settings.window,
        settings.overlap,
        tuple(_described(head) for head in kept),
        {name: file_digest(out / name) for name in names},
    )
    write_description(description, out)
    return description


def calibrate(description: ModelDescription, scores: Mapping[str, Scores], out: Path) -> None:
    """Write the description again, with the calibration that the scores of a development part give."""
    heads = tuple(_calibrated(head, scores.get(head.name)) for head in description.heads)
    write_description(replace(description, heads=heads), out)


def _described(head: HeadSettings) -> HeadDescription:
    return HeadDescription(
        head.name, head.kind, f"{head.name}.onnx", head.labels, head.steps, aliases=dict(head.aliases)
    )


def _calibrated(head: HeadDescription, scores: Scores | None) -> HeadDescription:
    """The head with the rule for its spans, and slope and intercept of the labels seen often enough."""
    found: dict[str, tuple[float, float]] = {}
    rule = fit_rule(scores) if scores and head.kind == "spans" else head.rule
    told = [each for tagged in scores.spans for each in tagged.told(rule)] if scores else []
    for position, label in enumerate(head.labels):
        rows: Sequence[tuple[float, bool]] = ()
        if scores and head.kind == "spans":
            rows = [(span[3], hit) for span, hit in told if span[2] == position]
        elif scores and head.kind in ("pairs", "names"):
            rows = scores.pairs.get(position, [])
        # Fewer than ten of either kind would fit noise.
        if min(sum(hit for _, hit in rows), sum(not hit for _, hit in rows)) >= 10:
            found[label] = platt([score for score, _ in rows], [hit for _, hit in rows])
    return replace(head, calibration=found, rule=rule)


def _encoder(model: PocketModel, path: Path) -> None:
    # One window at a time needs no padding, hence no mask: adding it costs a fourteenth of a pass.
    ids = torch.ones(1, 16, dtype=torch.long)
    axes: Axes = {1: torch.export.Dim("tokens", min=3)}
    _onnx(model.encoder, {"ids": ids, "shapes": torch.zeros_like(ids)}, {"ids": axes, "shapes": axes}, path)
    _quantised(path)


def _head(module: nn.Module, width: int, path: Path) -> None:
    tokens, items = torch.export.Dim("tokens", min=2), torch.export.Dim("items", min=2)
    states = torch.randn(12, width)
    if isinstance(module, TagHead):
        _onnx(module, {"states": states}, {"states": {0: tokens}}, path)
        return
    groups = torch.zeros(5, 12)
    groups[:, 1] = 1
    both: Axes = {0: items, 1: tokens}
    given = ("heads", "tails", "between")
    count = PAIR_FEATURES
    if isinstance(module, SetHead):
        given, count = ("inside", "outside", "around"), SET_FEATURES
    inputs = {"states": states, **{name: groups.clone() for name in given}, "features": torch.zeros(5, count)}
    axes = {"states": {0: tokens}, **dict.fromkeys(given, both), "features": {0: items}}
    _onnx(module, inputs, axes, path)
    _quantised(path)


def _onnx(module: nn.Module, inputs: Mapping[str, Tensor], axes: Mapping[str, Axes], path: Path) -> None:
    with warnings.catch_warnings():
        # The exporter warns of its own use of what torch deprecates.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["found"],
            dynamic_shapes=tuple(axes.values()),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.save(str(path))


def _quantised(path: Path) -> None:
    """Weights to eight bits, by channel; activations are scaled at run time."""
    whole = path.with_suffix(".float.onnx")
    path.replace(whole)
    network = onnx.load(str(whole))
    # Shapes noted by the exporter are those before the weights were folded; the quantiser infers its own.
    del network.graph.value_info[:]
    try:
        quantize_dynamic(
            network,
            str(path),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        )
    finally:
        whole.unlink()
