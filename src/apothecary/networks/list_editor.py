"""A small network that edits lists, with numpy alone: what it says of lists, how it edits them, its files.

It reads the figures of `list_features` with the same weights for every drug, so that it serves vocabularies
of any size and drugs that no training knew. First it decides whether to stop, then which drug to toggle. An
edit's score is ``gain * (expected rise of the potential)`` plus what the network adds, and what speaks for
stopping is the contrary of the best of these rises, plus what the network adds. A network that adds nothing
is thus the greedy editor of the expected potential, and training begins there. Neither pads a list (`look`).
Weights that were learnt when padding was legal read the same figures as then, choose among fewer edits, and
stop where the best of these does not pay.

A folder holds ``model.json`` and ``editor.safetensors``: a header of names and shapes, and plain numbers. It
is read and written here, since to recommend needs neither torch nor the library of that name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from apothecary import ADVICE
from apothecary.errors import ModelMissing, WeightsError
from apothecary.networks.list_features import CONTEXT, OF_DRUG, Harm, ListInputs, ListStates, Seen, see

__all__ = [
    "MODEL",
    "WEIGHTS",
    "WHAT",
    "ListEditor",
    "Terms",
    "greedy_editor",
    "lists_after",
    "look",
    "read_editor",
    "shapes_of",
    "write_editor",
]

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

MODEL, WEIGHTS = "model.json", "editor.safetensors"
WHAT = "apothecary list editor"
FORMAT = 1
BATCH = 32
"""Visits that are edited together: more do not fit the cache of a core, and take longer."""

_CLOSER, _SAFER = 5, 6
"""Figures of a drug in `Seen`: what its edit adds to the expected Jaccard index, and by less harm."""

_Count = Annotated[int, Field(ge=0, le=1 << 16)]
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Terms:
    """What an editor was trained for: the potential, the budget of edits and the list that it begins with.

    Lists begin with the drugs from `threshold` on, or empty; with `severity` interactions count by
    `interactions.GRADES`.
    """

    harm: Harm = field(default_factory=Harm)
    budget: _Count = 10
    start: Literal["threshold", "empty"] = "threshold"
    threshold: _Share = 0.3
    severity: bool = False

    def first_lists(self, inputs: ListInputs) -> NDArray[np.bool_]:
        """The list that each visit begins with."""
        return inputs.first_list(2.0 if self.start == "empty" else self.threshold)


@dataclass(frozen=True)
class ListEditor:
    """The network with its weights; `about` tells of its training. Raises WeightsError for other shapes."""

    weights: Mapping[str, Floats]
    terms: Terms = field(default_factory=Terms)
    about: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {name: value.shape for name, value in self.weights.items()}
        wrong = sorted(
            set(shapes.items()) ^ set(shapes_of(next(iter(shapes.get("drug.bias", ())), 0)).items())
        )
        if wrong:
            raise WeightsError(f"the weights of a list editor are of another form, first at {wrong[0][0]}")
        if not all(np.isfinite(value).all() for value in self.weights.values()):
            raise WeightsError("the weights of a list editor are not finite")

    def scores(self, seen: Seen) -> tuple[Floats, Floats]:
        """What speaks for each edit (minus infinity: not legal), and the log-odds of stopping.

        Shapes: results visits x drugs, visits.
        """
        own = self.weights
        (rows, drugs), wide = seen.gains.shape, len(own["drug.bias"])
        first = seen.drugs.reshape(rows * drugs, OF_DRUG) @ own["drug.weight"].T
        first = first.reshape(rows, drugs, wide)
        first += (seen.context @ own["context.weight"].T + own["drug.bias"])[:, None, :]
        np.maximum(first, 0, out=first)
        listed = np.matmul(seen.pull[:, None, :], first)[:, 0, :]
        second = first.reshape(rows * drugs, wide) @ own["second.weight"].T
        second = second.reshape(rows, drugs, wide)
        second += (listed @ own["listed.weight"].T + own["second.bias"])[:, None, :]
        np.maximum(second, 0, out=second)
        edits = second @ own["edit.weight"][0] + own["edit.bias"] + own["gain"] * seen.gains
        told = np.concatenate((seen.context, listed), axis=1)
        stopping = np.maximum(told @ own["stop_first.weight"].T + own["stop_first.bias"], 0)
        stop = stopping @ own["stop.weight"][0] + own["stop.bias"] - own["gain"] * seen.best
        return np.where(seen.legal, edits, -np.inf), np.where(seen.legal.any(axis=1), stop, np.inf)

    def edit(
        self, inputs: ListInputs, *, start: NDArray[np.bool_] | None = None, budget: int | None = None
    ) -> Places:
        """The best edit of each list after the other, until it is best to stop or none is left.

        `start` and `budget` are those of the training where they are not given. Of equals the first drug is
        edited, and rather than that the list stays as it is.
        Shapes: result visits x budget: the drug that each edit toggles, -1 after the last.
        """
        first = self.terms.first_lists(inputs) if start is None else start & ~inputs.barred
        most = self.terms.budget if budget is None else budget
        made = np.full((len(inputs), most), -1, np.int64)
        for begin in range(0, len(inputs), BATCH):
            part = np.arange(begin, min(begin + BATCH, len(inputs)))
            made[part] = self._edit(inputs.take(part), ListStates.at_start(first[part], most), most)
        return made

    def _edit(self, inputs: ListInputs, states: ListStates, most: int) -> Places:
        made = np.full((len(inputs), most), -1, np.int64)
        going = np.arange(len(inputs))
        for step in range(most):
            seen = look(inputs, states)
            found, stop = self.scores(seen)
            on = stop < 0
            going, chosen = going[on], found[on].argmax(axis=1) if on.any() else going[on]
            if not len(going):
                break
            made[going, step] = chosen
            inputs, states = inputs.take(on), states.take(on).after(chosen)
        return made


def look(inputs: ListInputs, states: ListStates) -> Seen:
    """What there is to see of lists, as `see` tells it, with no padding among what is legal.

    Padding is an addition that lowers the expected Jaccard index and is paid for by the measure of harm:
    whatever harmless drug is added dilutes the rate of interactions. What lowers the index alone is legal,
    since a network may know better than the scores that it edits.
    """
    seen = see(inputs, states)
    farther, safer = seen.drugs[:, :, _CLOSER] < 0, seen.drugs[:, :, _SAFER] > 0
    legal = seen.legal & ~((states.members == 0) & farther & safer)
    best = np.where(legal, seen.gains, np.float32(-1.0)).max(axis=1, initial=-1.0)
    return replace(seen, legal=legal, best=best)


def greedy_editor(terms: Terms) -> ListEditor:
    """The editor whose network adds nothing: always the edit that the expected potential gains most by."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes_of(1).items()}
    return ListEditor(weights | {"gain": np.ones((), np.float32)}, terms)


def lists_after(start: NDArray[np.bool_], edits: Places) -> NDArray[np.bool_]:
    """The lists that `ListEditor.edit` makes.

    Shapes: start and result visits x drugs, edits visits x edits.
    """
    lists = start.copy()
    rows, steps = np.nonzero(edits >= 0)
    drugs = edits[rows, steps]
    # A drug is edited once at most.
    lists[rows, drugs] = ~lists[rows, drugs]
    return lists


def read_editor(folder: Path) -> ListEditor:
    """The editor of a folder. Raises ModelMissing where there is none, WeightsError for a damaged one."""
    try:
        text, data = (folder / MODEL).read_bytes(), (folder / WEIGHTS).read_bytes()
    except OSError as error:
        hint = "train it: apothecary train stepwise"
        raise ModelMissing(f"no list editor in it: {error.strerror}", where=str(folder), hint=hint) from error
    try:
        model = _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise WeightsError(f"{name}: {first['msg']}", where=str(folder / MODEL)) from error
    if (model.what, model.format) != (WHAT, FORMAT):
        raise WeightsError(
            f"is no list editor of this version, but {model.what}, format {model.format}",
            where=str(folder / MODEL),
        )
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise WeightsError(f"is not what was written with {MODEL}", where=str(folder / WEIGHTS))
    try:
        return ListEditor(_tensors(data), model.terms, model.about)
    except WeightsError as error:
        raise WeightsError(error.message, where=str(folder / WEIGHTS)) from error


def write_editor(folder: Path, editor: ListEditor) -> None:
    """Write the folder; the same editor gives the same bytes. Raises OSError where it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    data = _packed(editor.weights)
    record = {
        "what": WHAT,
        "format": FORMAT,
        "note": ADVICE,
        "terms": asdict(editor.terms),
        "sha256": hashlib.sha256(data).hexdigest(),
        "about": dict(editor.about),
    }
    (folder / WEIGHTS).write_bytes(data)
    text = json.dumps(record, indent=1, ensure_ascii=False, default=str) + "\n"
    (folder / MODEL).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class _Model:
    what: str
    format: int
    note: str
    terms: Terms
    sha256: str
    about: dict[str, object]


_ADAPTER = TypeAdapter(_Model)


def shapes_of(wide: int) -> dict[str, tuple[int, ...]]:
    """The weights by name, as torch lays them out: a linear layer is outputs x inputs."""
    return {
        "context.weight": (wide, CONTEXT),
        "drug.bias": (wide,),
        "drug.weight": (wide, OF_DRUG),
        "edit.bias": (1,),
        "edit.weight": (1, wide),
        "gain": (),
        "listed.weight": (wide, wide),
        "second.bias": (wide,),
        "second.weight": (wide, wide),
        "stop.bias": (1,),
        "stop.weight": (1, wide),
        "stop_first.bias": (wide,),
        "stop_first.weight": (wide, CONTEXT + wide),
    }


def _packed(weights: Mapping[str, Floats]) -> bytes:
    header, parts, end = {}, [], 0
    for name, value in sorted(weights.items()):
        part = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [end, end + len(part)]}
        parts.append(part)
        end += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    # The format wants its numbers at a multiple of eight.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def _tensors(data: bytes) -> dict[str, Floats]:
    """The numbers of a safetensors file that holds float32 alone. Raises WeightsError."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = _HEADER.validate_json(data[8 : 8 + length])
    except (struct.error, ValidationError) as error:
        raise WeightsError("is no safetensors file of float32") from error
    found, body = {}, data[8 + length :]
    for name, entry in header.items():
        begin, end = entry.data_offsets
        shape = tuple(entry.shape)
        if not 0 <= begin <= end <= len(body) or end - begin != 4 * int(np.prod(shape, dtype=np.int64)):
            raise WeightsError(f"{name} lies outside of the file, or is of another shape")
        found[name] = np.frombuffer(body[begin:end], "<f4").reshape(shape).astype(np.float32)
    return found


@dataclass(frozen=True)
class _Entry:
    dtype: Literal["F32"]
    shape: Annotated[list[_Count], Field(max_length=4)]
    data_offsets: tuple[int, int]


_HEADER = TypeAdapter(dict[str, _Entry])
