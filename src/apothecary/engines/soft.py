"""Soft tokens in requests: what the engine of transformers asks of whoever reads them, and who refuses them.

The adapters stand beside the engines, and neither imports the other: a run, which sees both, hands a
`SoftReader` in, as it does with roles (`hf_roles`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from apothecary.errors import EngineError
from apothecary.messages import Request, SoftToken

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["LORA", "OpenSoft", "SoftReader", "check_soft", "has_soft", "open_soft"]

CONFIG, LORA = "soft_tokens.json", "lora"
"""What stands in the folder of an adapter with soft tokens (`adapters.soft_tokens`)."""


class SoftReader(Protocol):
    """Lets one model read soft tokens, as tokens with numbers that its tokenizer does not have."""

    @property
    def kinds(self) -> Collection[str]:
        """The kinds that it has vectors of."""
        ...

    def open(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
        """Let a model, changed in place, read what the adapter of a folder knows. Raises ApothecaryError."""
        ...

    def encode(self, text: str, tokens: Sequence[SoftToken]) -> tuple[int, ...]:
        """The tokens of a text, those of its marks included; equal soft tokens have equal numbers.

        Raises UsageError for a text with other marks.
        """
        ...

    def forget(self) -> None:
        """The numbers that were given to soft tokens so far are not used any more."""
        ...


OpenSoft = Callable[[], SoftReader]
"""A new reader, for one model. Raises ImportError where libraries that it needs are not there."""


def has_soft(folder: Path) -> bool:
    """Whether a folder holds an adapter with soft tokens."""
    return (folder / CONFIG).is_file()


def open_soft(soft: OpenSoft | None, folder: Path) -> SoftReader:
    """A reader for what a folder holds. Raises EngineError where nobody gives one."""
    if soft is None:
        raise EngineError("has soft tokens, and nothing reads them here", where=str(folder))
    try:
        return soft()
    except ImportError as error:
        hint = "pip install 'apothecary[train]'"
        raise EngineError("soft tokens need the library peft", where=str(folder), hint=hint) from error


def check_soft(requests: Sequence[Request], engine: str, kinds: Collection[str] = ()) -> None:
    """Raises EngineError where a request has soft tokens of a kind that an engine does not read."""
    unread = {each.kind for request in requests for each in request.soft_tokens}.difference(kinds)
    if unread:
        message = f"reads no soft tokens of the kind {min(unread)!r}"
        hint = "hf:MODEL+ADAPTER, with an adapter that was trained with them; or ask without: --set soft="
        raise EngineError(message, where=engine, hint=hint)
