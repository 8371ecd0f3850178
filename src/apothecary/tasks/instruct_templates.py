"""Templates of instructions: text files beside the task, several wordings of a question in one file.

A file ``prompts/instruct.<language>.txt`` holds blocks that begin with a line ``## KIND.NUMBER vVERSION``;
the id of a template is ``KIND.LANGUAGE.NUMBER@VERSION``. Whoever changes a wording raises its version.
Which one an example gets depends on seed and id alone, not on the order of the examples.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from apothecary.errors import UsageError
from apothecary.examples import Language
from apothecary.tasks.prompting import SLOT, fill, load_prompt

__all__ = ["Filled", "Template", "chance", "choose", "fill_template", "templates"]

_HEAD = re.compile(r"^## ([a-z_.]+)\.(\d+) v(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Template:
    """One wording: `id` with its version, `kind` the questions it fits, `text` with its slots."""

    id: str
    kind: str
    text: str

    @property
    def slots(self) -> frozenset[str]:
        """The names of what is to be put in."""
        return frozenset(SLOT.findall(self.text))


@dataclass(frozen=True)
class Filled:
    """A template with its slots filled; `text` is where the slot of that name came to stand, if any."""

    prompt: str
    text: tuple[int, int] | None


@lru_cache(maxsize=64)
def templates(folder: str, language: Language) -> Mapping[str, tuple[Template, ...]]:
    """The templates of a task by kind, by the package that holds them. Raises UsageError for a bad file."""
    source = load_prompt(folder, f"instruct.{language}.txt")
    parts = _HEAD.split(source)
    where = f"{folder} instruct.{language}.txt"
    if parts[0].strip() or len(parts) < 2:
        raise UsageError("text before the first template, or none at all", where=where)
    found: dict[str, list[Template]] = {}
    for kind, number, version, text in zip(*(parts[place::4] for place in range(1, 5)), strict=True):
        template = Template(f"{kind}.{language}.{number}@{version}", kind, text.strip())
        found.setdefault(kind, []).append(template)
    ids = [template.id.partition("@")[0] for group in found.values() for template in group]
    if len(set(ids)) < len(ids):
        raise UsageError("two templates share an id", where=where)
    return {kind: tuple(group) for kind, group in found.items()}


def choose(group: tuple[Template, ...], seed: int, *key: object) -> Template:
    """One of a group, by seed and key: the same one in every run."""
    return group[int(chance(seed, "template", *key) * len(group))]


def chance(seed: int, *key: object) -> float:
    """A number from 0 to 1 (excluded) that depends on seed and key alone."""
    text = "\x1f".join(str(part) for part in (seed, *key))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def fill_template(template: Template, values: Mapping[str, str]) -> Filled:
    """Put values into the slots of a template. Raises UsageError for a slot without a value."""
    prompt = fill(template.text, values, where=template.id)
    before, slot, _ = template.text.partition("{text}")
    if not slot:
        return Filled(prompt, None)
    start = len(fill(before, values, where=template.id))
    return Filled(prompt, (start, start + len(values["text"])))
