"""Conversations and settings small enough to train on in a second, and a reward that can be learnt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.engines.tiny_causal import tiny_causal

__all__ = ["letters", "quiet", "tiny_folder"]

QUESTIONS = ("Is it aspirin?", "Is it asthma?", "Was it yesterday?", "Are there ten patients?")


def tiny_folder(folder: Path) -> Path:
    """A model, and conversations with answers (sft.jsonl) and without (grpo.jsonl)."""
    tiny_causal(folder / "model")
    asked = [[{"role": "user", "content": text}] for text in QUESTIONS]
    answered = [[*turns, {"role": "assistant", "content": "yes"}] for turns in asked]
    for name, rows in (("sft", answered), ("grpo", asked)):
        lines = [json.dumps({"messages": row, "solution": "yes"}) + "\n" for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def letters(completions: Sequence[Sequence[dict[str, str]]], **columns: object) -> list[float]:
    """The share of letters e, s and y among the characters: every drawing holds some, so it can be learnt."""
    texts = [completion[-1]["content"] for completion in completions]
    return [sum(letter in "esy" for letter in text) / max(1, len(text)) for text in texts]


def quiet(line: str) -> None:
    """Nobody listens."""
