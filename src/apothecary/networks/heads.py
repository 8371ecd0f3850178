"""What is trained: an encoder that sees case, and heads that read its states. Needs torch.

Every head works on the states of one whole text (tokens by width), so that one pass of the encoder
serves all questions about that text, and a question's answer never depends on which others are asked.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

from apothecary.networks.encoding import SHAPES
from apothecary.networks.spans import tag_count

__all__ = ["Encoder", "PairHead", "SetHead", "TagHead"]


class Encoder(nn.Module):
    """A pretrained encoder whose input also carries the shape of each word.

    The shape vectors start at zero: before training this is the pretrained encoder itself.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        # The plain form of attention: on a CPU it learns a fifth faster than torch's fused one.
        self.model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        if getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None
        self.width: int = self.model.config.hidden_size
        self.shapes = nn.Embedding(SHAPES, self.width)
        nn.init.zeros_(self.shapes.weight)

    def forward(self, ids: Tensor, shapes: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids, word shapes and mask (windows by tokens) -> states (windows by tokens by width).

        Without a mask every token counts.
        """
        # The library would make a mask for all pairs of tokens; one of four axes is added as it is.
        weights = torch.zeros(1, 1, 1, 1) if mask is None else mask
        embedded = self.model.get_input_embeddings()(ids) + self.shapes(shapes)
        states: Tensor = self.model(inputs_embeds=embedded, attention_mask=weights).last_hidden_state
        return states


class TagHead(nn.Module):
    """Log-probabilities of tags for given words."""

    def __init__(self, width: int, labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(width, tag_count(labels))

    def forward(self, states: Tensor) -> Tensor:
        """States of the words' first tokens (words by width) -> log-probabilities (words by tags)."""
        return torch.log_softmax(self.score(self.dropout(states)), dim=-1)


def pool(states: Tensor, members: Tensor) -> Tensor:
    """Log-sum-exp over the tokens of each group: (tokens, width), (groups, tokens) of 0/1 -> (groups, width).

    A smooth maximum over all mentions of a concept (Jia, Wong and Poon 2019); zero for an empty group.
    """
    top = states.max(dim=0).values
    weights = torch.exp(states - top)
    return (torch.log(members @ weights + 1e-6) + top) * (members.sum(dim=1, keepdim=True) > 0)


def mean(states: Tensor, members: Tensor) -> Tensor:
    """The mean over the tokens of each group, as `pool`; zero for an empty group."""
    return members @ states / members.sum(dim=1, keepdim=True).clamp(min=1.0)


class Context(nn.Module):
    """What the text says around two groups: tokens that both attend to, pooled.

    The localized context pooling of Zhou et al. 2021 (ATLOP, eqs. 5-7): the attentions of both sides are
    multiplied and normalised. Departure: the attention is learned here, not read from the encoder, so
    that any encoder serves and no attention matrix need leave it.
    """

    def __init__(self, width: int, sides: int, heads: int = 6) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.ModuleList(nn.Linear(width, width) for _ in range(sides))
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)

    def forward(self, sides: list[Tensor], states: Tensor) -> Tensor:
        """Each side (items by width) and the states (tokens by width) -> (items by width)."""
        items, width = sides[0].shape
        per_head = width // self.heads
        query = sum((layer(side) for layer, side in zip(self.queries, sides, strict=True)), torch.zeros(()))
        query = query.view(items, self.heads, per_head).transpose(0, 1)
        keys = self.keys(states).view(-1, self.heads, per_head).permute(1, 2, 0)
        values = self.values(states).view(-1, self.heads, per_head).transpose(0, 1)
        attention = torch.softmax(query @ keys / per_head**0.5, dim=-1)
        pooled: Tensor = (attention @ values).transpose(0, 1).reshape(items, width)
        return pooled


class PairHead(nn.Module):
    """Logits of labels for pairs of concepts, each known by all its tokens and by what stands between."""

    def __init__(
        self, width: int, labels: int, features: int = 0, hidden: int = 256, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.context = Context(width, 2)
        self.head = nn.Linear(2 * width, hidden)
        self.tail = nn.Linear(2 * width, hidden)
        self.between = nn.Linear(2 * width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(4 * hidden + features, labels)

    def forward(
        self, states: Tensor, heads: Tensor, tails: Tensor, between: Tensor, features: Tensor
    ) -> Tensor:
        """States (tokens by width), tokens (pairs by tokens, thrice), features -> (pairs by labels)."""
        head, tail = pool(states, heads), pool(states, tails)
        context = self.context([head, tail], states)
        one = torch.tanh(self.head(torch.cat([head, context], dim=-1)))
        two = torch.tanh(self.tail(torch.cat([tail, context], dim=-1)))
        three = torch.tanh(self.between(torch.cat([pool(states, between), mean(states, between)], dim=-1)))
        joined = torch.cat([one, two, one * two, three], dim=-1)
        scored: Tensor = self.score(torch.cat([self.dropout(joined), features], dim=-1))
        return scored


class SetHead(nn.Module):
    """Log-probabilities of labels (the first: no relation) for sets of mentions.

    Two questions, multiplied: does the text tell of a relation between mentions at all, and of which
    (read off the mean of its lines and that of all mentions), and is it this set that it tells of (the
    set seen against the mentions left out). Asked as one, the first drowns: of the sets of a sentence
    that tells of a combination, all but one are none.
    """

    def __init__(
        self, width: int, labels: int, features: int, hidden: int = 256, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.context = Context(width, 2)
        self.inside = nn.Linear(2 * width, hidden)
        self.outside = nn.Linear(2 * width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(3 * hidden + features, hidden)
        self.chosen = nn.Linear(hidden, 1)
        self.told = nn.Linear(2 * width + 1, labels)

    def forward(
        self, states: Tensor, inside: Tensor, outside: Tensor, around: Tensor, features: Tensor
    ) -> Tensor:
        """States, tokens of the set, the rest, the lines (sets by tokens), features -> (sets by labels)."""
        lines, mentions = mean(states, around), mean(states, inside + outside)
        # Only the second feature, how many mentions there are, is the same for all sets of a text.
        read = torch.cat([self.dropout(lines), self.dropout(mentions), features[:, 1:2]], dim=-1)
        told = torch.log_softmax(self.told(read), dim=-1)
        holds = told[:, 1:] + nn.functional.logsigmoid(self._chosen(states, inside, outside, features))
        none = torch.log1p(-holds.exp().sum(dim=1, keepdim=True).clamp(max=1 - 1e-6))
        return torch.cat([none, holds], dim=1)

    def _chosen(self, states: Tensor, inside: Tensor, outside: Tensor, features: Tensor) -> Tensor:
        ins, out = pool(states, inside), pool(states, outside)
        context = self.context([ins, out], states)
        one = torch.tanh(self.inside(torch.cat([ins, context], dim=-1)))
        two = torch.tanh(self.outside(torch.cat([out, context], dim=-1)))
        joined = torch.cat([one, two, one * two, features], dim=-1)
        scored: Tensor = self.chosen(self.dropout(torch.relu(self.hidden(joined))))
        return scored
