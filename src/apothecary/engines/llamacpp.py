"""llama.cpp in this process, by the prebuilt wheel ``xllamacpp``: any GGUF file, no server to start.

Requests of one call run one after the other in one slot, so what they share at their beginning is
processed once (the prefix cache). Sampling is greedy unless a request says otherwise. A prompt that does
not fit fails; it is never cut.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import queue
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from apothecary.engines.cores import free_cores
from apothecary.engines.options import JSON_BLANKS, choice_grammar, option_logprobs
from apothecary.engines.soft import check_soft, has_soft
from apothecary.engines.tuned import read_asked
from apothecary.engines.weights import ModelFile
from apothecary.errors import ContextOverflow, EngineError
from apothecary.messages import (
    Choices,
    Done,
    EngineInfo,
    Failure,
    Grammar,
    JsonSchema,
    Outcome,
    Reply,
    Request,
    Usage,
    nothing,
)
from apothecary.networks.description import file_digest

__all__ = ["LlamaCpp", "open_llamacpp"]

TOP_LOGPROBS = 1000
"""Alternatives asked for at the first token. Ample: codes are among the first dozens wherever a model
has understood the question, and the cost is a few milliseconds."""

PROMPT_CACHE = 256
"""MiB for prompts that left their slot."""

SHOWN_OF_A_REASON = 60


class Server(Protocol):
    """The part of ``xllamacpp.Server`` that is used."""

    def handle_chat_completions(self, prompt: Mapping[str, object]) -> object:
        """An OpenAI chat completion, or an object with ``error``."""
        ...


def open_llamacpp(
    model: ModelFile,
    *,
    name: str,
    threads: int | None = None,
    context: int = 4096,
    slots: int = 1,
    adapter: Path | None = None,
    seed: int = 0,
) -> LlamaCpp:
    """Load a GGUF file. Raises EngineError when the wheel is not installed or the file does not load.

    `context` is the tokens of one slot; `slots` documents can be at work at once.
    """
    _check_adapter(adapter)
    asked = read_asked(adapter)
    try:
        import xllamacpp
    except ImportError as error:
        raise EngineError(
            "the embedded engine is not installed", hint="pip install 'apothecary[cpu]'"
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(model.path)
    params.verbosity = -1
    params.n_ctx = context * slots
    params.n_parallel = slots
    # Sliding-window models lose their prefix without this.
    params.swa_full = True
    params.ctx_shift = False
    # Unasked it is 8 GiB, and a long run grows to that.
    params.cache_ram_mib = PROMPT_CACHE
    # The wheel opens a loopback port that nothing here uses: other users of the machine must not.
    params.api_keys = [secrets.token_hex(16)]
    params.endpoint_slots = False
    params.endpoint_metrics = True
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads or free_cores()
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    try:
        server = xllamacpp.Server(params)
        # An answer means that the loop of the server runs: unloaded before that, it would wait for ever.
        server.handle_metrics()
    except (RuntimeError, ValueError, OSError) as error:
        what = f"does not load with the adapter {adapter}" if adapter else "does not load as a GGUF model"
        raise EngineError(what, where=str(model.path), hint=f"llama.cpp: {error}") from error
    settings = f"{model.digest} xllamacpp {importlib.metadata.version('xllamacpp')} context {context}"
    if seed:
        settings += f" seed {seed}"
    info = EngineInfo(
        name=name,
        digest=hashlib.sha256(settings.encode()).hexdigest(),
        adapter_digest=file_digest(adapter) if adapter else "",
        steps=asked.steps,
        concurrency=slots,
        tuned=asked.settings,
    )
    return LlamaCpp(cast(Server, server), info, slots=slots, seed=seed)


def _check_adapter(adapter: Path | None) -> None:
    if adapter is not None and not adapter.is_file():
        soft = has_soft(adapter)
        message = "has soft tokens, which llama.cpp cannot read" if soft else "there is no such adapter"
        raise EngineError(message, where=str(adapter), hint="hf:MODEL+ADAPTER" if soft else "")


class LlamaCpp:
    """An open model. Each call of `answer` holds one slot, so that a document keeps its prefix."""

    def __init__(self, server: Server, info: EngineInfo, *, slots: int, seed: int = 0) -> None:
        self._server: Server | None = server
        self._info = info
        self._seed = seed
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(slots):
            self._slots.put(slot)

    @property
    def info(self) -> EngineInfo:
        """Name and digests of weights, adapter, library version and context."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Answer in order; what fails is a Failure of its own."""
        check_soft(requests, self._info.name)
        slot = self._slots.get()
        try:
            outcomes = []
            for place, request in enumerate(requests):
                outcomes.append(self._one(request, slot))
                done(place, outcomes[place])
            return outcomes
        finally:
            self._slots.put(slot)

    def _one(self, request: Request, slot: int) -> Outcome:
        server = self._server
        if server is None:
            raise EngineError("the engine is closed", where=self._info.name)
        try:
            own = {"id_slot": slot, "seed": request.decoding.seed + self._seed}
            response = server.handle_chat_completions(_body(request) | own)
            return _outcome(response, request)
        except EngineError as fault:
            return Failure(type(fault).__name__, str(fault))
        except (RuntimeError, ValueError, UnicodeError) as error:
            return _refused(str(error))

    def close(self) -> None:
        """Unload the model."""
        self._server = None


def _body(request: Request) -> dict[str, object]:
    decoding = request.decoding
    body: dict[str, object] = {
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "cache_prompt": True,
    }
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    match request.constraint:
        case JsonSchema(schema):
            body["grammar"] = _schema_grammar(schema)
        case Grammar(gbnf):
            body["grammar"] = gbnf
        case Choices(options):
            body["grammar"] = choice_grammar(options)
            if request.want_logprobs:
                body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        case None:
            pass
    return body


def _schema_grammar(schema: str) -> str:
    try:
        fields = json.loads(schema)
    except ValueError as error:
        raise EngineError("the schema of the request is no JSON") from error
    if not isinstance(fields, dict):
        raise EngineError("the schema of the request is no JSON object")
    tight = {"x-guidance": dict(JSON_BLANKS), **fields}
    return f"%llguidance {{}}\nstart: %json {json.dumps(tight)}\n"


def _outcome(response: object, request: Request) -> Outcome:
    if not isinstance(response, dict):
        return Failure("EngineError", "llama.cpp gave no object")
    error = response.get("error")
    if isinstance(error, dict):
        return _failure(error)
    try:
        choice = response["choices"][0]
        usage = response["usage"]
        timings = response.get("timings", {})
        milliseconds = timings.get("prompt_ms", 0.0) + timings.get("predicted_ms", 0.0)
        reply = Reply(
            text=str(choice["message"]["content"] or ""),
            logprobs=_logprobs(choice, request),
            usage=Usage(
                prompt_tokens=int(usage["prompt_tokens"]),
                cached_tokens=int(usage["prompt_tokens_details"]["cached_tokens"]),
                completion_tokens=int(usage["completion_tokens"]),
                seconds=float(milliseconds) / 1000.0,
            ),
            finish="length" if choice["finish_reason"] == "length" else "stop",
        )
    except (KeyError, IndexError, TypeError, ValueError) as fault:
        return Failure("EngineError", f"llama.cpp gave an unknown form of reply: {type(fault).__name__}")
    if isinstance(request.constraint, JsonSchema) and not _is_json(reply):
        # A schema that the grammar library cannot compile is ignored without a word.
        return Failure("EngineError", "llama.cpp did not hold the reply to its schema")
    if reply.finish == "stop" and not _is_option(reply.text, request):
        # Its grammar lets pieces of letters pass where options are of several bytes.
        return Failure("EngineError", "llama.cpp answered with none of the codes asked for")
    return reply


def _logprobs(choice: Mapping[str, Any], request: Request) -> dict[str, float] | None:
    if not isinstance(request.constraint, Choices) or not request.want_logprobs:
        return None
    first = choice["logprobs"]["content"][0]["top_logprobs"]
    top = [(str(entry["token"]), float(entry["logprob"])) for entry in first]
    return option_logprobs(request.constraint.options, top)


def _is_option(text: str, request: Request) -> bool:
    return not isinstance(request.constraint, Choices) or text in request.constraint.options


def _is_json(reply: Reply) -> bool:
    """Whether a reply is JSON, or begins like it when it was cut off."""
    if reply.finish == "length":
        return reply.text[:1] in '{["-0123456789tfn'
    try:
        json.loads(reply.text)
    except (ValueError, RecursionError):
        return False
    return True


def _failure(error: Mapping[str, object]) -> Failure:
    if error.get("type") == "exceed_context_size_error":
        needed, held = error.get("n_prompt_tokens"), error.get("n_ctx")
        message = (
            f"the prompt needs {needed} tokens, the context holds {held} (--set window=... makes it shorter)"
        )
        return Failure(ContextOverflow.__name__, message)
    return _refused(str(error.get("message")))


def _refused(reason: str) -> Failure:
    # The library may quote the prompt: only the beginning is kept, which names the fault.
    return Failure(EngineError.__name__, f"llama.cpp refused the request: {reason[:SHOWN_OF_A_REASON]}")
