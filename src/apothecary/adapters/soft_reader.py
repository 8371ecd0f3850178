"""Adapters with soft tokens, for engines: each soft token of a prompt is a token beyond the vocabulary.

Its number is looked up in a table of projected vectors instead of the embeddings of the model, so that
batches, padding and shared beginnings of prompts need not know of it. Whoever runs an engine hands a reader
to it (`engines.soft`): the two parts do not know each other.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from apothecary.adapters.soft_tokens import SoftTokens, add_marks, load_soft_tokens, soft_row
from apothecary.messages import SoftToken

__all__ = ["SoftAdapters"]


class _Embedding(nn.Module):
    """The embeddings of a model, and behind their numbers those of `vectors`."""

    def __init__(self, inner: nn.Embedding, vectors: list[Tensor]) -> None:
        super().__init__()
        self.inner = inner
        self._vectors = vectors

    def forward(self, ids: Tensor) -> Tensor:
        """Shapes: ids rows x tokens, result rows x tokens x size."""
        size = self.inner.num_embeddings
        beyond = ids >= size
        found: Tensor = self.inner(ids.masked_fill(beyond, 0))
        if beyond.any():
            own = torch.stack([self._vectors[place - size] for place in ids[beyond].tolist()])
            found = found.index_put((beyond,), own.to(found))
        return found


class SoftAdapters:
    """Lets one model read the soft tokens of an adapter."""

    def __init__(self) -> None:
        self._vectors: list[Tensor] = []
        self._numbers: dict[SoftToken, int] = {}

    def open(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
        """Put the soft tokens of a folder before a model that has its LoRA; see `load_soft_tokens`."""
        inner = cast(nn.Embedding, model.get_input_embeddings())
        self._soft: SoftTokens = load_soft_tokens(folder, inner.weight.shape[1]).to(model.device).train(False)
        self._first = inner.num_embeddings
        # A tokenizer of its own: what writes replies is to know of no mark.
        self._tokenizer = copy.deepcopy(tokenizer)
        self._marks = add_marks(self._tokenizer, self._soft.tables)
        model.set_input_embeddings(_Embedding(inner, self._vectors))

    @property
    def kinds(self) -> Collection[str]:
        """The kinds that the adapter has vectors of."""
        return self._soft.tables

    def encode(self, text: str, tokens: Sequence[SoftToken]) -> tuple[int, ...]:
        """The tokens of a text; a name without a vector counts as none. Raises UsageError."""
        ids = self._tokenizer.encode(text, add_special_tokens=False)
        row = soft_row(ids, self._marks, tokens, filler=0)
        found = list(row.ids)
        for place, token in zip(row.places, row.tokens, strict=True):
            found[place] = self._number(token)
        return tuple(found)

    def _number(self, token: SoftToken) -> int:
        if token not in self._numbers:
            self._numbers[token] = self._first + len(self._vectors)
            self._vectors.append(self._soft([token])[0])
        return self._numbers[token]

    def forget(self) -> None:
        """Let the vectors of earlier prompts go."""
        self._vectors.clear()
        self._numbers.clear()
