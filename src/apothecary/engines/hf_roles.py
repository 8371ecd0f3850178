"""Models that read roles: what the engine of transformers asks of whoever knows them.

The adapters themselves stand beside the engines, and neither imports the other: a run, which sees both,
hands a `RoleReader` in. Its models are called with ``role_ids`` beside ``input_ids``: a number a token,
padding and cached tokens included. Without any, no token has a role.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from apothecary.errors import EngineError
from apothecary.messages import RoleSpan

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["INSTALL", "ROLE_TABLES", "OpenRoles", "Render", "RoleReader", "open_reader", "role_inputs"]

INSTALL = "pip install 'apothecary[train]'"
ROLE_TABLES = "role_tables.safetensors"
"""What stands beside a model that reads roles (`adapters.role_merge`)."""

Render = Callable[[Sequence[str]], str]
"""From the contents of the messages of a request to the text of its prompt."""


class RoleReader(Protocol):
    """Opens models that read roles, and tells them the roles of tokens."""

    def adapted(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        """The model with the role-conditioned adapter of a folder on it. Raises ApothecaryError."""
        ...

    def merged(self, folder: Path, number: torch.dtype) -> PreTrainedModel:
        """The model of a folder that has role tables beside it. Raises ApothecaryError."""
        ...

    def roles(
        self,
        tokenizer: PreTrainedTokenizerFast,
        render: Render,
        contents: Sequence[str],
        spans: Sequence[RoleSpan],
    ) -> tuple[int, ...]:
        """The role of each token of the prompt; empty where none has one. Raises ApothecaryError."""
        ...


OpenRoles = Callable[[], RoleReader]
"""A new reader, for one model. Raises ImportError where libraries that it needs are not there."""


def open_reader(roles: OpenRoles | None, folder: Path) -> RoleReader:
    """A reader for what a folder holds. Raises EngineError where nobody gives one: never open it without."""
    if roles is None:
        message = "is role-conditioned, and nothing gives it roles here: its role part would be lost"
        raise EngineError(message, where=str(folder), hint="apothecary adapters export --drop-roles")
    try:
        return roles()
    except ImportError as error:
        raise EngineError("roles need the library peft", where=str(folder), hint=INSTALL) from error


def role_inputs(
    rows: Sequence[tuple[int, ...]], width: int, device: torch.device, *, left: bool = False
) -> dict[str, Tensor]:
    """``role_ids`` for rows that are padded to a width, on the left or on the right; nothing without roles.

    A row without roles is empty. One that is shorter than its tokens is so at its end.
    """
    import torch

    if not any(any(row) for row in rows):
        return {}
    empty = [[0] * (width - len(row)) for row in rows]
    pairs = zip(rows, empty, strict=True)
    padded = [[*more, *row] if left else [*row, *more] for row, more in pairs]
    return {"role_ids": torch.tensor(padded, device=device)}
