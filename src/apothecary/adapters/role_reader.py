"""Models that read roles, for engines: opened, and told the roles of their tokens by spans of messages.

Whoever runs an engine hands a reader to it (`engines.hf_roles`): the two parts do not know each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_files import load_role_adapter
from apothecary.adapters.role_merge import load_merged
from apothecary.adapters.role_model import tuner_of
from apothecary.adapters.role_tokens import drawn_roles, encode_with_roles, rendered_spans
from apothecary.messages import RoleSpan

__all__ = ["RoleAdapters"]


class RoleAdapters:
    """Opens one model, and finds the roles of its prompts; `numbers` gives the number of each role's name.

    Tokens get their roles as in training: by where the spans of messages stand in the text of the prompt. To
    an adapter that learnt from roles drawn at random (``random``) they are drawn again, for each prompt by
    its tokens as in training, whatever its request says.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._drawn: int | None = None

    def adapted(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        """The model with the adapter of a folder on it; see `load_role_adapter`. It is changed in place."""
        tuner = tuner_of(load_role_adapter(model, folder))
        configs = cast("Mapping[str, RoleLoraConfig]", tuner.peft_config)
        self._drawn = next((each.num_roles for each in configs.values() if each.variant == "random"), None)
        return cast(PreTrainedModel, tuner.model)

    def merged(self, folder: Path, number: torch.dtype) -> PreTrainedModel:
        """The merged model of a folder, with its tables; see `load_merged`.

        It does not tell whether its adapter learnt from roles drawn at random: none are drawn.
        """
        return load_merged(folder, dtype=number).model

    def roles(
        self,
        tokenizer: PreTrainedTokenizerBase,
        render: Callable[[Sequence[str]], str],
        contents: Sequence[str],
        spans: Sequence[RoleSpan],
    ) -> tuple[int, ...]:
        """The role of each token of the text that `render` makes of messages; empty where none has one.

        Raises ApothecaryError: see `rendered_spans`.
        """
        if self._drawn is not None:
            prompt = encode_with_roles(tokenizer, render(contents), ()).ids
            return drawn_roles(prompt, num_roles=self._drawn)
        if not spans:
            return ()
        found = rendered_spans(render, contents, spans, self._numbers)
        return encode_with_roles(tokenizer, render(contents), found).roles
