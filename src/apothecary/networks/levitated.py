"""Packed levitated markers: every candidate span of a text is scored by two markers behind it. Needs torch.

Source: Ye, Lin, Li and Sun 2022 (ACL), "Packed Levitated Marker for Entity and Relation Extraction". A span
gets a start and an end marker, which are appended to the text and take the positions of its first and last
token. Text sees text alone; a marker sees the text, itself and its partner. So the text reads as if there
were no markers, no span knows of another, and many share one pass. The states of both markers score the span.

Departures from the source: 1. Labels are scored apart from each other, so a span may have several or none.
2. What the text is asked about stands in front of it, and holds no candidates. 3. Spans that hardly can be an
answer are no candidates (`candidates`). 4. A marker begins as the vector of the token for hidden words.
5. Of a text longer than the encoder's positions, a span is read in the window that shows most around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apothecary.errors import WeightsError
from apothecary.networks.encoding import Encoded, TextEncoder, Window, Windowing
from apothecary.networks.heads import Encoder

__all__ = ["Layout", "LevitatedMarkers", "Pages", "candidates", "pages", "visible"]

Ints = NDArray[np.int64]

OVERLAP = 128
"""Tokens that two windows share where there is room: a span that is no longer stands whole in one."""

KINDS = ("bert", "roberta", "xlm-roberta")
"""Encoders whose tokens have absolute positions, which markers can take."""

_FUNCTION_WORDS = (
    "a an and are as at be been being but by can could did do does for from had has have he her his if in"
    " into is it its may nor of on or our she so such than that the their them then there these they this"
    " those through to was we were what when where which while who whom whose will with would"
)
_NEVER_AN_EDGE = frozenset(_FUNCTION_WORDS.split())
_DEPTH = {"(": 1, "[": 1, ")": -1, "]": -1}


def candidates(encoded: Encoded, text: str, longest: int) -> Ints:
    """Spans that may be an answer, in their order: first token, and the one behind the last (spans by 2).

    They have up to `longest` words and lie in one sentence. Neither end is a function word of English or
    punctuation; mathematical signs, "%", the bracket that ends a pair and the point of "b.i.d." may be. A
    span has no bracket without its other half. Words are those of the tokenizer, which for most is each
    punctuation mark by itself.
    """
    firsts = encoded.words
    ends = np.append(firsts[1:], len(encoded))[: len(firsts)]
    words = [text[encoded.starts[a] : encoded.ends[b - 1]] for a, b in zip(firsts, ends, strict=True)]
    begins = [_is_content(word, word[:1]) for word in words]
    finishes = [_may_finish(words, place) for place in range(len(words))]
    breaks = [_ends_sentence(encoded, words, place) for place in range(len(words))]
    depths = [sum(_DEPTH.get(character, 0) for character in word) for word in words]
    found: list[tuple[int, int]] = []
    for first in range(len(words)):
        depth = 0
        for last in range(first, min(len(words), first + longest) if begins[first] else first):
            depth += depths[last]
            if finishes[last] and depth == 0:
                found.append((int(firsts[first]), int(ends[last])))
            if depth < 0 or breaks[last]:
                break
    return np.asarray(found, np.int64).reshape(-1, 2)


def _is_content(word: str, edge: str) -> bool:
    """Is it a word that can stand at the edge of a span, by its outermost character there?"""
    # Words in capitals may be names: HER is a gene.
    if word[:1].lower() + word[1:] in _NEVER_AN_EDGE:
        return False
    return edge.isalnum() or edge == "%" or unicodedata.category(edge or " ") == "Sm"


def _may_finish(words: Sequence[str], place: int) -> bool:
    word = words[place]
    if word == ".":
        return place > 0 and len(words[place - 1]) == 1 and words[place - 1].isalpha()
    return word[-1:] in (")", "]") or _is_content(word, word[-1:])


def _ends_sentence(encoded: Encoded, words: Sequence[str], place: int) -> bool:
    word = words[place]
    if word in ("。", "！", "？") or place + 1 == len(words):  # noqa: RUF001 - Chinese full stops
        return True
    after = int(encoded.words[place + 1])
    apart = encoded.starts[after] > encoded.ends[after - 1]
    return word in (".", "!", "?") and bool(apart) and not words[place + 1][:1].islower()


@dataclass(frozen=True)
class Layout:
    """One pass: tokens, then the start markers of some spans, then their end markers.

    Shapes:
        ids, shapes: tokens
        places: tokens + 2 spans, counted from 0
        spans: positions of the spans among all candidates of the text
    """

    ids: Ints
    shapes: Ints
    places: Ints
    spans: Ints


@dataclass(frozen=True)
class Pages:
    """A text ready to be read: the tokens of each window with all that stands around it, and its spans.

    Shapes:
        spans: candidates by 2, tokens of the text
        page: candidates; the window that a span is read in, -1 where none holds it whole
        shifts: windows; what turns a token of the text into a place of the window
    """

    ids: tuple[Ints, ...]
    shapes: tuple[Ints, ...]
    shifts: tuple[int, ...]
    spans: Ints
    page: Ints

    def layouts(self, chosen: Ints, at_once: int) -> list[Layout]:
        """Passes over the chosen candidates, `at_once` at most in each; those of no window are left out."""
        made = []
        for number, (ids, shapes) in enumerate(zip(self.ids, self.shapes, strict=True)):
            own = chosen[self.page[chosen] == number]
            for start in range(0, len(own), at_once):
                some = own[start : start + at_once]
                marked = self.spans[some] + self.shifts[number]
                places = np.concatenate([np.arange(len(ids)), marked[:, 0], marked[:, 1] - 1])
                made.append(Layout(ids, shapes, places, some))
        return made


def pages(
    tokenizer: TextEncoder, encoded: Encoded, spans: Ints, names: Sequence[str], positions: int
) -> Pages:
    """Lay out a text behind the names that it is asked about, in windows that fit `positions` tokens.

    Names are parted by semicolons. One that would take more than an eighth of the positions is cut off.
    Raises WeightsError when there is no room for a text.
    """
    ids, shapes = _asked(tokenizer, names, positions // 8)
    size = positions - len(ids) - len(tokenizer.before) - 2 * len(tokenizer.after)
    if size < 2:
        raise WeightsError(f"an encoder of {positions} positions has no room for a text behind {len(ids)}")
    windows = Windowing(size, min(OVERLAP, size // 2)).over(len(encoded))
    before, after = (np.asarray(special, np.int64) for special in (tokenizer.before, tokenizer.after))
    front = np.concatenate([before, ids, after])
    front_shapes = np.concatenate([np.zeros_like(before), shapes, np.zeros_like(after)])
    insides = [slice(window.start, window.end) for window in windows]
    return Pages(
        tuple(np.concatenate([front, encoded.ids[inside], after]) for inside in insides),
        tuple(
            np.concatenate([front_shapes, encoded.shapes[inside], np.zeros_like(after)]) for inside in insides
        ),
        tuple(len(front) - window.start for window in windows),
        spans,
        _page_of(windows, spans),
    )


def _page_of(windows: Sequence[Window], spans: Ints) -> Ints:
    """The window that shows most on the barer side of each span, the earlier of equals; -1: all cut it."""
    starts, ends = (np.asarray(each) for each in zip(*((w.start, w.end) for w in windows), strict=True))
    latest = np.searchsorted(starts, spans[:, 0], "right") - 1
    # Windows overlap by half at most: no token is in more than two.
    both = np.stack([np.maximum(latest - 1, 0), latest])
    margins = np.minimum(spans[:, 0] - starts[both], ends[both] - spans[:, 1])
    best: Ints = np.take_along_axis(both, margins.argmax(axis=0)[None], axis=0)[0]
    return np.where(margins.max(axis=0) < 0, -1, best)


def _asked(tokenizer: TextEncoder, names: Sequence[str], longest: int) -> tuple[Ints, Ints]:
    """Ids and word shapes of names parted by semicolons."""
    between = tokenizer.encode(";")
    parts: list[Encoded] = []
    for name in names:
        parts += [between, tokenizer.encode(name)] if parts else [tokenizer.encode(name)]
    none = np.zeros(0, np.int64)
    ids = np.concatenate([none, *(part.ids[:longest] for part in parts)])
    return ids, np.concatenate([none, *(part.shapes[:longest] for part in parts)])


def visible(tokens: int, spans: int) -> Tensor:
    """Which place sees which: (tokens + 2 spans) squared, rows see columns."""
    place = torch.arange(tokens + 2 * spans)
    is_text = place < tokens
    pair = (place - tokens) % max(1, spans)
    partners = ~is_text[:, None] & ~is_text[None, :] & (pair[:, None] == pair[None, :])
    return is_text[None, :] | partners


class LevitatedMarkers(nn.Module):
    """An encoder, two markers, and a score for each label.

    Raises WeightsError for an encoder whose tokens have no absolute positions: markers would stand nowhere.
    """

    def __init__(self, encoder: Encoder, labels: int, mask: int, dropout: float = 0.1) -> None:
        super().__init__()
        config = encoder.model.config
        kind = str(config.model_type)
        if kind not in KINDS:
            raise WeightsError(f"no markers float over an encoder of the kind {kind}", hint=f"known: {KINDS}")
        self.encoder = encoder
        # A mask for all pairs of places: the plain form of attention would write out each layer's in full.
        encoder.model.set_attn_implementation("sdpa")
        for name, module in encoder.model.named_modules():
            # The other dropouts stay. With this one, learning takes half as long again on a CPU.
            if isinstance(module, nn.Dropout) and name.endswith("attention.self.dropout"):
                module.p = 0.0
        self.first_position = 0 if kind == "bert" else int(config.pad_token_id) + 1
        self.positions = int(config.max_position_embeddings) - self.first_position
        hidden = encoder.model.get_input_embeddings().weight[mask].detach()
        self.markers = nn.Parameter(hidden.expand(2, -1).clone())
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(2 * encoder.width, labels)
        # Nearly all spans have no label: begun at even odds, the first epoch would only learn that.
        nn.init.constant_(self.score.bias, -3.0)

    def forward(self, layout: Layout) -> Tensor:
        """The logits of the spans of a pass (spans by labels)."""
        count = len(layout.spans)
        ids, shapes, places = (
            torch.from_numpy(array).to(self.markers.device)[None]
            for array in (layout.ids, layout.shapes, layout.places)
        )
        text = self.encoder.model.get_input_embeddings()(ids) + self.encoder.shapes(shapes)
        markers = self.markers.repeat_interleave(count, dim=0)[None]
        states = self.encoder.model(
            inputs_embeds=torch.cat([text, markers], dim=1),
            position_ids=places + self.first_position,
            attention_mask=visible(ids.shape[1], count).to(ids.device)[None, None],
        ).last_hidden_state[0]
        starts, ends = states[-2 * count :].chunk(2)
        scored: Tensor = self.score(self.dropout(torch.cat([starts, ends], dim=-1)))
        return scored
