"""The whole path on a real model file: llama.cpp in process, random weights, a document, a run folder."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.cli.test_extract import GOLD
from tests.engines.tiny_gguf import write_tiny_gguf


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    write_tiny_gguf(tmp_path / "tiny.gguf", context=4096)
    (tmp_path / "gold.pubtator").write_text(GOLD)
    return tmp_path


def extract(*arguments: str) -> int:
    given = ["extract", "gold.pubtator", "--task", "relations", "--engine", "llamacpp:tiny.gguf"]
    return main([*given, "--threads", "1", *arguments])


def test_every_pair_gets_odds_and_shares_the_prefix_of_its_document(work: Path) -> None:
    assert extract("--oracle-mentions", "--out", "run") == 0
    records = [json.loads(line) for line in (work / "run/predictions.jsonl").read_text().splitlines()]
    odds = [row["log_odds"] for record in records for row in record["candidates"]]
    assert len(odds) == 3
    ledger = json.loads((work / "run/ledger.json").read_text())
    assert ledger["cached_tokens"] > 0.3 * ledger["prompt_tokens"] > 0
    assert (
        main(["score", "relations", "--gold", "gold.pubtator", "--predictions", "run/predictions.jsonl"]) == 0
    )


def test_ramblings_of_a_random_model_are_rows_not_crashes(work: Path) -> None:
    code = extract("--out", "run")
    failed = [json.loads(line) for line in (work / "run/errors.jsonl").read_text().splitlines()]
    assert code == (1 if failed else 0)
    done = (work / "run/predictions.jsonl").read_text().count("\n")
    assert done + len({row["id"] for row in failed if row["step"] == "relations.mentions"}) >= 2


def answers(path: Path) -> list[object]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [[row["answer"] for row in record["candidates"]] for record in records]


def test_slots_change_the_order_of_work_not_the_results(work: Path) -> None:
    extract("--oracle-mentions", "--out", "one", "--no-cache")
    extract("--oracle-mentions", "--out", "two", "--no-cache", "--slots", "2")
    assert answers(work / "one/predictions.jsonl") == answers(work / "two/predictions.jsonl")
