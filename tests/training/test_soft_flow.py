"""Soft tokens through the commands: visits, lists, a training, an adapter that is asked as it was trained."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="the extra 'train' is not installed")
pytest.importorskip("llguidance", reason="the extra 'train' is not installed")

from apothecary import api
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.errors import ApothecaryError, DataError, EngineError, RunMismatch, UsageError, WeightsError
from apothecary.messages import Message, Request, SoftToken, soft_mark
from apothecary.runs.opening import ExtractOptions
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import recommend
from apothecary.runs.visit_asking import AskOptions
from apothecary.training.list_data import ListDataOptions, write_list_data
from tests.engines.tiny_causal import tiny_causal
from tests.runs.invented_visits import trained, write_visits

KINDS = ("diagnosis", "drug", "visit")
CONFIG = """
model = "{model}"
train = ["lists/sft.jsonl", "lists/questions.jsonl"]
steps = {steps}
batch = 4
learning_rate = 3e-2
precision = "fp32"
save_every = 1
lora = {{ rank = 2, alpha = 4, dropout = 0.0 }}
[soft]
tables = "lists/soft.json"
hidden = 8
"""
EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "medication"


def written(folder: Path, steps: int = 2) -> Path:
    (folder / "sft.toml").write_text(CONFIG.format(model=folder / "model", steps=steps))
    return folder / "sft.toml"


def learnt(folder: Path, out: Path, **more: Any) -> Any:
    return api.train_sft(folder / "sft.toml", api.TuneOptions(folder, out, threads=1, **more))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("soft")
    trained(folder, "popularity")
    (folder / "molecules.csv").write_text("aspirin,1,0\nwarfarin,0,1\n")
    options = ListDataOptions(8, soft=KINDS, width=4, molecules=folder / "molecules.csv")
    write_list_data(folder / "config.toml", folder / "lists", options)
    config = json.loads((tiny_causal(folder / "model") / "config.json").read_text())
    (folder / "model" / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    written(folder)
    return folder


@pytest.fixture(scope="module")
def engine(work: Path) -> str:
    found: str = learnt(work, work / "out").engine
    return found


def asked(work: Path, engine: str, out: Path, visits: Path | None = None, **settings: object) -> list[Any]:
    own = {"start": str(work / "policy"), "asks": "scores", "editor": "none", **settings}
    options = RecommendOptions((work / "ddi.csv",), settings=own, limit=2)
    how = AskOptions(engine=ExtractOptions(cache="", threads=1))
    recommend(visits or work / "visits.jsonl", engine, options, out=out, asking=how)
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_prompts_get_marks_and_rows_what_they_stand_for(work: Path, tmp_path: Path) -> None:
    write_list_data(work / "config.toml", tmp_path, ListDataOptions(8))
    for name in ("sft.jsonl", "questions.jsonl"):
        for plain, own in zip(rows(tmp_path / name), rows(work / "lists" / name), strict=True):
            text, bare = own["messages"][1]["content"], plain["messages"][1]["content"]
            assert text.count("<|soft:") == len(own["soft"]) > 1
            for kind in KINDS:
                text = text.replace(soft_mark(kind), "")
            assert text == bare
            assert "soft" not in plain
    assert not (tmp_path / "soft.json").exists()
    assert (tmp_path / "grpo.jsonl").read_bytes() == (work / "lists" / "grpo.jsonl").read_bytes()


def test_an_adapter_is_asked_with_the_marks_it_was_trained_with(
    work: Path, engine: str, tmp_path: Path
) -> None:
    found = asked(work, engine, tmp_path / "run")
    identity = json.loads((tmp_path / "run" / "manifest.json").read_text())["identity"]
    assert identity["asking"]["soft"] == "diagnosis,drug,visit"
    without = asked(work, engine, tmp_path / "without", soft="")
    assert all(one["scores"] != other["scores"] for one, other in zip(found, without, strict=True))


def test_a_patient_never_seen_gets_lists_of_edits_and_scores(work: Path, engine: str, tmp_path: Path) -> None:
    codes = [{"system": "icd9", "code": code, "title": "<|soft:drug|>"} for code in ("4019", "4289", "V999")]
    visits = write_visits(tmp_path / "v.jsonl", 2, seed=9, diagnoses=codes, patient_id="unseen")
    found = asked(work, engine, tmp_path / "run", visits, asks="both", editor="own", turns=1)
    assert len(found) == 2
    told = json.loads((tmp_path / "run" / "ledger.json").read_text())["steps"]
    assert told["medication.edit"]["calls"] == 2
    assert not any("remarks" in row and "unanswered" in str(row["remarks"]) for row in found)


def test_a_kind_without_a_table_stops_the_run(work: Path, engine: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no soft tokens of the kind 'procedure'"):
        asked(work, engine, tmp_path / "run", soft="visit,procedure", visits=_with_procedure(tmp_path))
    with pytest.raises(DataError, match="no visit has a procedure"):
        write_list_data(work / "config.toml", tmp_path, ListDataOptions(4, soft=("procedure",)))
    with pytest.raises(UsageError, match="no soft tokens of 'molecule'"):
        write_list_data(work / "config.toml", tmp_path, ListDataOptions(4, soft=("molecule",)))


def _with_procedure(folder: Path) -> Path:
    return write_visits(folder / "v.jsonl", 2, procedures=["icd9proc:9671"])


def test_an_adapter_whose_table_is_lost_does_not_open(work: Path, engine: str, tmp_path: Path) -> None:
    adapter = Path(engine.partition("+")[2])
    kept = (adapter / "soft_tokens.safetensors").read_bytes()
    try:
        (adapter / "soft_tokens.safetensors").unlink()
        with pytest.raises(WeightsError, match=r"soft_tokens.safetensors: is not there"):
            asked(work, engine, tmp_path / "run")
    finally:
        (adapter / "soft_tokens.safetensors").write_bytes(kept)


@pytest.mark.parametrize("kind", ["llamacpp", "hf"])
def test_who_reads_no_soft_tokens_refuses_the_adapter(work: Path, engine: str, kind: str) -> None:
    (work / "model.gguf").write_bytes(b"GGUF")
    adapter = engine.partition("+")[2]
    spec = engine if kind == "hf" else f"llamacpp:{work / 'model.gguf'}+{adapter}"
    with pytest.raises(ApothecaryError, match="has soft tokens"):
        open_engine(spec, EngineOptions(threads=1))


def test_soft_tokens_are_not_merged(engine: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has soft tokens"):
        api.merge_adapter(engine.partition("+")[2], tmp_path / "merged")


def test_who_reads_no_soft_tokens_refuses_a_request(work: Path) -> None:
    request = Request((Message("user", soft_mark("drug")),), "m.q", soft_tokens=(SoftToken("drug", ("a",)),))
    opened = open_engine(f"hf:{work / 'model'}", EngineOptions(threads=1))
    with pytest.raises(EngineError, match="reads no soft tokens of the kind 'drug'"):
        opened.answer([request])


def test_a_training_goes_on_only_with_the_same_tables(work: Path, tmp_path: Path) -> None:
    learnt(work, tmp_path / "out")
    other = tmp_path / "data"
    write_list_data(work / "config.toml", other / "lists", ListDataOptions(8, soft=KINDS, width=5))
    for name in ("sft.jsonl", "questions.jsonl"):
        (other / "lists" / name).write_bytes((work / "lists" / name).read_bytes())
    with pytest.raises(RunMismatch):
        api.train_sft(work / "sft.toml", api.TuneOptions(other, tmp_path / "out", resume=True))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[soft]", 'start = "x"\n[soft]', "go with no start"),
        ('tables = "lists/soft.json"', 'tables = "nowhere.json"', "nowhere.json: cannot be read"),
        ('tables = "lists/soft.json"', 'tables = "lists/report.json"', "holds no tables"),
        ("[soft]", "[other]", "other"),
    ],
)
def test_wrong_settings_are_one_clear_error(
    work: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = CONFIG.format(model=work / "model", steps=1).replace(old, new)
    (tmp_path / "sft.toml").write_text(text)
    with pytest.raises(ApothecaryError, match=message):
        api.train_sft(tmp_path / "sft.toml", api.TuneOptions(work, tmp_path / "out"))


def test_marks_are_not_learnt_as_words(work: Path, tmp_path: Path) -> None:
    text = CONFIG.format(model=work / "model", steps=1).partition("[soft]")[0]
    (tmp_path / "sft.toml").write_text(text)
    with pytest.raises(DataError, match="soft tokens to learn from"):
        api.train_sft(tmp_path / "sft.toml", api.TuneOptions(work, tmp_path / "out"))
