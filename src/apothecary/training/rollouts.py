"""Answers of the policy to prompts, to be rewarded: by llama.cpp, or by torch.

Differences between the two: 1. llama.cpp draws by its own defaults (the 40 likeliest tokens, top-p .95,
min-p .05), since requests name a temperature alone; 2. its weights may be quantised. What an answer's tokens
are worth to the policy is computed by torch in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from transformers import GenerationConfig

from apothecary.engines.llamacpp import open_llamacpp
from apothecary.errors import EngineError, UsageError
from apothecary.messages import Decoding, Reply, Request
from apothecary.training.base_model import gguf_of, quiet
from apothecary.training.chat_data import Conversation, Tokens
from apothecary.training.gguf_lora import write_gguf_lora
from apothecary.training.lora_settings import GrpoSettings
from apothecary.training.policy import Policy

__all__ = ["Rollout", "Writer", "llamacpp_writer", "torch_writer"]


@dataclass(frozen=True)
class Rollout:
    """An answer that was drawn: its tokens, its text, and whether it came to an end by itself."""

    tokens: Tokens
    text: str
    ended: bool


Writer = Callable[[Sequence[Conversation], int], list[list[Rollout]]]
"""Answers to each of the conversations, drawn from a seed."""


def torch_writer(policy: Policy, settings: GrpoSettings) -> Writer:
    """Draw with the weights as torch holds them, all answers to a prompt at once."""
    template = policy.template
    drawing = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=0,
        max_new_tokens=settings.max_new_tokens,
        num_return_sequences=settings.generations,
        eos_token_id=template.end,
        pad_token_id=template.padding,
    )

    def write(asked: Sequence[Conversation], seed: int) -> list[list[Rollout]]:
        found = []
        torch.manual_seed(seed)
        policy.model.eval()
        for each in asked:
            prompt = template.prompt(each.prompt)
            ids = torch.tensor([prompt], device=policy.device)
            with torch.no_grad(), policy.computing(), quiet():
                generate = cast("Callable[..., Tensor]", policy.model.generate)
                drawn = generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=drawing
                )
            found.append([_cut(policy, prompt, row) for row in drawn[:, len(prompt) :].tolist()])
        policy.model.train()
        return found

    return write


def _cut(policy: Policy, prompt: tuple[int, ...], row: list[int]) -> Rollout:
    end = policy.template.end
    ended = end in row
    answer = tuple(row[: row.index(end) + 1] if ended else row)
    return Rollout(Tokens(prompt, answer), policy.template.text(answer), ended)


def llamacpp_writer(policy: Policy, settings: GrpoSettings, work: Path) -> Writer:
    """Draw with llama.cpp: the model's own GGUF, with the adapter as it is now beside it.

    Raises UsageError for a model that is no GGUF, EngineError when it does not open or answer.
    """
    gguf = gguf_of(settings.model)
    if gguf is None:
        raise UsageError("rollouts by llamacpp need a model that is a GGUF", hint='rollouts = "generate"')

    def write(asked: Sequence[Conversation], seed: int) -> list[list[Rollout]]:
        work.mkdir(parents=True, exist_ok=True)
        path = work / "policy.gguf"
        write_gguf_lora(policy.adapter(), settings.model, path)
        found = []
        with closing(
            open_llamacpp(
                gguf,
                name=f"llamacpp:{settings.model}",
                threads=torch.get_num_threads(),
                context=settings.max_tokens,
                adapter=path,
            )
        ) as engine:
            for place, each in enumerate(asked):
                first = seed + place * settings.generations
                requests = [
                    Request(
                        each.prompt,
                        "train.rollout",
                        decoding=Decoding(
                            settings.max_new_tokens, settings.temperature, (first + number) % 2**31
                        ),
                    )
                    for number in range(settings.generations)
                ]
                found.append([_read(policy, each, outcome) for outcome in engine.answer(requests)])
        return found

    return write


def _read(policy: Policy, asked: Conversation, outcome: object) -> Rollout:
    if not isinstance(outcome, Reply):
        raise EngineError(f"no answer was written: {outcome}", where=asked.where)
    whole = policy.template.encode(Conversation(asked.where, asked.prompt, outcome.text, {}))
    ended = outcome.finish != "length"
    answer = whole.answer if ended else whole.answer[:-1]
    return Rollout(Tokens(whole.prompt, answer or whole.answer), outcome.text, ended)
