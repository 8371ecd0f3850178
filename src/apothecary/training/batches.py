"""Texts with their tasks -> tensors: windows of like length together, one matrix of states a text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from apothecary.networks.encoding import Encoded, TextEncoder, Window, Windowing, padded
from apothecary.networks.heads import Encoder
from apothecary.training.examples import Example, by_text

__all__ = ["Text", "batches", "hide_words", "prepare", "states_of"]


@dataclass(frozen=True)
class Text:
    """One text with all that is to be said of it."""

    encoded: Encoded
    windows: tuple[Window, ...]
    examples: tuple[Example, ...]


def prepare(examples: Sequence[Example], encoder: TextEncoder, windowing: Windowing) -> list[Text]:
    """Encode every text once. Texts without a token are left out: nothing can be said of them."""
    texts = []
    for group in by_text(examples):
        encoded = encoder.encode(group[0].text)
        if len(encoded):
            texts.append(Text(encoded, tuple(windowing.over(len(encoded))), tuple(group)))
    return texts


def batches(texts: Sequence[Text], budget: int, rng: random.Random) -> Iterator[list[Text]]:
    """Shuffled batches of at most `budget` padded tokens; a text that is longer comes alone."""
    order = list(texts)
    rng.shuffle(order)
    made: list[list[Text]] = []
    for start in range(0, len(order), 256):
        # Sorting within a block keeps padding small; blocks keep the order random.
        batch: list[Text] = []
        for text in sorted(order[start : start + 256], key=_width):
            if batch and (sum(len(t.windows) for t in batch) + len(text.windows)) * _width(text) > budget:
                made.append(batch)
                batch = []
            batch.append(text)
        if batch:
            made.append(batch)
    rng.shuffle(made)
    yield from made


def _width(text: Text) -> int:
    return max(window.end - window.start for window in text.windows) + 2


def hide_words(text: Text, share: float, mask: int, rng: random.Random) -> Text:
    """The text with that share of its words unreadable; their shapes stay."""
    encoded = text.encoded
    word_of = np.cumsum(encoded.begins_word) - 1
    chance = np.random.default_rng(rng.getrandbits(64)).random(len(encoded.words))
    ids = np.where(chance[word_of] < share, mask, encoded.ids)
    return replace(text, encoded=replace(encoded, ids=ids))


def states_of(texts: Sequence[Text], tokenizer: TextEncoder, encoder: Encoder) -> list[Tensor]:
    """The states of each text (tokens by width), every token from the window that speaks for it."""
    rows = [(text.encoded, window) for text in texts for window in text.windows]
    arrays = padded(rows, tokenizer.before, tokenizer.after)
    with torch.autocast("cpu" if not torch.cuda.is_available() else "cuda", torch.bfloat16):
        ids, shapes, mask = (torch.from_numpy(array).to(encoder.shapes.weight.device) for array in arrays)
        states = encoder(ids, shapes, mask)
    found: list[Tensor] = []
    row = 0
    for text in texts:
        parts = []
        for window in text.windows:
            shift = len(tokenizer.before) - window.start
            parts.append(states[row, window.own_start + shift : window.own_end + shift])
            row += 1
        found.append(torch.cat(parts).float())
    return found
