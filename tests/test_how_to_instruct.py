"""The page on instruction tuning is rehearsed, from tables to stages, and its examples can be read."""

import json
from pathlib import Path

import pytest

from apothecary.training.mixture_settings import read_mixture_settings
from apothecary.training.stage_settings import read_stages_settings
from tests.test_how_to import checks_of, files_of, run_all

EXAMPLES = Path(__file__).parent.parent / "examples" / "instruct"


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.slow
def test_following_the_page_works(tmp_path: Path) -> None:
    files_of("instruct", tmp_path)
    run_all(checks_of("instruct"), tmp_path)
    assert len(rows(tmp_path / "mixed" / "sft.jsonl")) == 3 * 2 + 2
    (left_out,) = rows(tmp_path / "mixed" / "left_out.jsonl")
    assert (left_out["why"], left_out["like"]) == ("same text", "reactions dev 2")
    train(tmp_path)


def train(folder: Path) -> None:
    """The stages of the page, on a model that is quick."""
    pytest.importorskip("peft", reason="the extra 'train' is not installed")
    from apothecary.cli.train_stages import train_stages
    from tests.engines.tiny_causal import tiny_causal

    model = tiny_causal(folder / "tiny")
    config = json.loads((model / "config.json").read_text())
    # The tokens of the tiny model are shorter than those of others.
    (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    text = (folder / "stages.toml").read_text()
    told = f'preset = "pocket"\nmodel = "{model}"\nmax_tokens = 4096'
    (folder / "stages.toml").write_text(text.replace('preset = "pocket"', told))
    train_stages(folder / "stages.toml", data=folder / "mixed", out=folder / "stages", threads=1)
    runs = json.loads((folder / "stages" / "stages.json").read_text())["runs"]
    assert [run["steps"] for run in runs] == [1, 1, 1, 2]


def test_examples_can_be_read() -> None:
    mixture = read_mixture_settings(EXAMPLES / "mixture.toml")
    assert (mixture.total, len(mixture.set), len(mixture.floor)) == (6000, 10, 2)
    for name in ("pocket-stages", "taiyi"):
        settings = read_stages_settings(EXAMPLES / f"{name}.toml")
        assert [stage.name for stage in settings.stage] == ["structured", "everything"]
        assert len(settings.controls) == 2
