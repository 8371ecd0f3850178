"""A layer that shares its weight with another one, as the head of a small model does with its embeddings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["untie"]


def untie(model: PreTrainedModel) -> None:
    """Give the layers that hold an adapter of PEFT weights of their own, and let the configuration say so.

    Else what is merged into one would be added to the other.
    """
    from torch.nn import Parameter

    shared = Counter(id(each) for module in model.modules() for each in vars(module)["_parameters"].values())
    adapted = [getattr(each, "get_base_layer", None) for each in model.modules()]
    for layer in (base_layer() for base_layer in adapted if base_layer):
        weight = layer.weight
        if isinstance(weight, Parameter) and shared[id(weight)] > 1:
            layer.weight = Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
            for config in (model.config, model.config.get_text_config()):
                config.tie_word_embeddings = False
