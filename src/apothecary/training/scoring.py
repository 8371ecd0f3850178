"""The model that is trained, and what its heads say of a text: logits and losses."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from apothecary.errors import ModelMissing
from apothecary.networks.encoding import TextEncoder
from apothecary.networks.features import PAIR_FEATURES, SET_FEATURES, pair_inputs, set_inputs
from apothecary.networks.heads import Encoder, PairHead, SetHead, TagHead
from apothecary.networks.spans import write_tags
from apothecary.training.batches import Text, states_of
from apothecary.training.examples import Example, PairItem
from apothecary.training.settings import HeadSettings, PocketSettings

__all__ = ["KeptStates", "PocketModel", "TorchReader", "build", "head_loss"]

Floats = NDArray[np.float32]

PAIRS_PER_TEXT = 80
WEIGHTS = "work/best.pt"


class PocketModel(nn.Module):
    """The encoder and all heads by name."""

    def __init__(self, encoder: Encoder, heads: Sequence[HeadSettings], dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        made: dict[str, nn.Module] = {}
        for head in heads:
            if head.kind == "spans":
                made[head.name] = TagHead(encoder.width, len(head.labels), dropout)
            elif head.kind == "sets":
                made[head.name] = SetHead(encoder.width, len(head.labels), SET_FEATURES)
            else:
                made[head.name] = PairHead(encoder.width, len(head.labels), PAIR_FEATURES)
        self.heads = nn.ModuleDict(made)


def build(settings: PocketSettings, encoder_folder: Path) -> PocketModel:
    """The untrained model. Raises ModelMissing when there is no earlier training to start from."""
    torch.manual_seed(settings.seed)
    model = PocketModel(Encoder(encoder_folder), settings.head, settings.tag_dropout)
    if settings.start:
        path = Path(settings.start) / WEIGHTS
        if not path.is_file():
            raise ModelMissing("holds no training to start from", where=str(path))
        state = torch.load(path, weights_only=True, map_location="cpu")
        own = model.state_dict()
        # Heads of the same name and form go on where they were.
        taken = {n: value for n, value in state.items() if n in own and own[n].shape == value.shape}
        if any(name.startswith("encoder.") and name not in taken for name in own):
            raise ModelMissing("is a training of another encoder", where=str(path))
        model.load_state_dict({**own, **taken})
    if settings.frozen:
        model.encoder.requires_grad_(requires_grad=False)
    return model


def head_loss(
    module: nn.Module, example: Example, text: Text, states: Tensor, rng: random.Random
) -> Tensor | None:
    """The loss of one head on one text; None when there is nothing to learn from."""
    if isinstance(module, TagHead):
        tags, _ = write_tags(text.encoded, example.spans)
        found: Tensor = module(states[torch.from_numpy(text.encoded.words)])
        return F.nll_loss(found.float(), torch.from_numpy(tags).to(found.device))
    if isinstance(module, SetHead) and example.set is not None:
        if not example.set.candidates:
            return None
        inputs = set_inputs(text.encoded, example.text, example.set.spans, example.set.candidates)
        logits = _logits(module, states, inputs)
        target = torch.tensor(example.set.labels, device=logits.device)
        each = F.cross_entropy(logits, target, reduction="none")
        # Of n drugs nearly all 2^n sets hold nothing: they weigh as the square root of their number.
        return (each * torch.where(target == 0, len(target) ** -0.5, 1.0)).sum()
    if not isinstance(module, PairHead) or not example.pairs:
        return None
    items = _sample(example.pairs, rng)
    sides = [(item.head, item.tail) for item in items]
    logits = _logits(module, states, pair_inputs(text.encoded, example.text, sides))
    target = torch.zeros_like(logits)
    for row, item in enumerate(items):
        target[row, list(item.labels)] = 1.0
    return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(items)


def _sample(items: Sequence[PairItem], rng: random.Random) -> Sequence[PairItem]:
    """All pairs that hold, and as many of the others as there is room for."""
    if len(items) <= PAIRS_PER_TEXT:
        return items
    hold = [item for item in items if item.labels]
    others = [item for item in items if not item.labels]
    return [*hold, *rng.sample(others, min(len(others), max(PAIRS_PER_TEXT - len(hold), len(hold))))]


class KeptStates:
    """What an encoder that no longer changes says of each text: computed once, held as half floats."""

    def __init__(self, encoder: Encoder, tokenizer: TextEncoder) -> None:
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._states: dict[int, Tensor] = {}

    def of(self, texts: Sequence[Text]) -> list[Tensor]:
        """The states of each text (tokens by width). A text must live as long as this."""
        new = [text for text in texts if id(text) not in self._states]
        if new:
            self._encoder.eval()
            with torch.no_grad():
                found = states_of(new, self._tokenizer, self._encoder)
            self._states |= {id(text): states.half() for text, states in zip(new, found, strict=True)}
        return [self._states[id(text)].float() for text in texts]


class TorchReader:
    """The model in training, asked as the engine asks the exported one."""

    def __init__(self, model: PocketModel, tokenizer: TextEncoder, kept: KeptStates | None = None) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._kept = kept

    def states(self, text: Text) -> Floats:
        """Tokens by width."""
        if self._kept is not None:
            (states,) = self._kept.of([text])
        else:
            with torch.no_grad():
                (states,) = states_of([text], self._tokenizer, self._model.encoder)
        return np.asarray(states.cpu().numpy(), np.float32)

    def run(self, head: str, inputs: Mapping[str, Floats]) -> Floats:
        """What a head says of its named inputs."""
        device = self._model.encoder.shapes.weight.device
        with torch.no_grad():
            found = self._model.heads[head](
                **{name: torch.from_numpy(array).to(device) for name, array in inputs.items()}
            )
        return np.asarray(found.float().cpu().numpy(), np.float32)


def _logits(module: nn.Module, states: Tensor, inputs: Mapping[str, Floats]) -> Tensor:
    found: Tensor = module(
        states, **{name: torch.from_numpy(array).to(states.device) for name, array in inputs.items()}
    )
    return found
