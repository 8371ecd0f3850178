"""The page on language models for medication is rehearsed, and so are the examples it names."""

import json
from pathlib import Path

import pytest

from tests.test_how_to import checks_of, files_of, run_all

EXAMPLES = Path(__file__).parent.parent / "examples" / "medication"


@pytest.mark.slow
def test_following_the_page_works(tmp_path: Path) -> None:
    files_of("medication-language-model", tmp_path)
    run_all(checks_of("medication-language-model"), tmp_path)
    rows = [
        json.loads(line)
        for line in (tmp_path / "runs" / "asked" / "predictions.jsonl").read_text().splitlines()
    ]
    assert "metformin" in rows[2]["drugs"]
    assert (tmp_path / "lists" / "grpo.jsonl").is_file()
    assert set(json.loads((tmp_path / "fitted.json").read_text())) >= {
        "slope",
        "intercept",
        "fitted_threshold",
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_examples_lead_from_lists_to_rewards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl", reason="the extra 'train' is not installed")
    from apothecary import api
    from apothecary.training.list_data import ListDataOptions, write_list_data
    from tests.engines.tiny_causal import tiny_causal
    from tests.runs.invented_visits import trained

    monkeypatch.chdir(tmp_path)
    trained(tmp_path, "popularity")
    write_list_data("config.toml", "runs/lists", ListDataOptions(4))
    config = json.loads((tiny_causal(tmp_path / "tiny") / "config.json").read_text())
    # The tokens of the tiny model are shorter than those of others.
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    for name, old, new in (
        ("sft", 'preset = "pocket"', f'preset = "pocket"\nmodel = "{tmp_path / "tiny"}"\nsteps = 1'),
        ("grpo", "steps = 50", "steps = 1"),
    ):
        text = (EXAMPLES / f"{name}.toml").read_text()
        assert old in text
        (tmp_path / f"{name}.toml").write_text(text.replace(old, new))
    learnt = api.train_sft("sft.toml", api.TuneOptions(out="models/lists", threads=1))
    assert learnt.tuned.steps == 1
    assert api.merge_adapter("models/lists/adapter", "models/lists-merged") == "hf:models/lists-merged"
    rewarded = api.train_grpo("grpo.toml", api.TuneOptions(out="models/lists-grpo", threads=1))
    assert (rewarded.tuned.adapter / "adapter_model.safetensors").is_file()
