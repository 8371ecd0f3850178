"""Rows of tokens with roles -> padded tensors, and answers by greedy decoding.

What the code of the source does here differs in five ways, each of which changes results: it pads roles on
the right whatever side the tokens are padded on; it finds roles in the answers to be learnt as well; it
learns the prompt; it cuts answers at 80 tokens; and it decodes by the settings that come with a model, which
may be to draw at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

import torch
from peft import PeftModel
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from apothecary.adapters.role_model import tuner_of
from apothecary.errors import DataError, UsageError

__all__ = ["UNLEARNT", "Answer", "RoleBatch", "RoleRow", "collate", "write_answers"]

UNLEARNT = -100
"""The label of a token that costs nothing."""


@dataclass(frozen=True)
class RoleRow:
    """A prompt with the role of each of its tokens, and the answer to learn, which has none.

    The answer ends with the token that ends a turn. Raises DataError when tokens and roles differ in number.
    """

    prompt: tuple[int, ...]
    roles: tuple[int, ...]
    answer: tuple[int, ...] = ()
    where: str = ""

    def __post_init__(self) -> None:
        if len(self.roles) != len(self.prompt):
            message = f"{len(self.roles)} roles for the {len(self.prompt)} tokens of a prompt"
            raise DataError(message, where=self.where)
        if not self.prompt:
            raise DataError("the prompt is empty", where=self.where)

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class RoleBatch:
    """Rows side by side, all of shape (rows, longest). `labels` are `UNLEARNT` outside the answers."""

    input_ids: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    role_ids: Tensor
    labels: Tensor

    def inputs(self, device: torch.device) -> dict[str, Tensor]:
        """What the model is called with."""
        names = ("input_ids", "attention_mask", "position_ids", "role_ids")
        return {name: cast(Tensor, vars(self)[name]).to(device) for name in names}


def collate(
    rows: Sequence[RoleRow],
    *,
    padding: int,
    side: Literal["left", "right"] = "left",
    max_tokens: int | None = None,
) -> RoleBatch:
    """Pad tokens, roles and labels alike. The padding token may be the one that ends an answer.

    Raises DataError for a row of more than `max_tokens` (it is never cut), UsageError without rows.
    """
    if not rows:
        raise UsageError("there is no row to pad")
    longest = max(row.length for row in rows)
    if max_tokens is not None and longest > max_tokens:
        row = max(rows, key=lambda each: each.length)
        hint = "leave it out, or raise the bound"
        raise DataError(f"{row.length} tokens, {max_tokens} allowed", where=row.where, hint=hint)

    def padded(filled: int, rows_of: Sequence[Sequence[int]]) -> Tensor:
        empty = [[filled] * (longest - len(each)) for each in rows_of]
        pairs = zip(empty, rows_of, strict=True)
        return torch.tensor([[*e, *own] if side == "left" else [*own, *e] for e, own in pairs])

    mask = padded(0, [[1] * row.length for row in rows])
    return RoleBatch(
        input_ids=padded(padding, [row.prompt + row.answer for row in rows]),
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        role_ids=padded(0, [row.roles + (0,) * len(row.answer) for row in rows]),
        labels=padded(UNLEARNT, [(UNLEARNT,) * len(row.prompt) + row.answer for row in rows]),
    )


@dataclass(frozen=True)
class Answer:
    """What was written, without the token that ends it; `finished` is false where it was cut off."""

    tokens: tuple[int, ...]
    finished: bool


def write_answers(
    model: PeftModel,
    rows: Sequence[RoleRow],
    *,
    padding: int,
    end: int | Sequence[int],
    max_new_tokens: int = 256,
    beams: int = 1,
) -> list[Answer]:
    """The likeliest answers to the prompts, greedily or by beams: the same at every call.

    Nothing is taken from the generation settings of the model. Raises UsageError for a model without roles.
    """
    tuner = tuner_of(model)
    batch = collate([RoleRow(row.prompt, row.roles) for row in rows], padding=padding)
    inputs = batch.inputs(model.device)
    del inputs["position_ids"]
    ends = [end] if isinstance(end, int) else list(end)
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=beams,
        max_new_tokens=max_new_tokens,
        eos_token_id=ends,
        pad_token_id=padding,
    )
    learning = model.training
    model.train(False)
    try:
        with torch.inference_mode(), _settled(cast(PreTrainedModel, tuner.model), config):
            # Not by PEFT's model: it would put settings of its own in the place of these.
            written = cast(Tensor, tuner.generate(**inputs))
    finally:
        model.train(learning)
    return [_answer(row, ends) for row in written[:, batch.input_ids.shape[1] :].tolist()]


def _answer(tokens: list[int], ends: Sequence[int]) -> Answer:
    stop = next((place for place, token in enumerate(tokens) if token in ends), None)
    return Answer(tuple(tokens[:stop]), stop is not None)


@contextmanager
def _settled(model: PreTrainedModel, config: GenerationConfig) -> Iterator[None]:
    """The model with these generation settings: given to a call, they would be filled up from its own."""
    kept = model.generation_config
    model.generation_config = config
    try:
        yield
    finally:
        model.generation_config = kept
