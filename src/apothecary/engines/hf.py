"""Causal language models of Hugging Face transformers, in this process: weights as they were trained.

Requests of one call run in batches, sorted by length. A reply does not hang on the others of its batch, up
to the rounding of the number type: bfloat16 on a GPU, and on a processor that computes with it where the
weights are bfloat16, else float32. A prompt that does not fit fails; it is never cut. Weights are read from
safetensors alone, and no code that comes with a model is run.

Differences from the engine of llama.cpp:
1. Sampling draws from all tokens.
2. A choice is the likeliest option at every temperature, and costs the tokens of that option.
3. Options that begin with the same token are scored to their end instead of refused.
4. What the choices of one call share at their beginning is read once; what other requests share is not.
5. Models that can think before they answer are told not to.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from apothecary.engines.cores import free_cores
from apothecary.engines.hf_adapters import INSTALL, ROLE_TABLES, check_adapter, faults, merged, reason_of
from apothecary.engines.hf_constraints import Beginning, Codes, Row, Vocabulary, Writer, score, write
from apothecary.engines.tuned import read_asked
from apothecary.engines.weights import resolve
from apothecary.errors import ContextOverflow, EngineError, ModelMissing, WeightsError
from apothecary.messages import (
    Choices,
    Done,
    EngineInfo,
    Failure,
    Message,
    Outcome,
    Reply,
    Request,
    Usage,
    nothing,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["HuggingFace", "open_hf"]

SHOWN_OF_A_REASON = 60
WANTED = "give a folder with config.json, *.safetensors and tokenizer.json"
NEEDED_TO_RUN = {"attention_mask", "logits_to_keep", "past_key_values", "position_ids"}
"""What the forward pass of a model must take for rows of different lengths to be read side by side."""
# Everything that can change a reply; a repository may hold the same weights in other forms, too.
_PARTS = (".json", ".jinja", ".model", ".safetensors", ".txt")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def open_hf(
    path_or_name: str,
    *,
    name: str,
    adapter: Path | None = None,
    threads: int | None = None,
    context: int = 4096,
    batch: int = 8,
    seed: int = 0,
) -> HuggingFace:
    """Load a folder, or a model of the Hugging Face Hub by its name, with a PEFT adapter merged into it.

    Prompt and reply together have at most `context` tokens, fewer where the model knows fewer positions.
    Raises ModelMissing for what is neither here nor to be had, WeightsError for a folder that does not
    load, EngineError without the extra and for an adapter that does not fit.
    """
    try:
        import llguidance  # noqa: F401 - told apart here from what is wrong with a model
        import torch
        from transformers.utils import logging
    except ImportError as error:
        raise EngineError("the engine 'hf' is not installed", hint=INSTALL) from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = _folder(path_or_name)
    if adapter is not None:
        check_adapter(adapter)
    asked = read_asked(adapter)
    with warnings.catch_warnings(action="ignore"):
        tokenizer, model = _load(folder)
        if adapter is not None:
            model = merged(model, adapter)
    vocabulary = Vocabulary(tokenizer, model.generation_config.eos_token_id, where=str(folder))
    model.train(False)
    torch.set_num_threads(threads or free_cores())
    held = min(context, model.config.get_text_config().max_position_embeddings)
    number, device = str(model.dtype).removeprefix("torch."), model.device.type
    versions = " ".join(f"{one} {importlib.metadata.version(one)}" for one in ("torch", "transformers"))
    settings = f"{_digest(folder)} {versions} {number} on {device} context {held}"
    settings += f" seed {seed}" if seed else ""
    rounded = f"computes in {number}: a reply may differ a little with what else is asked at the same time"
    info = EngineInfo(
        name=name,
        digest=hashlib.sha256(settings.encode()).hexdigest(),
        adapter_digest=_digest(adapter) if adapter is not None else "",
        steps=asked.steps,
        notes=() if number == "float32" else (rounded,),
        tuned=asked.settings,
    )
    return HuggingFace(model, tokenizer, vocabulary, info, context=held, batch=max(1, batch), seed=seed)


def _folder(path_or_name: str) -> Path:
    """The folder of a model, fetched from the Hub when it is neither a folder nor in the Hub's cache."""
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download

    folder = Path(path_or_name)
    try:
        if not folder.exists() and _HUB_NAME.fullmatch(path_or_name):
            wanted = [f"*{ending}" for ending in _PARTS]
            unwanted = ["*/*", "consolidated*"]
            folder = Path(snapshot_download(path_or_name, allow_patterns=wanted, ignore_patterns=unwanted))
        files = {path.name for path in folder.iterdir()}
    except (HTTPError, OSError, ValueError) as error:
        message = f"is no folder here and cannot be had from the Hugging Face Hub: {reason_of(error)}"
        raise ModelMissing(message, where=path_or_name, hint=WANTED) from error
    if ROLE_TABLES in files:
        raise WeightsError("reads roles, which this engine does not give", where=str(folder))
    if "adapter_config.json" in files:
        raise WeightsError("is an adapter, no model", where=str(folder), hint="write hf:MODEL+ADAPTER")
    if "config.json" not in files or not any(name.endswith(".safetensors") for name in files):
        # Other forms of weights can run code.
        raise WeightsError("holds no model", where=str(folder), hint=WANTED)
    return folder


def _load(folder: Path) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    where = str(folder)
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, local_files_only=True)
        loaded = AutoModelForCausalLM.from_pretrained(
            where,
            dtype=_number_type(config.dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        model, found = cast("tuple[PreTrainedModel, Mapping[str, set[str]]]", loaded)
        positions = model.config.get_text_config().max_position_embeddings
    except faults() as error:
        # The library's own words on this send the reader to a report that is not shown.
        sizes = "ignore_mismatched_sizes" in str(error)
        reason = "its tensors have other sizes than config.json says" if sizes else reason_of(error)
        raise WeightsError(f"does not load: {reason}", where=where) from error
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise WeightsError(f"lacks {len(missing)} tensors, among them {missing[0]}", where=where)
    if len(tokenizer) > model.config.get_text_config().vocab_size:
        raise WeightsError("has a tokenizer with more tokens than the model", where=where)
    if not isinstance(positions, int) or NEEDED_TO_RUN - set(inspect.signature(model.forward).parameters):
        raise EngineError(f"a model of the kind {config.model_type} cannot be run", where=where)
    if not tokenizer.chat_template:
        hint = "take a model that was tuned to follow instructions, or add its chat_template.jinja"
        raise WeightsError("has no chat template", where=where, hint=hint)
    if torch.cuda.is_available():
        torch.nn.Module.cuda(model)
    return cast("PreTrainedTokenizerFast", tokenizer), model


def _number_type(stored: torch.dtype | None) -> torch.dtype:
    """In what to compute with weights: see the docstring of the module."""
    import torch

    quick = torch.cuda.is_available() or (
        stored == torch.bfloat16 and torch.cpu.get_capabilities().get("avx512_bf16", False)
    )
    return torch.bfloat16 if quick else torch.float32


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.suffix in _PARTS and path.is_file())
    text = "\n".join(f"{path.name} {resolve(str(path)).digest}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class _Asked:
    """A request that fits the context: its prompt as tokens, what its reply begins with, how to answer it."""

    place: int
    request: Request
    prompt: tuple[int, ...]
    begun: str
    work: Codes | Writer

    @property
    def rows(self) -> list[Row]:
        """What the model must read for a choice."""
        return self.work.rows(self.prompt) if isinstance(self.work, Codes) else []


class HuggingFace:
    """An open model. One call of `answer` is at work at a time."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        vocabulary: Vocabulary,
        info: EngineInfo,
        *,
        context: int,
        batch: int,
        seed: int,
    ) -> None:
        self._model: PreTrainedModel | None = model
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._info = info
        self._context = context
        self._batch = batch
        self._seed = seed
        self._lock = threading.Lock()

    @property
    def info(self) -> EngineInfo:
        """Name and digests: weights, tokenizer, versions, number type, device and context; adapter."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Answer in batches, choices after all else; what fails is a Failure of its own."""
        import torch

        outcomes: dict[int, Outcome] = {}

        def tell(place: int, outcome: Outcome) -> None:
            outcomes[place] = outcome
            done(place, outcome)

        with self._lock, torch.inference_mode():
            if self._model is None:
                raise EngineError("the engine is closed", where=self._info.name)
            asked = []
            for place, request in enumerate(requests):
                try:
                    asked.append(self._read(place, request))
                except EngineError as fault:
                    tell(place, Failure(type(fault).__name__, str(fault)))
            # The longest first: what does not fit the memory shows at once.
            asked.sort(key=lambda one: -len(one.prompt))
            writing = [one for one in asked if isinstance(one.work, Writer)]
            self._in_batches(writing, partial(_write, self._model), tell)
            choosing = [one for one in asked if isinstance(one.work, Codes)]
            beginning = Beginning(self._model, [row for one in choosing for row in one.rows])
            self._in_batches(choosing, partial(_choose, self._model, self._batch, beginning), tell)
        return [outcomes[place] for place in range(len(requests))]

    def _in_batches(
        self, asked: Sequence[_Asked], answer: Callable[[Sequence[_Asked]], list[Outcome]], tell: Done
    ) -> None:
        for start in range(0, len(asked), self._batch):
            batch = asked[start : start + self._batch]
            started = time.perf_counter()
            try:
                outcomes = answer(batch)
            except RuntimeError as error:
                # Out of memory, in most cases: shorter requests may still be answered.
                message = f"the model could not be run: {reason_of(error)}"
                outcomes = [Failure(EngineError.__name__, message)] * len(batch)
            seconds = (time.perf_counter() - started) / len(batch)
            for one, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Reply):
                    outcome = replace(outcome, usage=replace(outcome.usage, seconds=seconds))
                tell(one.place, outcome)

    def _read(self, place: int, request: Request) -> _Asked:
        """Raises ContextOverflow, and EngineError for what cannot be asked."""
        prompt, begun = self._prompt(request.messages)
        needed, held = len(prompt), self._context
        work: Codes | Writer
        if isinstance(request.constraint, Choices):
            work = self._vocabulary.codes(request.constraint.options)
            needed += max(len(own) for own in work.tokens) - 1 if work.whole else 0
        else:
            room = min(request.decoding.max_new_tokens, held - needed)
            decoding = replace(request.decoding, max_new_tokens=room, seed=request.decoding.seed + self._seed)
            work = Writer(self._vocabulary, request.constraint, decoding)
        if needed >= held:
            message = f"the prompt needs {needed} tokens, the context holds {held}"
            raise ContextOverflow(message, hint="--set window=... makes it shorter")
        return _Asked(place, request, prompt, begun, work)

    def _prompt(self, messages: Sequence[Message]) -> tuple[tuple[int, ...], str]:
        """Tokens, and the beginning of the reply: what a last message of the assistant says."""
        import jinja2

        turns = [{"role": message.role, "content": message.content} for message in messages]
        begun = turns.pop()["content"] if turns and turns[-1]["role"] == "assistant" else ""
        try:
            text = self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
            whole = f"{text}{begun}".encode().decode()
            tokens = self._tokenizer.encode(whole, add_special_tokens=False)
        except UnicodeError as error:
            raise EngineError("the messages hold half a surrogate pair, which is no text") from error
        except (jinja2.TemplateError, LookupError, TypeError, ValueError) as error:
            # The reason may quote the prompt: only its beginning is kept.
            reason = reason_of(error)[:SHOWN_OF_A_REASON]
            raise EngineError(f"the chat template refuses the messages: {reason}") from error
        return tuple(tokens), begun

    def close(self) -> None:
        """Let the model go."""
        with self._lock:
            self._model = None


def _write(model: PreTrainedModel, batch: Sequence[_Asked]) -> list[Outcome]:
    writers = [one.work for one in batch if isinstance(one.work, Writer)]
    write(model, [one.prompt for one in batch], writers)
    outcomes: list[Outcome] = []
    for one, writer in zip(batch, writers, strict=True):
        text = writer.text if one.request.constraint else one.begun + writer.text
        usage = Usage(len(one.prompt), 0, writer.written)
        reply = Reply(text, usage=usage, finish=writer.finish or "length")
        outcomes.append(Failure(EngineError.__name__, writer.fault) if writer.fault else reply)
    return outcomes


def _choose(
    model: PreTrainedModel, size: int, beginning: Beginning, batch: Sequence[_Asked]
) -> list[Outcome]:
    was_read = beginning.is_read
    found = iter(score(model, [row for one in batch for row in one.rows], beginning, size))
    outcomes: list[Outcome] = []
    for place, one in enumerate(batch):
        if isinstance(one.work, Codes):
            logprobs = one.work.logprobs([next(found) for _ in one.rows])
            best = max(one.work.options, key=logprobs.__getitem__)
            written = len(one.work.tokens[one.work.options.index(best)])
            usage = Usage(len(one.prompt), len(beginning.tokens) if was_read or place else 0, written)
            told = logprobs if one.request.want_logprobs else None
            outcomes.append(Reply(best, logprobs=told, usage=usage))
    return outcomes
