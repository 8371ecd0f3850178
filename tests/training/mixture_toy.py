"""Typed examples that are invented, in files as ``instruct build`` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from apothecary.training.mixture import mix
from apothecary.training.mixture_counts import Mixed
from apothecary.training.mixture_settings import check_mixture_settings

__all__ = ["WORDS", "labelled", "mixed", "rows", "write"]

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lamda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "sigma",
    "tau",
]


def labelled(number: int, text: str = "", **more: object) -> dict[str, object]:
    """A text to classify."""
    row = {"dataset": "d", "split": "train", "language": "en", "task": "classification", "family": "labelled"}
    told = {"id": str(number), "text": text or f"Text {number}.", "labels": ["a"], "options": ["a", "b"]}
    return row | told | more


def write(path: Path, examples: Iterable[dict[str, object]]) -> Path:
    """A file of examples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in examples), encoding="utf-8"
    )
    return path


def mixed(folder: Path, table: dict[str, object], out: str = "out") -> Mixed:
    """Mix by settings; without sets, all of d.jsonl."""
    return mix(
        check_mixture_settings({"set": [{"file": "d.jsonl"}], **table}, "m.toml"), folder, folder / out
    )


def rows(folder: Path, name: str = "mixture", out: str = "out") -> list[dict[str, object]]:
    """The rows of a file that a mixing wrote."""
    return [json.loads(line) for line in (folder / out / f"{name}.jsonl").read_text("utf-8").splitlines()]
