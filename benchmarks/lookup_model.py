"""The small decoder of the look-up benchmark: taught to look up and copy, checked, kept.

It learns in stages: words said twice, then documents of one record, two, three, four, at last with markers
that tell nothing around some names. A stage ends when it is mastered. Not one of its documents has a drug
twice, so the model learns to find a record by its drug, and has no reason to mind the disease.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import cast

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from apothecary.adapters.role_batch import UNLEARNT, RoleRow, collate
from benchmarks.lookup_data import (
    PADDING,
    VOCABULARY,
    Lesson,
    lesson,
    marked_at_random,
    repetition,
    row_of,
    unambiguous,
)

__all__ = ["RECORDS", "BaseSettings", "exact", "gate", "load_base", "make_base"]

RECORDS = 4
"""Records of a document: of the largest to learn from, and of each to be tested on."""
_RECENT = 40
_EVALUATED = 250


@dataclass(frozen=True)
class BaseSettings:
    """The model, and how it learns. It stops after `most_steps`, mastered or not."""

    seed: int = 13
    width: int = 128
    mlp: int = 256
    layers: int = 4
    heads: int = 4
    spread: float = 0.06
    batch: int = 64
    rate: float = 1.5e-3
    warm_up: int = 100
    cool_down: int = 150
    most_steps: int = 4000
    weight_decay: float = 0.05


@dataclass(frozen=True)
class Stage:
    """Documents of up to so many records; of words said twice the rest.

    It is mastered when that share of the last `_RECENT` steps' lessons held no fault.
    """

    name: str
    records: int
    documents: float
    mastered: float
    marked: float = 0.0


STAGES = (
    Stage("repetition", 1, 0.0, 0.7),
    *(Stage(f"{count} record{'s' * (count > 1)}", count, 0.85, 0.9) for count in range(1, RECORDS + 1)),
    Stage("markers", RECORDS, 0.9, 0.95, marked=0.4),
)


def drawn(rng: Random, stage: Stage) -> Lesson:
    """A lesson of the stage; half of the documents are of its full size."""
    if rng.random() >= stage.documents:
        return repetition(rng)
    full = rng.random() < 0.5
    case = unambiguous(rng, stage.records if full else rng.randint(1, stage.records))
    return lesson(rng, case, marked_at_random(rng, case) if rng.random() < stage.marked else ())


def padded(lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor]:
    """Tokens and labels, padded behind: what comes before does not see it."""
    longest = max(len(each.tokens) for each in lessons)
    tokens = [[*each.tokens, *([PADDING] * (longest - len(each.tokens)))] for each in lessons]
    labels = [[*each.labels, *([UNLEARNT] * (longest - len(each.labels)))] for each in lessons]
    return torch.tensor(tokens), torch.tensor(labels)


def new_model(settings: BaseSettings) -> PreTrainedModel:
    """An untrained decoder."""
    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=settings.width,
        intermediate_size=settings.mlp,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=128,
        # One matrix for reading and writing words: copying is then nearly given.
        tie_word_embeddings=True,
        initializer_range=settings.spread,
        pad_token_id=PADDING,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def make_base(settings: BaseSettings, folder: Path, say: Callable[[str], None]) -> None:
    """Teach a model and keep it, with what it learnt when; the same settings give the same model.

    base.json is taken away first and written last, whole: where it lies, the model beside it is its own.
    """
    begun = time.process_time()
    model = new_model(settings).train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        parameters, lr=settings.rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    rng = Random(settings.seed)
    mastered: dict[str, int] = {}
    recent: deque[float] = deque(maxlen=_RECENT)
    stage, step, left = 0, 0, settings.most_steps
    while left:
        tokens, labels = padded([drawn(rng, STAGES[stage]) for _ in range(settings.batch)])
        rate = settings.rate * min(1.0, (step + 1) / settings.warm_up, left / settings.cool_down)
        for group in optimizer.param_groups:
            group["lr"] = rate
        scores = model(input_ids=tokens, use_cache=False).logits[:, :-1]
        wanted = labels[:, 1:]
        loss = cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=UNLEARNT)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        right = (scores.argmax(2) == wanted) | (wanted == UNLEARNT)
        recent.append(float(right.all(1).float().mean()))
        step, left = step + 1, left - 1
        if step % 50 == 0:
            share = sum(recent) / len(recent)
            say(f"step {step}, {STAGES[stage].name}: loss {loss.item():.3f}, {share:.3f} without a fault")
        if len(recent) == _RECENT and sum(recent) / _RECENT >= STAGES[stage].mastered:
            if STAGES[stage].name not in mastered:
                mastered[STAGES[stage].name] = step
            if stage + 1 < len(STAGES):
                stage += 1
                recent.clear()
            else:
                left = min(left, settings.cool_down)
    record = folder / "base.json"
    record.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    seconds = time.process_time() - begun
    told = {"settings": asdict(settings), "steps": step, "mastered_after": mastered, "seconds": seconds}
    temporary = record.with_suffix(".new")
    temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")
    temporary.replace(record)


def load_base(folder: Path) -> PreTrainedModel:
    """The model that `make_base` kept."""
    model = LlamaForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    return cast(PreTrainedModel, model)


def exact(model: PreTrainedModel | PeftModel, rows: Sequence[RoleRow], *, roles: bool) -> list[bool]:
    """Of each row: would greedy decoding write the answer, and nothing else?

    It would, where every word of the answer is the likeliest after those before it: one pass shows it.
    """
    model.train(False)
    found: list[bool] = []
    for start in range(0, len(rows), _EVALUATED):
        batch = collate(rows[start : start + _EVALUATED], padding=PADDING, side="right")
        given = batch.inputs(torch.device("cpu"))
        if not roles:
            del given["role_ids"]
        with torch.inference_mode():
            said = model(**given, use_cache=False).logits[:, :-1].argmax(2)
        wanted = batch.labels[:, 1:]
        found += ((said == wanted) | (wanted == UNLEARNT)).all(1).tolist()
    return found


def gate(model: PreTrainedModel, cases: int, seed: int) -> Mapping[str, float]:
    """The share of unambiguous questions answered exactly, by kind of document."""
    rng = Random(f"{seed} gate")
    drawn = [unambiguous(rng, RECORDS) for _ in range(cases)]
    kinds = {
        "plain": [row_of(case) for case in drawn],
        "marked at random": [row_of(case, marked_at_random(rng, case)) for case in drawn],
    }
    return {name: sum(exact(model, rows, roles=False)) / cases for name, rows in kinds.items()}
