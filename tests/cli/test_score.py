"""Scoring from the command line: right figures, and one clear line for wrong files."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main

GOLD = """\
1|t|Druga and rash.
1|a|More.
1\t0\t5\tDruga\tChemical\tC1
1\t10\t14\trash\tDisease\tD1
1\tCID\tC1\tD1

2|t|Drugb.
2|a|No disease.
2\t0\t5\tDrugb\tChemical\tC2

"""
RELATION = {"type": "CID", "head": {"texts": ["druga"]}, "tail": {"ids": ["MESH:D1"]}}
GOOD = json.dumps({"id": "1", "relations": [RELATION]}) + "\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gold.pubtator").write_text(GOLD)
    return tmp_path


def score(work: Path, task: str, predictions: str, *options: str) -> int:
    (work / "p.jsonl").write_text(predictions)
    return main(["score", task, "--gold", "gold.pubtator", "--predictions", "p.jsonl", *options])


def test_texts_map_through_gold_mentions_and_ids_with_or_without_prefix(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(work, "relations", GOOD, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["evaluators"]) == {"concept", "concept_mapped", "string_pair", "cluster_overlap"}
    micro = result["evaluators"]["concept"]["micro"]
    assert (micro["tp"], micro["fp"], micro["fn"], micro["f1"]) == (1, 0, 0, 1.0)
    assert result["predicted_documents"] == 1


def test_the_folder_of_a_run_stands_for_its_predictions(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "run").mkdir()
    (work / "run" / "predictions.jsonl").write_text(GOOD)
    line = ["score", "relations", "--gold=gold.pubtator", "--predictions=run", "--resamples=5"]
    assert main([*line, "--against=run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["evaluators"]["concept"]["micro"]["f1"] == 1.0
    assert found["evaluators"] == found["against"]["evaluators"]
    (work / "empty").mkdir()
    assert main(["score", "relations", "--gold=gold.pubtator", "--predictions=empty"]) == 2
    assert "empty/predictions.jsonl: cannot be read: No such file or directory" in capsys.readouterr().err


def test_mentions_are_scored_strictly(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spans = [(0, 5, "Chemical"), (9, 14, "Disease")]
    found = [{"start": start, "end": end, "type": kind} for start, end, kind in spans]
    rows = json.dumps({"id": "1", "mentions": found})
    assert score(work, "mentions", rows, "--json") == 0
    micro = json.loads(capsys.readouterr().out)["strict"]["micro"]
    assert (micro["tp"], micro["fp"], micro["fn"]) == (1, 1, 2)


def test_errors_can_be_listed(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(work, "relations", '{"id": "1", "relations": []}\n', "--json", "--errors") == 0
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["kind"], error["head_ids"], error["tail_ids"]) == ("fn", ["C1"], ["D1"])


def test_a_file_without_predictions_scores_zero(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(work, "relations", "", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluators"]["concept"]["micro"]["fn"] == 1


@pytest.mark.parametrize("predictions", ["", GOOD])
def test_gold_without_a_prediction_is_told(
    predictions: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not asked counts as empty, which is right where gold is empty."""
    (work / "none.jsonl").write_text("")
    assert score(work, "relations", predictions, "--against", "none.jsonl", "--resamples=5") == 0
    lacks = "warning: {}gold documents without a prediction: 1 (1)\n"
    assert capsys.readouterr().err == lacks.format("none.jsonl: " if predictions else "")


ROW = {"id": "i1", "title": "Zinc.", "abstract": "Women took it.", "drug": "zinc", "disease": "flu"}
CONDITIONS = [("Women took", "Gender"), ("20 \u00b5g", "Dosage"), ("children (5)", "Age")]
SAID = [("men", "Gender"), ("20  \u03bcg", "Dosage"), ("children", "Age")]


def score_conditions(work: Path, capsys: pytest.CaptureFixture[str], *settings: str) -> dict[str, float]:
    """The mean F1 of `strict`, of the three conditions above."""
    for name, listed in (("g.jsonl", CONDITIONS), ("p.jsonl", SAID)):
        row = ROW | {"conditions": [{"span": span, "type": kind} for span, kind in listed]}
        (work / name).write_text(json.dumps(row) + "\n")
    given = [f"--set={setting}" for setting in settings]
    assert main(["score", "conditions", "--gold=g.jsonl", "--predictions=p.jsonl", "--json", *given]) == 0
    strict: dict[str, float] = json.loads(capsys.readouterr().out)["strict"]
    return {view: round(strict[view], 1) for view in ("hard_pair", "soft_pair")}


@pytest.mark.parametrize(
    ("settings", "hard", "soft"),
    [
        ([], 0.0, 33.3),
        (["threshold=0.4"], 0.0, 66.7),
        (["threshold=0.9"], 0.0, 0.0),
        (["threshold=0.4", "whole_words=true"], 0.0, 33.3),
        (["fold=yes"], 33.3, 66.7),
        (["fold=yes", "threshold=0.2", "conditions.threshold=0.4"], 33.3, 100.0),
    ],
)
def test_the_rule_of_a_score_can_be_set(
    work: Path, capsys: pytest.CaptureFixture[str], settings: list[str], hard: float, soft: float
) -> None:
    assert score_conditions(work, capsys, *settings) == {"hard_pair": hard, "soft_pair": soft}


def test_the_view_that_the_task_is_judged_by_comes_first(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score_conditions(work, capsys)
    line = ["score", "conditions", "--gold=g.jsonl", "--predictions=p.jsonl"]
    assert main([*line, "--json"]) == 0
    assert next(iter(json.loads(capsys.readouterr().out)["strict"]["interval"])) == "soft_pair"
    assert main(line) == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if "mean F1:" in row]
    assert [row.split("mean F1: ")[1][:9] for row in rows] == [
        "soft pair",
        "hard pair",
        "soft span",
        "hard span",
    ]


def test_a_table_by_another_rule_says_so(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score_conditions(work, capsys)
    line = ["score", "conditions", "--gold=g.jsonl", "--predictions=p.jsonl"]
    assert main(line) == 0
    assert "not by the usual rule" not in capsys.readouterr().out
    assert main([*line, "--set=fold=true", "--against=p.jsonl"]) == 0
    assert "not by the usual rule: fold = True" in capsys.readouterr().out


def test_runs_of_several_seeds_are_compared_by_their_averages(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score_conditions(work, capsys)
    (work / "none.jsonl").write_text("")
    line = ["score", "conditions", "--gold=g.jsonl", *["--predictions=p.jsonl"] * 2]
    both = [*line, "--against=none.jsonl", "--against=p.jsonl", "--resamples=20"]
    assert main([*both, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["difference"]["soft_pair"]
    assert found["a"]["runs"] == [found["a"]["mean"]] * 2
    assert found["f1"]["value"] == pytest.approx(found["a"]["mean"] - found["b"]["mean"])
    assert found["f1"]["value"] > 0
    assert main(both) == 0
    told, warned = capsys.readouterr()
    assert warned == "warning: none.jsonl: gold documents without a prediction: 1 (i1)\n"
    assert "2 less 2 runs" in told
    assert f"{100 * found['b']['mean']:.1f} ± {100 * found['b']['sd']:.1f}" in told
    assert main(line) == 2
    assert "several runs are scored one by one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "setting", "words"),
    [
        ("conditions", "colour=red", "there is no setting 'colour' (settings: threshold, whole_words, fold)"),
        ("conditions", "threshold=1.5", "a similarity of 1.5 does not exist"),
        ("conditions", "threshold=nan", "a similarity of nan does not exist"),
        ("conditions", "threshold=high", "setting threshold = 'high'"),
        ("conditions", "fold=perhaps", "setting fold = 'perhaps'"),
        ("conditions", "fold", "--set: 'fold' is not KEY=VALUE"),
        ("relations", "threshold=0.5", "the score of relations has no setting 'threshold'"),
        ("mentions", "fold=true", "the score of mentions has no setting 'fold'"),
    ],
)
def test_a_wrong_setting_is_one_line_before_anything_is_read(
    work: Path, capsys: pytest.CaptureFixture[str], task: str, setting: str, words: str
) -> None:
    assert main(["score", task, "--gold=none", "--predictions=none", "--set", setting]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


BAD = [
    (GOOD + GOOD, "p.jsonl:2"),
    (GOOD + '{"id": "9", "relations": []}\n', "p.jsonl:2"),
    ('{"relations": []}\n', "p.jsonl:1"),
    ("{broken\n", "p.jsonl:1"),
    ("[1]\n", "p.jsonl:1"),
    ('{"id": "1"}\n', "document 1: relations"),
    ('{"id": "1", "relations": [{"type": "CID"}]}\n', "document 1: relations[0].head"),
    ('{"id": "1", "relations": [{"type": 7, "head": {}, "tail": {}}]}\n', "relations[0].type"),
]


@pytest.mark.parametrize(("predictions", "words"), BAD, ids=[words for _, words in BAD])
def test_wrong_predictions_are_one_line_with_their_place(
    work: Path, capsys: pytest.CaptureFixture[str], predictions: str, words: str
) -> None:
    assert score(work, "relations", predictions) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("gold", "words"),
    [("none.pubtator", "none.pubtator"), (".", "is a folder"), ("broken.pubtator", "broken.pubtator:1")],
)
def test_wrong_gold_is_one_line(
    work: Path, capsys: pytest.CaptureFixture[str], gold: str, words: str
) -> None:
    (work / "broken.pubtator").write_text("no title here\n")
    (work / "p.jsonl").write_text(GOOD)
    assert main(["score", "relations", "--gold", gold, "--predictions", "p.jsonl"]) == 2
    assert words in capsys.readouterr().err
