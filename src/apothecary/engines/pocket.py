"""Small encoders on the CPU, without prompts: they read a request's structured input.

A model's own description names its steps and labels; nothing here knows a task. Each distinct text
passes an encoder once: the states of recent texts are kept, so that all questions about a document
share them, and an answer depends on its question alone.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from apothecary.engines.cores import free_cores
from apothecary.errors import ModelMissing, StepNotServed, WeightsError
from apothecary.messages import (
    Done,
    EngineInfo,
    Failure,
    Input,
    LabelPair,
    LabelProbabilities,
    LabelSet,
    Outcome,
    Reply,
    Request,
    SetProbabilities,
    TaggedSpan,
    TaggedSpans,
    TagSpans,
    Usage,
    Value,
    nothing,
)
from apothecary.networks.description import DESCRIPTION, HeadDescription, ModelDescription, read_description
from apothecary.networks.encoding import Encoded, TextEncoder, Windowing, padded
from apothecary.networks.features import pair_inputs, set_inputs
from apothecary.networks.spans import best_tags, read_spans, settled

__all__ = ["Pocket", "open_pocket", "shipped_models"]

Floats = NDArray[np.float32]

KEPT_TEXTS = 16
"""Texts whose states are kept: those of the documents in flight."""
PAIRS_AT_ONCE = 256


def shipped_models() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(files("apothecary"))) / "models"


def open_pocket(folder: Path | None = None, *, name: str = "pocket", threads: int | None = None) -> Pocket:
    """An engine over one model folder, or over all the model folders in a folder (None: the shipped ones).

    Raises ModelMissing when there is none, WeightsError when one is damaged.
    """
    place = folder or shipped_models()
    try:
        if (place / DESCRIPTION).is_file():
            folders = [place]
        else:
            folders = sorted(path.parent for path in place.glob(f"*/{DESCRIPTION}"))
    except OSError as error:
        raise ModelMissing(f"holds no pocket model: {error.strerror}", where=str(place)) from error
    if not folders:
        raise ModelMissing("holds no pocket model", where=str(place), hint="apothecary train pocket")
    # One thread for each document in flight: two documents at a time beat two threads on one, here.
    return Pocket(name, tuple(Model.open(each) for each in folders), threads or free_cores())


@dataclass(frozen=True)
class State:
    """A text, its tokens, and what the encoder says of them (tokens by width)."""

    encoded: Encoded
    states: Floats


class Model:
    """One encoder with its heads, loaded."""

    def __init__(self, folder: Path, description: ModelDescription) -> None:
        self.description = description
        self._tokenizer = TextEncoder(folder / description.tokenizer)
        self._windowing = Windowing(description.window, description.overlap)
        self._encoder = _session(folder / description.encoder)
        self._heads = {head.name: _session(folder / head.file) for head in description.heads}
        self._kept: OrderedDict[str, State] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Model:
        """Check and load a folder."""
        return cls(folder, read_description(folder))

    def run(self, head: str, inputs: Mapping[str, Floats]) -> Floats:
        """What a head's network says: its one output."""
        (found,) = self._heads[head].run(None, dict(inputs))
        return np.asarray(found, np.float32)

    def state(self, text: str) -> tuple[State, bool]:
        """The states of a text, and whether they had to be computed."""
        with self._lock:
            kept = self._kept.get(text)
            if kept is not None:
                self._kept.move_to_end(text)
                return kept, False
        encoded = self._tokenizer.encode(text)
        made = State(encoded, self._encode(encoded))
        with self._lock:
            self._kept[text] = made
            while len(self._kept) > KEPT_TEXTS:
                self._kept.popitem(last=False)
        return made, True

    def _encode(self, encoded: Encoded) -> Floats:
        if not len(encoded):
            return np.zeros((0, 1), np.float32)
        before, after = self._tokenizer.before, self._tokenizer.after
        parts: list[Floats] = []
        # One window at a time: several at once are no quicker on one core, and take their sum of memory.
        for window in self._windowing.over(len(encoded)):
            ids, shapes, _ = padded([(encoded, window)], before, after)
            (states,) = self._encoder.run(None, {"ids": ids, "shapes": shapes})
            shift = len(before) - window.start
            parts.append(states[0, window.own_start + shift : window.own_end + shift])
        return np.concatenate(parts)


class Pocket:
    """Pocket models as an engine. Safe to call from several threads."""

    def __init__(self, name: str, models: Sequence[Model], cores: int) -> None:
        self._models = tuple(models)
        heads = [head for model in models for head in model.description.heads]
        digests = [value for model in models for _, value in sorted(model.description.digests.items())]
        self._info = EngineInfo(
            name=name,
            digest=hashlib.sha256(" ".join(digests).encode()).hexdigest(),
            steps=tuple(sorted({step for head in heads for step in head.steps})),
            concurrency=cores,
        )

    @property
    def info(self) -> EngineInfo:
        """Serves the steps that the descriptions of its models name."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """One outcome for each request; those about one text and one head are answered in one pass."""
        outcomes: dict[int, Outcome] = {}
        pairs: dict[tuple[int, str, str], list[int]] = {}
        for place, request in enumerate(requests):
            given = request.input
            if isinstance(given, LabelPair):
                found = self._head(request.step, "pairs", given.labels)
                if found is not None:
                    model, head = found
                    pairs.setdefault((self._models.index(model), head.name, given.text), []).append(place)
                    continue
            outcomes[place] = self._single(request, given)
        for (number, name, text), places in pairs.items():
            model = self._models[number]
            (head,) = (head for head in model.description.heads if head.name == name)
            asked = [given for place in places if isinstance(given := requests[place].input, LabelPair)]
            outcomes |= dict(zip(places, _answer_pairs(model, head, text, asked), strict=True))
        return [outcomes[place] for place in range(len(requests))]

    def close(self) -> None:
        """Nothing to free beyond memory."""

    def _single(self, request: Request, given: Input | None) -> Outcome:
        began = time.perf_counter()
        if isinstance(given, TagSpans):
            answered = self._tag(request.step, given)
        elif isinstance(given, LabelSet) and (found := self._head(request.step, "sets", given.labels)):
            answered = _answer_sets(*found, given)
        else:
            answered = None
        if answered is None:
            return _not_served(request.step, given)
        value, tokens = answered
        return Reply("", value, usage=Usage(tokens, 0, 0, time.perf_counter() - began))

    def _head(self, step: str, kind: str, labels: Sequence[str]) -> tuple[Model, HeadDescription] | None:
        """The first head of the step that knows a label asked for: the one that knows most of them."""
        best: tuple[int, Model, HeadDescription] | None = None
        for model in self._models:
            for head in model.description.heads:
                if (
                    step not in head.steps
                    or (head.kind == "sets") != (kind == "sets")
                    or head.kind == "spans"
                ):
                    continue
                known = sum(head.aliases.get(label, label) in head.labels for label in labels)
                if known and (best is None or known > best[0]):
                    best = known, model, head
        return (best[1], best[2]) if best else None

    def _tag(self, step: str, given: TagSpans) -> tuple[Value, int] | None:
        """Each label from the first head that knows it; where spans of two heads overlap, the surer stays.

        None when no head knows one of the labels: a text tagged for the rest would look as if it had none.
        """
        wanted: dict[str, tuple[Model, HeadDescription, str]] = {}
        for model in self._models:
            for head in model.description.heads:
                if step in head.steps and head.kind == "spans":
                    for label in given.labels:
                        own = head.aliases.get(label, label)
                        if own in head.labels:
                            wanted.setdefault(label, (model, head, own))
        if len(wanted) < len(given.labels) or not wanted:
            return None
        spans: list[TaggedSpan] = []
        tokens = 0
        heads = {(id(model), head.name): (model, head) for model, head, _ in wanted.values()}
        for model, head in heads.values():
            names = {own: label for label, (m, h, own) in wanted.items() if m is model and h is head}
            state, fresh = model.state(given.text)
            tokens += len(state.encoded) * fresh
            spans += _spans(model, head, given.text, state, names)
        return TaggedSpans(tuple(_surest(spans))), tokens


def _not_served(step: str, given: Input | None) -> Failure:
    asked = ", ".join(given.labels) if isinstance(given, TagSpans | LabelPair | LabelSet) else "no label"
    return Failure(StepNotServed.__name__, f"no pocket model knows what {step} asks for: {asked}")


def _spans(
    model: Model, head: HeadDescription, text: str, state: State, names: Mapping[str, str]
) -> list[TaggedSpan]:
    if not len(state.encoded):
        return []
    scores = model.run(head.name, {"states": state.states[state.encoded.words]})
    found = []
    read = read_spans(state.encoded, best_tags(scores), scores)
    for start, end, label, score in settled(state.encoded, text, read, head.rule):
        own = head.labels[label]
        if own in names:
            found.append(TaggedSpan(start, end, names[own], _probability(head, own, score)))
    return found


def _surest(spans: Sequence[TaggedSpan]) -> list[TaggedSpan]:
    """Spans that do not overlap, the surer first choice, in order of the text."""
    kept: list[TaggedSpan] = []
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.label)):
        last = kept[-1] if kept else None
        if last is None or span.start >= last.end:
            kept.append(span)
        elif span.probability > last.probability:
            kept[-1] = span
    return kept


def _answer_pairs(
    model: Model, head: HeadDescription, text: str, asked: Sequence[LabelPair]
) -> list[Outcome]:
    began = time.perf_counter()
    state, fresh = model.state(text)
    if not len(state.encoded):
        return [Failure("AnswerError", "the text has no word that the model can read")] * len(asked)
    rows: list[Floats] = []
    for start in range(0, len(asked), PAIRS_AT_ONCE):
        some = asked[start : start + PAIRS_AT_ONCE]
        inputs = pair_inputs(state.encoded, text, [(pair.head_spans, pair.tail_spans) for pair in some])
        rows += list(model.run(head.name, {"states": state.states, **inputs}))
    seconds = (time.perf_counter() - began) / len(asked)
    tokens = len(state.encoded) * fresh
    outcomes: list[Outcome] = []
    for position, (pair, row) in enumerate(zip(asked, rows, strict=True)):
        value = LabelProbabilities(_labelled(head, pair.labels, row))
        # The pass over the text is counted with the first of its questions.
        usage = Usage(0 if position else tokens, 0, 0, seconds)
        outcomes.append(Reply("", value, usage=usage))
    return outcomes


def _labelled(
    head: HeadDescription, labels: Sequence[str], row: Sequence[float] | Floats
) -> dict[str, float]:
    """Probabilities under the labels asked for; the one that the head does not know gets what is left.

    Labels of a head need not exclude each other, so "none of them" is the product of their denials.
    """
    own = {name: _probability(head, name, float(score)) for name, score in zip(head.labels, row, strict=True)}
    known = {
        label: own[head.aliases.get(label, label)]
        for label in labels
        if head.aliases.get(label, label) in own
    }
    others = [label for label in labels if label not in known]
    left = math.prod(1.0 - probability for probability in known.values())
    # Several unknown labels (broader and narrower, say): the last one stands for "none".
    return {label: known.get(label, left if others and label == others[-1] else 0.0) for label in labels}


def _answer_sets(model: Model, head: HeadDescription, given: LabelSet) -> tuple[Value, int]:
    state, fresh = model.state(given.text)
    known = [head.aliases.get(label, label) for label in given.labels]
    chosen = [tuple(sorted(candidate)) for candidate in given.candidate_sets]
    if not len(state.encoded) or not chosen:
        return SetProbabilities(()), 0
    sets: list[LabelProbabilities] = []
    for start in range(0, len(chosen), PAIRS_AT_ONCE):
        some = chosen[start : start + PAIRS_AT_ONCE]
        inputs = set_inputs(state.encoded, given.text, given.spans, some)
        for row in model.run(head.name, {"states": state.states, **inputs}):
            exponents = np.exp(row - row.max())
            own = dict(zip(head.labels, (exponents / exponents.sum()).tolist(), strict=True))
            sets.append(
                LabelProbabilities(
                    {label: own.get(name, 0.0) for label, name in zip(given.labels, known, strict=True)}
                )
            )
    return SetProbabilities(tuple(sets)), len(state.encoded) * fresh


def _probability(head: HeadDescription, label: str, score: float) -> float:
    slope, intercept = head.calibration.get(label, (1.0, 0.0))
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, slope * score + intercept))))


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    _share_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError) as error:
        raise WeightsError("is not a network that can be loaded", where=str(path)) from error


@cache
def _share_memory() -> None:
    """One arena for all networks of the process: each of its own would keep what its longest text took."""
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(place, None)
