"""Passes through a model of transformers: replies that are written, rows whose tokens are scored.

`write` writes replies side by side, padded on the left; `score` reads rows side by side, padded on the right,
and tells log-probabilities before any constraint. Roles are padded as their tokens are; what several rows
share is read once only as far as their roles are the same, too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from apothecary.engines.hf_constraints import Prompt, Row, Writer, shared
from apothecary.engines.hf_roles import role_inputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache

__all__ = ["Beginning", "score", "write"]

SHORTEST_BEGINNING = 16
"""Tokens that rows must share for them to be read once."""


def write(model: PreTrainedModel, prompts: Sequence[Prompt], writers: Sequence[Writer]) -> None:
    """Write the replies to prompts, each with its writer, until all have ended.

    Prompts alone have roles, as in training: what is written has none.
    """
    import torch

    longest = max(len(prompt.tokens) for prompt in prompts)
    missing = [[0] * (longest - len(prompt.tokens)) for prompt in prompts]
    padded = [[*none, *prompt.tokens] for none, prompt in zip(missing, prompts, strict=True)]
    marks = [[*none, *[1] * len(prompt.tokens)] for none, prompt in zip(missing, prompts, strict=True)]
    roles = role_inputs([prompt.roles for prompt in prompts], longest, model.device, left=True)
    tokens = torch.tensor(padded, device=model.device)
    mask = torch.tensor(marks, device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    live, cache = list(writers), None
    while live:
        # Not the number 1: its slice is not contiguous, and the output layer would be copied for each row.
        last = torch.tensor([tokens.shape[1] - 1], device=model.device)
        read = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=last,
            **roles,
        )
        roles = {}
        cache, scores = read.past_key_values, read.logits[:, -1].float()
        for writer, own in zip(live, scores, strict=True):
            writer.steer(own)
        chosen = scores.argmax(-1)
        for writer, token in zip(live, chosen.tolist(), strict=True):
            writer.take(token)
        kept = [place for place, writer in enumerate(live) if writer.finish is None]
        if 0 < len(kept) < len(live):
            rows = torch.tensor(kept, device=model.device)
            chosen, mask, positions = chosen[rows], mask[rows], positions[rows]
            cache.reorder_cache(rows)
        live = [live[place] for place in kept]
        tokens, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat((mask, mask.new_ones(len(mask), 1)), dim=-1)


class Beginning:
    """The tokens that all rows share, by their roles too, read when they are first needed."""

    def __init__(self, model: PreTrainedModel, rows: Sequence[Row]) -> None:
        longest = min((len(row.tokens) - len(row.wanted) for row in rows), default=0)
        length = min(longest, shared([row.key for row in rows])) if len(rows) > 1 else 0
        worth = length >= SHORTEST_BEGINNING and _can_go_on(model)
        self.tokens = rows[0].tokens[:length] if worth else ()
        self._roles = rows[0].roles[:length] if worth else ()
        self._cache: Cache | None = None

    @property
    def is_read(self) -> bool:
        """Whether what follows can be read at once."""
        return self._cache is not None

    def read(self, model: PreTrainedModel, times: int) -> Cache | None:
        """What the model keeps of these tokens, for several rows; None when there are none."""
        import torch

        if not self.tokens:
            return None
        if self._cache is None:
            tokens = torch.tensor([self.tokens], device=model.device)
            roles = role_inputs([self._roles], len(self.tokens), model.device)
            self._cache = model(input_ids=tokens, use_cache=True, logits_to_keep=1, **roles).past_key_values
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(times)
        return cache


def _can_go_on(model: PreTrainedModel) -> bool:
    """Whether several tokens can be read after what was kept: recurrent layers go on by one at a time."""
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    plain = (DynamicLayer, DynamicSlidingWindowLayer)
    return all(type(layer) in plain for layer in DynamicCache(config=model.config).layers)


def score(
    model: PreTrainedModel, rows: Sequence[Row], beginning: Beginning, batch: int
) -> list[list[list[float]]]:
    """The wanted log-probabilities of each row, in natural logarithms over all tokens of the model.

    All rows begin with `beginning`. No row sees the padding behind another's end, so none needs a mask.
    """
    found = []
    for start in range(0, len(rows), batch):
        found += _score(model, rows[start : start + batch], beginning)
    return found


def _score(model: PreTrainedModel, rows: Sequence[Row], beginning: Beginning) -> list[list[list[float]]]:
    import torch

    start = len(beginning.tokens)
    longest = max(len(row.tokens) for row in rows)
    padded = [[*row.tokens[start:], *[0] * (longest - len(row.tokens))] for row in rows]
    firsts = [len(row.tokens) - start - len(row.wanted) for row in rows]
    pairs = list(zip(firsts, rows, strict=True))
    places = sorted({first + number for first, row in pairs for number in range(len(row.wanted))})
    logits = model(
        input_ids=torch.tensor(padded, device=model.device),
        past_key_values=beginning.read(model, len(rows)),
        use_cache=start > 0,
        logits_to_keep=torch.tensor(places, device=model.device),
        **role_inputs([row.roles for row in rows], longest, model.device),
    ).logits
    found = []
    for (first, row), own in zip(pairs, logits, strict=True):
        begin = places.index(first)
        told = own[begin : begin + len(row.wanted)].float().log_softmax(-1)
        found.append([after[list(wanted)].tolist() for after, wanted in zip(told, row.wanted, strict=True)])
    return found
