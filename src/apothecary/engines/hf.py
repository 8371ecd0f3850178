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
6. Role-conditioned adapters are read with the roles of a request; other models pass over these.
7. Adapters with soft tokens read those of a request; other models refuse it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.engines.cores import free_cores
from apothecary.engines.hf_adapters import check_adapter, merged, reason_of
from apothecary.engines.hf_constraints import Codes, Prompt, Row, Vocabulary, Writer
from apothecary.engines.hf_passes import Beginning, score, write
from apothecary.engines.hf_roles import INSTALL, OpenRoles, RoleReader, open_reader
from apothecary.engines.hf_weights import digest_of, find_folder, has_tables, load
from apothecary.engines.soft import LORA, OpenSoft, SoftReader, check_soft, has_soft, open_soft
from apothecary.engines.tuned import read_asked
from apothecary.errors import ApothecaryError, ContextOverflow, EngineError
from apothecary.messages import (
    Choices,
    Done,
    EngineInfo,
    Failure,
    Outcome,
    Reply,
    Request,
    Usage,
    nothing,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["HfOptions", "HuggingFace", "open_hf"]

SHOWN_OF_A_REASON = 60
UNASKED = "reads roles, and a request without them as if no token had one: ask with them (--set roles=lemma)"
UNMARKED = "reads soft tokens, and its asked.json does not say which: it is asked without them"


@dataclass(frozen=True)
class HfOptions:
    """How a model is run.

    Prompt and reply together have at most `context` tokens, fewer where the model knows fewer positions;
    `batch` requests are answered side by side. `seed` is added to that of a request. `roles` opens
    role-conditioned adapters, `soft` those with soft tokens; None refuses them.
    """

    threads: int | None = None
    context: int = 4096
    batch: int = 8
    seed: int = 0
    roles: OpenRoles | None = None
    soft: OpenSoft | None = None


def open_hf(
    path_or_name: str, *, name: str, adapter: Path | None = None, options: HfOptions = HfOptions()
) -> HuggingFace:
    """Load a folder, or a model of the Hugging Face Hub by its name, with a PEFT adapter.

    The adapter is merged into the weights, unless it is role-conditioned; its soft tokens stand before them.
    Raises ModelMissing for what is neither here nor to be had, WeightsError for a folder that does not load,
    EngineError without the extra, for an adapter that does not fit, and for roles and soft tokens that nobody
    gives.
    """
    try:
        import llguidance  # noqa: F401 - told apart here from what is wrong with a model
        import torch
        from transformers.utils import logging
    except ImportError as error:
        raise EngineError("the engine 'hf' is not installed", hint=INSTALL) from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = find_folder(path_or_name)
    soft = open_soft(options.soft, adapter) if adapter is not None and has_soft(adapter) else None
    lora = adapter / LORA if adapter is not None and soft else adapter
    tables, conditioned = has_tables(folder), lora is not None and check_adapter(lora)
    if tables and conditioned:
        raise EngineError("the model reads roles already", where=str(adapter), hint="take its original")
    reads = folder if tables else adapter if conditioned else None
    reader = open_reader(options.roles, reads) if reads else None
    asked = read_asked(adapter or folder)
    with warnings.catch_warnings(action="ignore"):
        tokenizer, model = load(folder, reader if tables else None, adapter)
        if lora is not None:
            model = reader.adapted(model, lora) if reader and conditioned else merged(model, lora)
        if adapter is not None and soft:
            soft.open(model, tokenizer, adapter)
    vocabulary = Vocabulary(tokenizer, model.generation_config.eos_token_id, where=str(folder))
    model.train(False)
    torch.set_num_threads(options.threads or free_cores())
    held = min(options.context, model.config.get_text_config().max_position_embeddings)
    number, device = str(model.dtype).removeprefix("torch."), model.device.type
    versions = " ".join(f"{one} {importlib.metadata.version(one)}" for one in ("torch", "transformers"))
    settings = f"{digest_of(folder)} {versions} {number} on {device} context {held}"
    settings += f" seed {options.seed}" if options.seed else ""
    rounded = f"computes in {number}: a reply may differ a little with what else is asked at the same time"
    told, marked = (any(own.get(name) for own in asked.settings.values()) for name in ("roles", "soft"))
    notes = ((rounded, number != "float32"), (UNASKED, reader and not told), (UNMARKED, soft and not marked))
    info = EngineInfo(
        name=name,
        digest=hashlib.sha256(settings.encode()).hexdigest(),
        adapter_digest=_adapter_digest(adapter, lora),
        steps=asked.steps,
        notes=tuple(note for note, holds in notes if holds),
        tuned=asked.settings,
    )
    running = replace(options, context=held, batch=max(1, options.batch))
    return HuggingFace(model, tokenizer, vocabulary, info, running, reader, soft)


def _adapter_digest(adapter: Path | None, lora: Path | None) -> str:
    """What stands for an adapter, be its LoRA in a folder of its own or not."""
    parts = [digest_of(each) for each in dict.fromkeys((adapter, lora)) if each is not None]
    return hashlib.sha256("".join(parts).encode()).hexdigest() if len(parts) > 1 else "".join(parts)


@dataclass(frozen=True)
class _Asked:
    """A request that fits the context: its prompt, what its reply begins with, how to answer it."""

    place: int
    request: Request
    prompt: Prompt
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
        options: HfOptions,
        reader: RoleReader | None = None,
        soft: SoftReader | None = None,
    ) -> None:
        self._model: PreTrainedModel | None = model
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._info = info
        self._options = options
        self._reader = reader
        self._soft = soft
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
            check_soft(requests, self._info.name, self._soft.kinds if self._soft else ())
            if self._soft is not None:
                self._soft.forget()
            asked = []
            for place, request in enumerate(requests):
                try:
                    asked.append(self._read(place, request))
                except ApothecaryError as fault:
                    tell(place, Failure(type(fault).__name__, str(fault)))
            # The longest first: what does not fit the memory shows at once.
            asked.sort(key=lambda one: -len(one.prompt.tokens))
            writing = [one for one in asked if isinstance(one.work, Writer)]
            self._in_batches(writing, partial(_write, self._model), tell)
            choosing = [one for one in asked if isinstance(one.work, Codes)]
            beginning = Beginning(self._model, [row for one in choosing for row in one.rows])
            self._in_batches(choosing, partial(_choose, self._model, self._options.batch, beginning), tell)
        return [outcomes[place] for place in range(len(requests))]

    def _in_batches(
        self, asked: Sequence[_Asked], answer: Callable[[Sequence[_Asked]], list[Outcome]], tell: Done
    ) -> None:
        for start in range(0, len(asked), self._options.batch):
            batch = asked[start : start + self._options.batch]
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
        """Raises ContextOverflow, and ApothecaryError for what cannot be asked."""
        prompt, begun = self._prompt(request)
        needed, held = len(prompt.tokens), self._options.context
        work: Codes | Writer
        if isinstance(request.constraint, Choices):
            work = self._vocabulary.codes(request.constraint.options)
            needed += max(len(own) for own in work.tokens) - 1 if work.whole else 0
        else:
            room = min(request.decoding.max_new_tokens, held - needed)
            decoding = replace(
                request.decoding, max_new_tokens=room, seed=request.decoding.seed + self._options.seed
            )
            work = Writer(self._vocabulary, request.constraint, decoding)
        if needed >= held:
            message = f"the prompt needs {needed} tokens, the context holds {held}"
            raise ContextOverflow(message, hint="--set window=... makes it shorter")
        return _Asked(place, request, prompt, begun, work)

    def _prompt(self, request: Request) -> tuple[Prompt, str]:
        """The prompt, and the beginning of the reply: what a last message of the assistant says."""
        contents = [message.content for message in request.messages]
        begins = bool(request.messages) and request.messages[-1].role == "assistant"
        render = partial(self._rendered, [message.role for message in request.messages], begins)
        if self._soft is None:
            tokens = tuple(self._tokenizer.encode(render(contents), add_special_tokens=False))
        else:
            tokens = self._soft.encode(render(contents), request.soft_tokens)
        roles: tuple[int, ...] = ()
        if self._reader is not None:
            roles = self._reader.roles(self._tokenizer, render, contents, request.roles)
        return Prompt(tokens, roles), contents[-1] if begins else ""

    def _rendered(self, speakers: Sequence[str], begins: bool, contents: Sequence[str]) -> str:
        """The messages by the chat template; of a reply that `begins`, the beginning as it is."""
        import jinja2

        pairs = list(zip(speakers, contents, strict=True))
        turns = [{"role": role, "content": content} for role, content in pairs[: len(pairs) - begins]]
        begun = contents[-1] if begins else ""
        try:
            text = self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
            return f"{text}{begun}".encode().decode()
        except UnicodeError as error:
            raise EngineError("the messages hold half a surrogate pair, which is no text") from error
        except (jinja2.TemplateError, LookupError, TypeError, ValueError) as error:
            # The reason may quote the prompt: only its beginning is kept.
            reason = reason_of(error)[:SHOWN_OF_A_REASON]
            raise EngineError(f"the chat template refuses the messages: {reason}") from error

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
        usage = Usage(len(one.prompt.tokens), 0, writer.written)
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
            cached = len(beginning.tokens) if was_read or place else 0
            usage = Usage(len(one.prompt.tokens), cached, written)
            told = logprobs if one.request.want_logprobs else None
            outcomes.append(Reply(best, logprobs=told, usage=usage))
    return outcomes
