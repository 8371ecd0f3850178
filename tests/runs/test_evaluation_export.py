"""The export has the form that the guides of lm-evaluation-harness tell: keys, types, templates, files."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary.runs.evaluation import SuiteOptions, load_suite
from apothecary.runs.evaluation_export import export_lm_eval
from tests.runs.invented_suite import write_suite

KNOWN = {
    *("task", "tag", "dataset_path", "dataset_kwargs", "test_split", "output_type", "doc_to_text"),
    *("doc_to_target", "doc_to_choice", "target_delimiter", "generation_kwargs", "metric_list"),
    *("num_fewshot", "metadata"),
}
METRICS = {"acc", "exact_match", "bleu", "chrf"}


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    suite, parts, _ = load_suite(str(write_suite(tmp_path)), SuiteOptions())
    found = {}
    for name in export_lm_eval(suite, parts, tmp_path / "out"):
        # Each value is JSON, which YAML holds.
        lines = (tmp_path / "out" / f"{name}.yaml").read_text().splitlines()
        settings = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}
        (file,) = settings["dataset_kwargs"]["data_files"].values()
        rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
        found[name.removeprefix("apothecary_suite_")] = (settings, rows)
    return found


def test_every_task_has_the_keys_of_the_guide(tasks: dict[str, Any]) -> None:
    for name, (settings, rows) in tasks.items():
        assert settings.keys() <= KNOWN
        assert settings["task"] == f"apothecary_suite_{name}"
        assert (settings["dataset_path"], settings["test_split"]) == ("json", "test")
        assert {each["metric"] for each in settings["metric_list"]} <= METRICS
        assert len(rows) == 6
        assert all(row["prompt"] and row["target"] for row in rows)


def test_one_right_option_is_a_multiple_choice_and_its_index_the_target(tasks: dict[str, Any]) -> None:
    kinds = {name: settings["output_type"] for name, (settings, _) in tasks.items()}
    chosen = {name for name, kind in kinds.items() if kind == "multiple_choice"}
    assert chosen == {"questions", "exams", "kinds", "pairs"}
    assert set(kinds.values()) - {"multiple_choice"} == {"generate_until"}
    for name in chosen:
        settings, rows = tasks[name]
        assert (settings["doc_to_choice"], settings["doc_to_target"]) == ("choices", "{{gold}}")
        assert all(row["choices"][row["gold"]] == row["target"] for row in rows)


def test_the_files_are_yaml(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    suite, parts, _ = load_suite(str(write_suite(tmp_path)), SuiteOptions(shots=1))
    for name in export_lm_eval(suite, parts, tmp_path / "out"):
        settings = yaml.safe_load((tmp_path / "out" / f"{name}.yaml").read_text())
        assert settings["doc_to_text"] == "{{prompt}}"
        assert settings["target_delimiter"] == "\n"
