"""The folder of a scorer: ``model.json`` says what it is, ``arrays.npz`` holds what it learnt (no pickle).

A scorer of the kind ``knn`` keeps its training visits: its folder is to be kept as the records are. The
features of the others are codes that at least two visits had.

A kind is added by a line of `_READERS`, or of `_WITH_TORCH` for a module with ``read(arrays) -> Scorer`` that
imports torch; how it is fitted stands in `training.scorer_fitting`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from apothecary import ADVICE
from apothecary.errors import DataError, ModelMissing, UsageError, WeightsError
from apothecary.networks.visit_scorers import DrugScorer, Logistic, Neighbours, Popularity, Scorer

__all__ = ["ARRAYS", "MODEL", "PART", "WHAT", "digest_of", "read_scorer", "write_scorer"]

MODEL, ARRAYS = "model.json", "arrays.npz"
PART = "scorer"
"""The folder of the scorer within that of a policy of which it is a part."""
WHAT = "apothecary drug scorer"
FORMAT = 1
HINT = "train it again: apothecary train recommender"

_READERS: Mapping[str, Callable[[Mapping[str, NDArray[np.generic]]], Scorer]] = {
    "popularity": Popularity.read,
    "knn": Neighbours.read,
    "logistic": Logistic.read,
}
_WITH_TORCH: Mapping[str, str] = {
    "safedrug": "apothecary.networks.safedrug",
    "gamenet": "apothecary.networks.gamenet",
}

_Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class _Model:
    what: str
    format: int
    kind: str
    vocabulary: tuple[str, ...]
    features: tuple[str, ...]
    titles: dict[str, str]
    slope: _Finite
    intercept: _Finite
    threshold: _Finite
    about: dict[str, object]
    sha256: str


def write_scorer(folder: Path, scorer: DrugScorer) -> None:
    """Write the folder; the same scorer gives the same bytes. Raises OSError where it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {f"scorer.{name}": array for name, array in scorer.scorer.arrays().items()}
    data = _packed({"shares": scorer.shares, **own})
    record = {
        "what": WHAT,
        "format": FORMAT,
        "kind": scorer.kind,
        "note": ADVICE + (" This folder holds data of patients." if scorer.kind == "knn" else ""),
        "threshold": scorer.threshold,
        "slope": scorer.slope,
        "intercept": scorer.intercept,
        "sha256": hashlib.sha256(data).hexdigest(),
        "about": dict(scorer.about),
        "vocabulary": scorer.vocabulary,
        "features": scorer.features,
        "titles": dict(sorted(scorer.titles.items())),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (folder / ARRAYS).write_bytes(data)
    (folder / MODEL).write_text(text.encode("utf-8", "replace").decode("utf-8"), encoding="utf-8")


def read_scorer(folder: Path) -> DrugScorer:
    """The scorer of a folder. Raises ModelMissing where there is none, WeightsError for a damaged one."""
    try:
        text, data = (folder / MODEL).read_bytes(), (folder / ARRAYS).read_bytes()
    except OSError as error:
        raise ModelMissing(f"no policy in it: {error.strerror}", where=str(folder), hint=HINT) from error
    try:
        model = _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _damaged(folder, f"{name}: {first['msg']}") from error
    if (model.what, model.format) != (WHAT, FORMAT) or model.kind not in {*_READERS, *_WITH_TORCH}:
        raise _damaged(folder, f"is no scorer of this version, but {model.kind}, format {model.format}")
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise _damaged(folder, f"{ARRAYS} is not what was written with {MODEL}")
    if len(set(model.vocabulary)) != len(model.vocabulary) or len(set(model.features)) != len(model.features):
        raise _damaged(folder, "names a drug or a feature twice")
    try:
        arrays = _arrays(data)
        own = {
            name.removeprefix("scorer."): value
            for name, value in arrays.items()
            if name.startswith("scorer.")
        }
        return DrugScorer(
            kind=model.kind,
            vocabulary=model.vocabulary,
            features=model.features,
            scorer=_reader(model.kind, folder)(own),
            shares=Popularity.read(arrays).shares,
            slope=model.slope,
            intercept=model.intercept,
            threshold=model.threshold,
            titles=model.titles,
            about=model.about,
        )
    except DataError as error:
        raise _damaged(folder, error.message) from error


def digest_of(folder: Path) -> str:
    """SHA-256 of the scorer: of its description, which holds that of the arrays. Raises ModelMissing."""
    try:
        return hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelMissing(f"no policy in it: {error.strerror}", where=str(folder), hint=HINT) from error


_ADAPTER = TypeAdapter(_Model)


def _reader(kind: str, folder: Path) -> Callable[[Mapping[str, NDArray[np.generic]]], Scorer]:
    if kind in _READERS:
        return _READERS[kind]
    if importlib.util.find_spec("torch") is None:
        hint = "pip install 'apothecary[train]'"
        raise UsageError(
            f"torch is not installed: a policy of the kind {kind} needs it", where=str(folder), hint=hint
        )
    found: Callable[[Mapping[str, NDArray[np.generic]]], Scorer] = import_module(_WITH_TORCH[kind]).read
    return found


def _packed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """As numpy packs arrays, without the time of day: the same arrays give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(entry, member.getvalue(), compress_type=zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _arrays(data: bytes) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{ARRAYS} cannot be read") from error


def _damaged(folder: Path, problem: str) -> WeightsError:
    return WeightsError(problem, where=str(folder), hint=HINT)
