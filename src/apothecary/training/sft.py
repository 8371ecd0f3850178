"""Supervised fine-tuning: learn to write the answers of conversations.

The loss is the mean over the tokens of all answers of a step; prompts cost nothing. Output scores are
computed for answers only, rows of like length are worked on together, and every step draws from a seed of
its own, so that a training that was killed ends with the very weights of one that was not.

Source: the release of RexDrug (LoRA on all linear layers, AdamW, cosine). Departures: 1. the seed also fixes
the order of the data, as it does there, but by a generator of our own; 2. the checkpoint is chosen by a
development figure; there the last one is taken.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import torch
from accelerate import Accelerator
from torch import Tensor

from apothecary.adapters.role_tokens import drawn_roles
from apothecary.align.roles import ROLES, RoleSpan, count_roles
from apothecary.errors import DataError
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, Tokens, read_conversations
from apothecary.training.checkpoints import Judge
from apothecary.training.lora_settings import SftSettings
from apothecary.training.policy import Policy, accelerator, seeded
from apothecary.training.taught import taught_conversations
from apothecary.training.tuning import Plan, Tuned, begun, check_tracking, run_through

__all__ = ["fitting", "micro_batches", "order", "packs", "plan_of", "train_sft"]

T = TypeVar("T", bound=Tokens)


def train_sft(
    settings: SftSettings,
    folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    judge: Judge | None = None,
    resume: bool = False,
) -> Tuned:
    """Train an adapter and write it to `out`; `folder` is what paths in the settings are relative to.

    Raises ApothecaryError.
    """
    check_tracking(settings)
    files = [folder / name for name in settings.train]
    start = folder / settings.start if settings.start else None
    conversations, dropped, silent = (
        taught_conversations(settings.data, files, folder)
        if settings.data
        else (read_conversations(files, answered=True), 0, 0)
    )
    if any("soft" in each.columns for each in conversations):
        hint = '[soft] with tables = "..."'
        raise DataError("has soft tokens to learn from", where=", ".join(settings.train), hint=hint)
    processes = accelerator(settings.track, out)
    checkpoints = begun(settings, files, out, writes=bool(processes.is_main_process), resume=resume)
    policy = Policy(
        load_base(settings.model, settings.precision, four_bit=settings.four_bit),
        settings,
        start,
        processes.device,
    )
    if bool(settings.lora.roles) != any(each.roles for each in conversations):
        problem, hint = (
            ("no conversation tells roles to learn from", '[data] with settings = { roles = "lemma" }')
            if settings.lora.roles
            else ("conversations tell roles, which a plain LoRA does not read", '[lora] with roles = "full"')
        )
        raise DataError(problem, where=", ".join(settings.train), hint=hint)
    if settings.lora.roles:
        say(_counted(conversations))
    encoded = [_encoded(policy, each, settings) for each in conversations]
    rows = fitting(encoded, settings)
    left_out, tokens = len(encoded) - len(rows), sum(each.length for each in rows)
    say(f"{len(rows)} conversations, {tokens} tokens; {left_out} too long; {dropped} documents held out")
    if silent:
        say(f"{silent} documents hold no answer that can be learnt (apothecary stats tells more)")
    plan = plan_of(settings, policy, rows, processes)
    return run_through(plan, policy, checkpoints, processes, say, judge, (len(rows), left_out))


def _counted(conversations: Sequence[Conversation]) -> str:
    """The mentions that roles were found for."""
    spans = [
        [RoleSpan(span.start, span.end, ROLES[span.role]) for span in each.roles] for each in conversations
    ]
    found = count_roles(spans)
    told = ", ".join(f"{name} {count}" for name, count in found.mentions.items())
    return f"mentions with roles: {told}; {found.bare} of {found.texts} conversations have none"


def fitting(encoded: Sequence[T], settings: SftSettings) -> list[T]:
    """The conversations that are short enough. Raises DataError when none is."""
    rows = [each for each in encoded if each.length <= settings.max_tokens]
    if not rows:
        raise DataError(f"no conversation fits {settings.max_tokens} tokens", hint="raise max_tokens")
    return rows


def plan_of(settings: SftSettings, policy: Policy, rows: Sequence[Tokens], processes: Accelerator) -> Plan:
    """The steps over the rows, in an order of their own for each epoch; this process does its share."""
    of_epoch = -(-len(rows) // settings.batch)
    policy.check_packing(rows)
    parts = packs if settings.packing else micro_batches

    def step(place: int) -> dict[str, float]:
        epoch, within = divmod(place, of_epoch)
        chosen = order(len(rows), settings.seed, epoch)[within * settings.batch :][: settings.batch]
        batch = [rows[each] for each in chosen]
        if settings.lora.redrawn:
            batch = [replace(row, roles=drawn_roles(row.prompt, step=place)) for row in batch]
        seeded(settings, place, processes.process_index)
        own = parts(batch, settings.micro_tokens)[processes.process_index :: processes.num_processes]
        return _of_all(_learn(policy, own, batch), processes)

    return Plan(settings, of_epoch, step)


def _encoded(policy: Policy, conversation: Conversation, settings: SftSettings) -> Tokens:
    """The tokens of a conversation, with their roles where those are learnt from."""
    found, kind = policy.template.encode(conversation), settings.lora.roles
    if not kind:
        return found
    if kind == "random":
        return replace(found, roles=drawn_roles(found.prompt))
    return replace(found, roles=policy.template.roles(conversation, ROLES))


def _learn(policy: Policy, own: Sequence[Sequence[Tokens]], batch: Sequence[Tokens]) -> dict[str, float]:
    """Gather the gradients of a step; `own` are the parts of the batch that this process works on."""
    begun = time.monotonic()
    count = sum(len(row.answer) for row in batch)
    total = 0.0
    for micro in own:
        loss: Tensor = -torch.cat(policy.logprobs(micro)).sum() / count
        torch.autograd.backward(loss)
        total += loss.item()
    tokens = sum(row.length for micro in own for row in micro)
    return {
        "loss": total,
        "tokens": float(tokens),
        "tokens_per_second": tokens / max(1e-9, time.monotonic() - begun),
    }


def _of_all(told: dict[str, float], processes: Accelerator) -> dict[str, float]:
    """What all processes did: each works on a part of the step, so all of it adds up."""
    if processes.num_processes == 1:
        return told
    parts = torch.tensor(list(told.values()), dtype=torch.float64, device=processes.device)
    summed = cast(Tensor, processes.reduce(parts, reduction="sum"))
    return dict(zip(told, summed.tolist(), strict=True))


def order(count: int, seed: int, epoch: int) -> list[int]:
    """The order of an epoch: the same for the same seed."""
    rng = random.Random(f"{seed} {epoch}")  # noqa: S311 - shuffling, not secrets
    places = list(range(count))
    rng.shuffle(places)
    return places


def packs(rows: Sequence[Tokens], tokens: int) -> list[list[Tokens]]:
    """The rows in parts of at most so many tokens together (a longer row stands alone): as few as it easily
    gets, each row into the first part with room, the longest first."""
    found: list[list[Tokens]] = []
    room: list[int] = []
    for row in sorted(rows, key=lambda each: -each.length):
        place = next((place for place, left in enumerate(room) if row.length <= left), None)
        if place is None:
            found.append([row])
            room.append(tokens - row.length)
        else:
            found[place].append(row)
            room[place] -= row.length
    return found


def micro_batches(rows: Sequence[Tokens], tokens: int) -> list[list[Tokens]]:
    """The rows in parts of at most so many padded tokens each (a longer row stands alone), by length."""
    found: list[list[Tokens]] = []
    for row in sorted(rows, key=lambda each: -each.length):
        if found and found[-1][0].length * (len(found[-1]) + 1) <= tokens:
            found[-1].append(row)
        else:
            found.append([row])
    return found
