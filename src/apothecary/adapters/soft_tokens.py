"""Soft tokens: vectors of codes, drugs and visits in the place of tokens of a prompt.

A prompt has marks, each after the name of what it stands for; where a mark stands, the language model reads
a projected vector instead of the embedding of a token. The vectors are looked up or averaged at run time,
so a patient never seen has them, too. Tables stay as they are; the projectors are learnt together with a
LoRA and are saved with it. The LoRA lies in a folder of its own within, so that a program which knows no
soft tokens finds no adapter instead of one without them.

Source: the hybrid representation of FLAME (arXiv 2505.20218; Linear, GELU, Linear as its release has it).
Departures: 1. no vector is baked into the vocabulary, and none belongs to a visit; 2. a mark costs one
position and no new token; 3. an item without a vector is projected from zero.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from peft import (
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from apothecary.adapters.role_files import WEIGHTS, check_tensors, read_tensors, reading, written_whole
from apothecary.errors import UsageError, WeightsError
from apothecary.messages import SoftToken, soft_mark
from apothecary.networks.visit_encoder import VectorTable

__all__ = [
    "LORA",
    "SoftRow",
    "SoftTokens",
    "add_marks",
    "given",
    "load_soft_adapter",
    "load_soft_tokens",
    "save_soft_adapter",
    "save_soft_tokens",
    "soft_row",
    "write_answers",
]

LORA = "lora"
CONFIG, TENSORS = "soft_tokens.json", "soft_tokens.safetensors"


def add_marks(tokenizer: PreTrainedTokenizerBase, kinds: Iterable[str]) -> dict[int, str]:
    """Let a tokenizer read marks as one token each; their numbers, with the kinds.

    The model knows nothing of these tokens: `soft_row` takes them out again.
    """
    marks = {kind: soft_mark(kind) for kind in kinds}
    tokenizer.add_tokens(list(marks.values()), special_tokens=True)
    return {cast(int, tokenizer.convert_tokens_to_ids(text)): kind for kind, text in marks.items()}


@dataclass(frozen=True)
class SoftRow:
    """The tokens of a prompt, with those in which its soft tokens stand."""

    ids: tuple[int, ...]
    places: tuple[int, ...]
    tokens: tuple[SoftToken, ...]


def soft_row(
    ids: Sequence[int], marks: Mapping[int, str], tokens: Sequence[SoftToken], *, filler: int
) -> SoftRow:
    """The tokens of a prompt whose marks (`add_marks`) stand for soft tokens, in their order.

    `filler` is a token that the model knows, put where marks were. Raises UsageError where the two differ.
    """
    places = tuple(place for place, token in enumerate(ids) if token in marks)
    if [marks[ids[place]] for place in places] != [each.kind for each in tokens]:
        # A prompt may be a patient's: nothing of it is shown.
        message = f"the prompt has {len(places)} marks, which are not those of {len(tokens)} soft tokens"
        raise UsageError(message)
    return SoftRow(tuple(filler if token in marks else token for token in ids), places, tuple(tokens))


class SoftTokens(nn.Module):
    """Tables of vectors by kind, and for each a projector into the embeddings of a language model.

    `size` is that of an embedding. Raises UsageError without a table, and for a kind that is no word.
    """

    def __init__(self, tables: Mapping[str, VectorTable], size: int, hidden: int = 512) -> None:
        super().__init__()
        wrong = [kind for kind in tables if not re.fullmatch(r"\w+", kind)]
        if wrong or not tables or min(size, hidden) < 1:
            raise UsageError("soft tokens need tables with a word for each kind, and sizes of 1 or more")
        self.tables = dict(sorted(tables.items()))
        self.size, self.hidden = size, hidden
        self.projectors = nn.ModuleDict(
            {
                # A name of its own, since "keys" or "values" would be taken.
                f"of_{kind}": nn.Sequential(
                    nn.Linear(table.width, hidden), nn.GELU(), nn.Linear(hidden, size)
                )
                for kind, table in self.tables.items()
            }
        )

    def forward(self, tokens: Sequence[SoftToken]) -> Tensor:
        """The projected vectors. Shapes: result tokens x size.

        Raises UsageError for a kind without a table.
        """
        unknown = {each.kind for each in tokens} - self.tables.keys()
        if unknown:
            hint = f"kinds: {', '.join(self.tables)}"
            raise UsageError(f"there are no soft tokens of the kind {min(unknown)!r}", hint=hint)
        first = next(self.parameters())
        found = first.new_zeros(len(tokens), self.size)
        for kind, table in self.tables.items():
            own = [place for place, each in enumerate(tokens) if each.kind == kind]
            if own:
                vectors = np.stack([table.mean(tokens[place].names) for place in own])
                projected = self.projectors[f"of_{kind}"](torch.from_numpy(vectors).to(first))
                found = found.index_copy(0, torch.tensor(own, device=first.device), projected.to(found))
        return found


@contextmanager
def given(
    model: nn.Module, soft: SoftTokens, rows: Sequence[SoftRow], begins: Sequence[int]
) -> Iterator[None]:
    """Let the next pass of a model, the first of what it generates, read the soft tokens of its rows.

    `begins` is where each row begins within the padded ones.
    """
    lines = [line for line, row in enumerate(rows) for _ in row.places]
    columns = [begin + place for begin, row in zip(begins, rows, strict=True) for place in row.places]
    tokens = list(chain.from_iterable(row.tokens for row in rows))
    waiting = bool(tokens)

    def replace(module: nn.Module, inputs: object, embedded: Tensor) -> Tensor | None:
        nonlocal waiting
        if not waiting:
            return None
        waiting = False
        places = (torch.tensor(lines, device=embedded.device), torch.tensor(columns, device=embedded.device))
        return embedded.index_put(places, soft(tokens).to(embedded))

    embedding = cast(nn.Module, cast(Any, model).get_input_embeddings())
    handle = embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def write_answers(
    model: PreTrainedModel | PeftModel,
    soft: SoftTokens,
    rows: Sequence[SoftRow],
    *,
    padding: int,
    end: int,
    max_new_tokens: int = 256,
) -> list[tuple[int, ...]]:
    """The likeliest answers, greedily, without the token that ends them; prompts are padded on the left.

    Nothing is taken from the generation settings of the model.
    """
    longest = max(len(row.ids) for row in rows)
    begins = [longest - len(row.ids) for row in rows]
    pairs = list(zip(begins, rows, strict=True))
    ids = torch.tensor([[padding] * begin + list(row.ids) for begin, row in pairs], device=model.device)
    mask = torch.tensor([[0] * begin + [1] * len(row.ids) for begin, row in pairs], device=model.device)
    inner = cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)
    kept, learning = inner.generation_config, model.training
    inner.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=end, pad_token_id=padding
    )
    model.train(False)
    try:
        with torch.no_grad(), given(model, soft, rows, begins):
            written = cast(Any, model).generate(input_ids=ids, attention_mask=mask)[:, longest:].tolist()
    finally:
        inner.generation_config = kept
        model.train(learning)
    return [tuple(row[: row.index(end)] if end in row else row) for row in written]


def save_soft_tokens(soft: SoftTokens, folder: Path) -> None:
    """Write tables and projectors beside an adapter that lies in the folder `LORA` within."""
    tables = {f"tables.{kind}": torch.from_numpy(table.vectors.copy()) for kind, table in soft.tables.items()}
    weights = {name: each.detach().cpu().float().contiguous() for name, each in soft.state_dict().items()}
    save_file({**tables, **weights}, folder / TENSORS, metadata={"format": "pt"})
    names = {kind: list(table.names) for kind, table in soft.tables.items()}
    record = {"format": 1, "size": soft.size, "hidden": soft.hidden, "names": names}
    (folder / CONFIG).write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def save_soft_adapter(model: PeftModel, soft: SoftTokens, folder: Path) -> None:
    """Write a LoRA with its soft tokens, whole or not at all; an older one in its place is replaced."""
    with written_whole(folder) as temporary:
        model.save_pretrained(str(temporary / LORA), save_embedding_layers=False)
        save_soft_tokens(soft, temporary)


def load_soft_adapter(model: PreTrainedModel, folder: Path) -> tuple[PeftModel, SoftTokens]:
    """Put a saved LoRA into the model it was learnt for, and open its soft tokens, both for use.

    Raises WeightsError for a folder that lacks a part, holds one of another shape, or is of another model.
    """
    soft = load_soft_tokens(folder, cast(nn.Embedding, model.get_input_embeddings()).weight.shape[1])
    tensors = read_tensors(folder / LORA / WEIGHTS)
    with reading(folder / LORA, "does not fit the model"):
        config = PeftConfig.from_pretrained(str(folder / LORA))
        config.inference_mode = True
        with warnings.catch_warnings():
            # PEFT asks Transformers by a name that is to go.
            warnings.simplefilter("ignore", FutureWarning)
            adapted = cast(PeftModel, get_peft_model(model, config))
        wanted = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        check_tensors(tensors, {name: tuple(each.shape) for name, each in wanted.items()}, folder / LORA)
        set_peft_model_state_dict(adapted, dict(tensors))
    return adapted.train(False), soft.to(model.device).train(False)


def load_soft_tokens(folder: Path, size: int) -> SoftTokens:
    """Tables and projectors of a saved adapter, for embeddings of a size. Raises WeightsError."""
    if not (folder / CONFIG).is_file():
        raise WeightsError(f"holds no soft tokens: no {CONFIG}", where=str(folder))
    tensors = read_tensors(folder / TENSORS)
    with reading(folder / CONFIG, "is of another form"):
        record = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        names, hidden = record["names"], int(record["hidden"])
        if record["format"] != 1 or int(record["size"]) != size:
            raise WeightsError(f"is for embeddings of {record['size']}, not {size}", where=str(folder))
        # Before anything is made by what the file says: it may say what no memory holds.
        hiddens = {each.shape[0] for name, each in tensors.items() if name.endswith(".0.weight")}
        if hiddens != {hidden}:
            raise WeightsError("the projectors have other sizes than told", where=str(folder))
        lacking = [kind for kind in names if f"tables.{kind}" not in tensors]
        if lacking:
            raise WeightsError(f"lacks the table of {lacking[0]}", where=str(folder))
        tables = {
            kind: VectorTable(tuple(map(str, own)), tensors.pop(f"tables.{kind}").float().numpy())
            for kind, own in names.items()
        }
        soft = SoftTokens(tables, size, hidden)
    check_tensors(
        tensors, {name: tuple(each.shape) for name, each in soft.state_dict().items()}, folder / TENSORS
    )
    soft.load_state_dict(tensors)
    return soft
