"""Role-conditioned adapters on disk, so that none is ever opened without its role part.

The layout is PEFT's: ``adapter_config.json`` and ``adapter_model.safetensors``, whether written here or by
``save_pretrained`` (as trainers do). The configuration is of a type of its own, which PEFT, Transformers and
servers refuse (see `role_config`); with this module imported PEFT opens it as what it is. Unlike PEFT's,
this loader fails on a file that lacks a tensor or holds one too many.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import cast

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from apothecary.adapters.role_config import NOTE, RoleLoraConfig, RoleType
from apothecary.adapters.role_model import attach, learning_as_before, tuner_of
from apothecary.errors import ApothecaryError, UsageError, WeightsError, first_few

__all__ = [
    "CONFIG",
    "README",
    "WEIGHTS",
    "check_tensors",
    "is_role_adapter",
    "load_role_adapter",
    "read_role_config",
    "read_tensors",
    "reading",
    "save_role_adapter",
    "written_whole",
]

CONFIG, WEIGHTS, README = "adapter_config.json", "adapter_model.safetensors", "README.md"
CARD = f"""# A role-conditioned adapter

{NOTE}

It needs to know which token plays which role. A program that reads a plain LoRA cannot use it, and must not:
its role part would be lost without a word. `apothecary.adapters.role_merge` makes a whole model of it, or,
where the loss is wanted, a plain LoRA.
"""
BESIDE = {CONFIG, WEIGHTS, README, "asked.json", "chat_template.jinja"}
"""What lies in the folder of an adapter."""
EMBEDDING = ".lora_role_embedding."
WRONG = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


def is_role_adapter(folder: Path) -> bool:
    """Whether a folder says that it is an adapter of this kind; False for whatever cannot be read."""
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("peft_type") == RoleType.ROLE_LORA


def save_role_adapter(model: PeftModel, folder: Path, *, adapter: str = "default") -> None:
    """Write an adapter, whole or not at all; an older one in the folder's place is replaced.

    Raises UsageError for a model without roles, and where something else lies in the folder.
    """
    config = tuner_of(model).peft_config.get(adapter)
    if not isinstance(config, RoleLoraConfig):
        raise UsageError(f"there is no adapter {adapter!r}")
    config = copy(config)
    config.inference_mode = True
    with written_whole(_free(folder)) as temporary:
        config.save_pretrained(str(temporary))
        # A shared embedding is written once for each module that reads it.
        tensors = {name: each.detach().cpu().clone() for name, each in _state(model, adapter).items()}
        save_file(tensors, temporary / WEIGHTS, metadata={"format": "pt", "note": NOTE})
        (temporary / README).write_text(CARD, encoding="utf-8")


def _free(folder: Path) -> Path:
    """The folder, if nothing but an adapter would be replaced there. Raises UsageError."""
    folder = Path(folder).resolve()
    held = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    if folder.is_file() or held - BESIDE or folder == Path.cwd():
        other = first_few(sorted(held - BESIDE)) or "no folder of its own"
        raise UsageError(f"would be replaced: {other}", where=str(folder), hint="name a new folder")
    return folder


def load_role_adapter(
    model: PreTrainedModel, folder: Path, *, adapter: str = "default", trainable: bool = False
) -> PeftModel:
    """Put a saved adapter into the model it was learnt for.

    Raises WeightsError for a folder that holds none, one that is damaged, or one of another model.
    """
    folder = Path(folder)
    config = read_role_config(folder)
    config.inference_mode = not trainable
    tensors = read_tensors(folder / WEIGHTS)
    _check_sizes(config, tensors, folder)
    with reading(folder, "does not fit the model"), learning_as_before(model):
        adapted = attach(model, config, adapter=adapter)
        try:
            wanted = _state(adapted, adapter)
            check_tensors(tensors, {name: tuple(each.shape) for name, each in wanted.items()}, folder)
            set_peft_model_state_dict(adapted, dict(tensors), adapter_name=adapter)
        except Exception:
            tuner_of(adapted).unload()
            raise
    return adapted.train(trainable)


def read_role_config(folder: Path) -> RoleLoraConfig:
    """The settings of a saved adapter. Raises WeightsError."""
    if not (folder / CONFIG).is_file():
        raise WeightsError(f"is no adapter: no {CONFIG}", where=str(folder))
    if not is_role_adapter(folder):
        raise WeightsError("is no role-conditioned adapter", where=str(folder), hint=f"see its {CONFIG}")
    with reading(folder, "has a configuration of another form"):
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(found.get("role_lora"), dict):
            raise WeightsError("has no role_lora in its configuration", where=str(folder))
        return RoleLoraConfig(**found)


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises WeightsError."""
    if not file.is_file():
        raise WeightsError("is not there", where=str(file))
    with reading(file, "does not load"):
        return load_file(file)


def check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], where: Path) -> None:
    """Raises WeightsError unless there are just these tensors, of these shapes, all numbers finite."""
    for what, names in (
        ("lacks", wanted.keys() - found.keys()),
        ("also holds", found.keys() - wanted.keys()),
    ):
        if names:
            raise WeightsError(f"{what} {first_few(sorted(names))}", where=str(where))
    for name, shape in wanted.items():
        if tuple(found[name].shape) != shape:
            raise WeightsError(f"{name} is {tuple(found[name].shape)}, not {shape}", where=str(where))
        if not found[name].is_floating_point() or not bool(found[name].isfinite().all()):
            raise WeightsError(f"{name} holds what is no finite number", where=str(where))


@contextmanager
def reading(where: Path, what: str) -> Iterator[None]:
    """Turn what the libraries raise on broken, missing or hostile files into a WeightsError."""
    try:
        yield
    except WeightsError:
        raise
    except ApothecaryError as error:
        raise WeightsError(f"{what}: {error.message}", where=str(where), hint=error.hint) from error
    except (*WRONG, SafetensorError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{what}: {reason}", where=str(where)) from error


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` once all is written."""
    folder = folder.resolve()  # a link to a folder stays one
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_sizes(config: RoleLoraConfig, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Before anything is made by what the configuration says: it may say what no memory holds."""
    with reading(folder, "has a configuration of another form"):
        said = max([config.r, *(int(rank) for rank in (config.rank_pattern or {}).values())])
    ranks = [each.shape[0] for name, each in tensors.items() if name.endswith(".lora_A.weight") and each.ndim]
    if said > max(ranks, default=0):
        message = f"the configuration says rank {said}, the tensors have {max(ranks, default=0)}"
        raise WeightsError(message, where=str(folder))
    counts = {each.shape[0] for name, each in tensors.items() if EMBEDDING in name and each.ndim}
    if counts - {config.num_roles}:
        found = ", ".join(map(str, sorted(counts)))
        message = f"the configuration says {config.num_roles} roles, the tensors have {found}"
        raise WeightsError(message, where=str(folder))


def _state(model: PeftModel, adapter: str) -> Mapping[str, Tensor]:
    return cast(
        "Mapping[str, Tensor]",
        get_peft_model_state_dict(model, adapter_name=adapter, save_embedding_layers=False),
    )
