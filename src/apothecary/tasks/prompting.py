"""Prompt files and the shape all prompts share.

Prompts are text files with named slots beside the task that uses them. The document comes first
and the question last, under one system message, so that every question of a document shares a
prefix that engines keep in their caches.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files

from apothecary.errors import UsageError
from apothecary.messages import Message

__all__ = ["document_messages", "fill", "load_prompt", "prompt_digest"]

SLOT = re.compile(r"\{([a-z_]+)\}")


def load_prompt(folder: str, name: str) -> str:
    """The text of a prompt file, by the package that holds it and its name."""
    return files(folder).joinpath("prompts", name).read_text(encoding="utf-8").rstrip("\n")


def prompt_digest(text: str) -> str:
    """SHA-256 of a prompt, as the manifest of a run records it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def fill(template: str, values: Mapping[str, str], *, where: str = "prompt") -> str:
    """Put values into the slots of a template. One pass: what is put in is never read as a slot.

    Raises UsageError for a slot without a value.
    """

    def value(match: re.Match[str]) -> str:
        slot = match.group(1)
        if slot not in values:
            raise UsageError(
                f"unknown placeholder {{{slot}}}", where=where, hint=f"known: {', '.join(sorted(values))}"
            )
        return values[slot]

    return SLOT.sub(value, template)


def document_messages(text: str, question: str) -> tuple[Message, ...]:
    """The messages of one question about one text."""
    return (
        Message("system", SYSTEM),
        Message("user", f"Text:\n{text}\n\n{question}"),
    )


SYSTEM = load_prompt("apothecary.tasks", "system.txt")
