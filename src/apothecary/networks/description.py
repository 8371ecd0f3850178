"""What a folder with a pocket model says of itself: ``model.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import ModelMissing, WeightsError
from apothecary.networks.spans import Rule

__all__ = [
    "DESCRIPTION",
    "HeadDescription",
    "ModelDescription",
    "file_digest",
    "read_description",
    "write_description",
]

DESCRIPTION = "model.json"
FORMAT = 1


@dataclass(frozen=True)
class HeadDescription:
    """One head: its file, what it answers, and how its scores become probabilities.

    `calibration` maps a label to slope and intercept of ``p = 1 / (1 + exp(-(slope * score + intercept)))``
    (Platt 1999); a label without one keeps the score as log-odds. `rule` says which spans are told.
    `aliases` are other names under which a label may be asked for.
    """

    name: str
    kind: Literal["spans", "pairs", "names", "sets"]
    file: str
    labels: tuple[str, ...]
    steps: tuple[str, ...]
    calibration: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rule: Rule = field(default_factory=Rule)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelDescription:
    """One encoder with its heads. `digests` holds the SHA-256 of every file the engine loads."""

    name: str
    window: int
    overlap: int
    heads: tuple[HeadDescription, ...]
    digests: Mapping[str, str]
    encoder: str = "encoder.onnx"
    tokenizer: str = "tokenizer.json"
    format: int = FORMAT


_ADAPTER = TypeAdapter(ModelDescription)


def write_description(description: ModelDescription, folder: Path) -> None:
    """Write ``model.json``."""
    text = json.dumps(asdict(description), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> ModelDescription:
    """Read and check a folder: the description, and that every file is there with its digest.

    Raises ModelMissing without a ``model.json``, WeightsError for what is damaged or of a later format.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ModelMissing("holds no pocket model (model.json)", where=str(folder))
    try:
        found = _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        raise WeightsError(
            f"is no description of a model: {error.errors()[0]['msg']}", where=str(path)
        ) from error
    if found.format != FORMAT:
        raise WeightsError(f"has the format {found.format}, not {FORMAT}", where=str(path))
    needed = {found.encoder, found.tokenizer, *(head.file for head in found.heads)}
    for name in sorted(needed):
        if Path(name).name != name or name not in found.digests:
            raise WeightsError(f"names the file {name} without a digest", where=str(path))
        if file_digest(folder / name) != found.digests[name]:
            raise WeightsError("is not the file that model.json describes", where=str(folder / name))
    return found


def file_digest(path: Path) -> str:
    """SHA-256 of a file. Raises WeightsError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        # The latter: model.json names a file with a NUL in it.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WeightsError(f"cannot be read: {reason}", where=str(path)) from error
