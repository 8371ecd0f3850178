"""Supervised fine-tuning with soft tokens: the projectors learn together with the adapter.

As `sft` otherwise: the same loss, order, schedule, log, state, judged checkpoints. A row also has ``soft``,
what its marks stand for, in their order: ``[{"kind": "drug", "names": ["..."]}, ...]``. The file of the
tables says how the adapter is to be asked, unless the settings do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from apothecary.adapters.role_files import written_whole
from apothecary.adapters.soft_tokens import (
    LORA,
    SoftRow,
    SoftTokens,
    add_marks,
    given,
    save_soft_tokens,
    soft_row,
)
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.messages import SoftToken
from apothecary.networks.visit_encoder import VectorTable, read_tables
from apothecary.training.base_model import Base, load_base, torch_source
from apothecary.training.chat_data import Conversation, Tokens, read_conversations
from apothecary.training.checkpoints import Judge
from apothecary.training.lora_settings import SftSettings
from apothecary.training.policy import Policy, accelerator
from apothecary.training.sft import fitting, plan_of
from apothecary.training.tuning import Tuned, begun, check_tracking, run_through

__all__ = ["SoftPolicy", "SoftSample", "train_sft"]

FORM = '"soft": [{"kind": "drug", "names": ["..."]}]'
_NONE = SoftRow((), (), ())
_SOFT = TypeAdapter(tuple[SoftToken, ...])


@dataclass(frozen=True)
class SoftSample(Tokens):
    """A conversation as the model reads it, with the soft tokens of its prompt."""

    soft: SoftRow = _NONE


class SoftPolicy(Policy):
    """A language model with a new adapter, and projectors that learn with it."""

    def __init__(
        self,
        base: Base,
        settings: SftSettings,
        tables: Mapping[str, VectorTable],
        device: torch.device,
        hidden: int = 512,
    ) -> None:
        super().__init__(base, settings, None, device)
        size = cast(torch.nn.Embedding, base.model.get_input_embeddings())
        self.soft = SoftTokens(tables, size.weight.shape[1], hidden).to(device)
        self.marks = add_marks(base.tokenizer, tables)
        # Beside the adapter, so that what learns is found and kept as one.
        self.model.add_module("soft_tokens", self.soft)

    def encode(self, conversation: Conversation) -> SoftSample:
        """Prompt and answer with the soft tokens that the row tells. Raises FormatError."""
        try:
            tokens = _SOFT.validate_python(conversation.columns.get("soft", ()), extra="forbid")
        except ValidationError:
            raise FormatError(
                "its soft tokens are of another form", where=conversation.where, hint=FORM
            ) from None
        found = self.template.encode(conversation)
        try:
            row = soft_row(found.prompt, self.marks, tokens, filler=self.template.padding)
        except UsageError as error:
            raise FormatError(error.message, where=conversation.where) from error
        if any(token in self.marks for token in found.answer):
            raise FormatError("its answer has a mark of a soft token", where=conversation.where)
        return SoftSample(row.ids, found.answer, soft=row)

    def logprobs(self, rows: Sequence[Tokens], temperature: float = 1.0) -> list[Tensor]:
        """For each row the log-probability of every token of its answer."""
        soft = [row.soft if isinstance(row, SoftSample) else SoftRow(row.prompt, (), ()) for row in rows]
        with given(self.model, self.soft, soft, [0] * len(rows)):
            return super().logprobs(rows, temperature)

    def write(self, folder: Path) -> None:
        """Write what was learnt, adapter and projectors, in the layout of `soft_tokens`."""
        with written_whole(folder) as temporary:
            super().write(temporary / LORA)
            save_soft_tokens(self.soft, temporary)


def train_sft(
    settings: SftSettings,
    folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    judge: Judge | None = None,
    resume: bool = False,
) -> Tuned:
    """As `sft.train_sft`, with the vectors of ``settings.soft`` for the marks in the prompts.

    They must come from the training split alone. Raises ApothecaryError.
    """
    check_tracking(settings)
    soft = settings.soft
    if settings.start or settings.data or settings.dev or settings.lora.roles or soft is None:
        message = "soft tokens go with no start, data, dev or roles"
        raise UsageError(message, where="start, data, dev, lora.roles", hint="leave them out")
    files, file = [folder / name for name in settings.train], folder / soft.tables
    conversations = read_conversations(files, answered=True)
    tables, asked = read_tables(file)
    if not any(each.columns.get("soft") for each in conversations):
        raise DataError(
            "has no soft token", where=", ".join(settings.train), hint="apothecary visits lists --soft"
        )
    processes = accelerator(settings.track, out)
    # By its folder: what comes out is not for llama.cpp, which takes no soft tokens.
    settings = replace(settings, model=torch_source(settings.model), asked=settings.asked or asked)
    checkpoints = begun(settings, [*files, file], out, writes=bool(processes.is_main_process), resume=resume)
    base = load_base(settings.model, settings.precision, four_bit=settings.four_bit)
    policy = SoftPolicy(base, settings, tables, processes.device, soft.hidden)
    encoded = [policy.encode(each) for each in conversations]
    rows = fitting(encoded, settings)
    left_out = len(encoded) - len(rows)
    say(f"{len(rows)} conversations; {left_out} too long")
    plan = plan_of(settings, policy, rows, processes)
    return run_through(plan, policy, checkpoints, processes, say, judge, (len(rows), left_out))
