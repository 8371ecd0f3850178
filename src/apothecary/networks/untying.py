"""A layer that shares its weight with another one, as the head of a small model does with its embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

__all__ = ["untie"]


def untie(model: PreTrainedModel, changed: Iterable[nn.Module]) -> None:
    """Give the layers that are about to change weights of their own, and let the configuration say so.

    Else what is added to one would be added to the other.
    """
    from torch.nn import Parameter

    shared = Counter(id(each) for module in model.modules() for each in vars(module)["_parameters"].values())
    for layer in changed:
        weight = layer.weight
        if isinstance(weight, Parameter) and shared[id(weight)] > 1:
            layer.weight = Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
            for config in (model.config, model.config.get_text_config()):
                config.tie_word_embeddings = False
