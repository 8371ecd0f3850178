"""The model that an adapter is learnt for: a GGUF, a folder, or a name on the Hugging Face Hub.

The weights of a GGUF are dequantised once and kept beside the other models of this machine; tokenizer and
chat template come from the file too. Weights are read from safetensors or GGUF alone, and no code that
comes with a model is run.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from apothecary.engines.weights import ModelFile, catalogue, models_folder, resolve
from apothecary.errors import EngineError, UsageError, WeightsError

__all__ = ["Base", "gguf_of", "load_base", "torch_source", "translated"]

_WRONG = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, ImportError)
_FAULTS = (
    *(*_WRONG, MemoryError, OSError, SafetensorError),
    *(StrictDataclassError, HfHubHTTPError, HFValidationError),
)
SHOWN_OF_A_FAULT = 200


@dataclass(frozen=True)
class Base:
    """Weights and tokenizer; `number` is in what they are computed with."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    number: torch.dtype


def gguf_of(name: str) -> ModelFile | None:
    """The GGUF file that a model is named by; None for a folder or a name on the Hub.

    Raises ModelMissing, UsageError, WeightsError.
    """
    if Path(name).is_dir():
        return None
    known = name in {weights.name for weights in catalogue()}
    return resolve(name) if known or name.endswith(".gguf") else None


def torch_source(name: str) -> str:
    """The folder with the weights of a model as torch reads them, made from its GGUF if need be.

    A name that is neither a file, a folder nor known here is one of the Hub, and given back.
    """
    gguf = gguf_of(name)
    if gguf is None:
        return name
    folder = models_folder() / f"torch-{gguf.digest[:16]}"
    if not folder.is_dir():
        _dequantise(gguf, folder)
    return str(folder)


def load_base(
    name: str, precision: Literal["auto", "bf16", "fp32"] = "auto", *, four_bit: bool = False
) -> Base:
    """Read a model and its tokenizer; with `four_bit` its weights are kept so, on the GPU.

    Raises UsageError, EngineError (ModelMissing, WeightsError).
    """
    if four_bit:
        _check_four_bit()
    source = torch_source(name)
    local = Path(source).is_dir()
    if not local and Path(source).exists():
        raise UsageError("is no GGUF file and no folder", where=name)
    quick = torch.cuda.is_available() or torch.cpu.get_capabilities().get("avx512_bf16", False)
    number = torch.bfloat16 if precision == "bf16" or (precision == "auto" and quick) else torch.float32
    with quiet(), translated(name, "does not load"):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=local)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=number,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=local,
            quantization_config=_four_bits(number) if four_bit else None,
            device_map={"": torch.cuda.current_device()} if four_bit else None,
        )
    return Base(name, cast(PreTrainedModel, model), cast(PreTrainedTokenizerFast, tokenizer), number)


def _check_four_bit() -> None:
    """Raises UsageError where weights cannot be kept in four bits."""
    if not torch.cuda.is_available():
        raise UsageError("four_bit: there is no GPU", hint="leave it out: on a CPU nothing is gained by it")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError("four_bit: bitsandbytes is not installed", hint="pip install bitsandbytes")


def _four_bits(number: torch.dtype) -> BitsAndBytesConfig:
    """As QLoRA has it: NF4, its constants quantised too. Source: Dettmers et al. 2023, section 3."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=number,
    )


@contextmanager
def translated(where: str, what: str) -> Iterator[None]:
    """Turn what the libraries raise on broken, missing or hostile files into a WeightsError."""
    try:
        yield
    except _FAULTS as error:
        reason = " ".join(str(error).split())[:SHOWN_OF_A_FAULT] or type(error).__name__
        raise WeightsError(f"{what}: {reason}", where=where) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars and warnings of the libraries off the terminal; errors still come through."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings(action="ignore"):
        yield


def _dequantise(gguf: ModelFile, folder: Path) -> None:
    """Write the weights in bfloat16: they have at most eight bits, so little is lost."""
    parent, file = str(gguf.path.parent), gguf.path.name
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        with quiet(), translated(str(gguf.path), "cannot be turned into torch weights"):
            tokenizer = AutoTokenizer.from_pretrained(parent, gguf_file=file, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                parent,
                gguf_file=file,
                dtype=torch.bfloat16,
                # Without this the library holds the model for a quantised one and does not save it.
                quantization_config=GgufConfig(dequantize=True),
                local_files_only=True,
            )
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
        if not folder.is_dir():
            temporary.replace(folder)
    except OSError as error:
        raise EngineError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
