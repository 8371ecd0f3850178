"""Annotated documents as conversations: asked as a task asks, answered as their annotation says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apothecary.corpora.held_out import HeldOut, identities
from apothecary.errors import DataError, UsageError
from apothecary.formats.inputs import read_gold
from apothecary.tasks import catalog
from apothecary.training.chat_data import Conversation
from apothecary.training.lora_settings import DataSettings

__all__ = ["taught_conversations"]


def taught_conversations(
    data: DataSettings, files: Sequence[Path], folder: Path
) -> tuple[list[Conversation], int, int]:
    """The conversations of all documents, how many documents were held out, and how many teach nothing.

    `folder` is what the list of held-out ids is relative to. Raises DataError at the first document that
    cannot be read and for files that teach nothing, UsageError for a task that cannot be taught.
    """
    teach = catalog.load(data.task).prepare(data.settings, {}).teach
    if teach is None:
        raise UsageError(
            f"{data.task} cannot be taught from documents", where="data", hint="give conversations"
        )
    listed = HeldOut.read(folder / data.held_out) if data.held_out else HeldOut.none()
    found: list[Conversation] = []
    dropped = silent = 0
    for path in files:
        for document in read_gold(path):
            if listed.holds(*identities(document)):
                dropped += 1
                continue
            taught = [
                Conversation(
                    f"document {document.id}", each.request.messages, each.answer, {}, each.request.roles
                )
                for each in teach(document)
            ]
            found += taught
            silent += not taught
    if not found:
        names = ", ".join(map(str, files))
        raise DataError(f"holds nothing to learn {data.task} from", where=names, hint="annotated documents")
    return found, dropped, silent
