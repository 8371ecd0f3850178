"""The small decoder of `benchmarks/lookup.py`: what is kept beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")

import torch
from safetensors import SafetensorError

from benchmarks.lookup_model import BaseSettings, load_base, make_base

TINY = BaseSettings(width=16, mlp=16, layers=1, heads=1, batch=2, most_steps=2)


def test_a_base_is_kept_with_all_that_the_page_says_of_it(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    make_base(TINY, tmp_path, lambda line: None)
    said = json.loads((tmp_path / "base.json").read_text())
    assert (said["settings"], said["steps"], said["mastered_after"]) == (asdict(TINY), 2, {})
    assert said["seconds"] > 0
    assert load_base(tmp_path).config.hidden_size == 16


def test_a_base_that_is_not_whole_has_no_record(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    (tmp_path / "base.json").write_text("of an older one")
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(SafetensorError):
        make_base(TINY, tmp_path, lambda line: None)
    assert not (tmp_path / "base.json").exists()
