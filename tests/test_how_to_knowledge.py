"""The page from abstracts to a list is rehearsed: the list changes, and quotes the sentence."""

import json
import shutil
from pathlib import Path

import pytest

from tests.test_how_to import ROOT, checks_of, run_all

PAGE = "from-abstracts-to-a-list"


@pytest.mark.slow
def test_a_sentence_of_an_abstract_changes_a_list(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "knowledge", tmp_path / "examples" / "knowledge")
    run_all(checks_of(PAGE), tmp_path)
    lists = {
        name: [*map(json.loads, (tmp_path / f"demo/runs/{name}/predictions.jsonl").read_text().splitlines())]
        for name in ("before", "after")
    }
    diabetes = ["lisinopril", "metformin", "sitagliptin"]
    assert [row["drugs"] for row in lists["before"]] == [["fluconazole", "warfarin"], diabetes]
    assert [row["drugs"] for row in lists["after"]] == [["warfarin"], diabetes]
    (removed,) = lists["after"][0]["removed"]
    (said,) = next(why for why in removed["why"] if why["reason"] == "interaction")["said"]
    abstract = tmp_path / "demo" / "abstracts" / f"{said['document']}.txt"
    assert abstract.read_text().startswith(said["evidence"])
    assert said["evidence"] in (tmp_path / "demo/runs/after/report.html").read_text()
    helps = lists["after"][1]["reasons"][1]["why"][-1]
    assert (helps["reason"], helps["with"]) == ("beneficial", "sitagliptin")
