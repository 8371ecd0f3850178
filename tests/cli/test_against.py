"""Two sets of predictions against one gold, and predictions made elsewhere, from the command line."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from apothecary.cli.main import main

NAMES = [f"Drug{letter}" for letter in "abcdefghij"]


def gold() -> str:
    blocks = []
    for place, name in enumerate(NAMES):
        lines = [f"{place}|t|{name} and rash.", f"{place}|a|More."]
        lines.append(f"{place}\t0\t5\t{name}\tChemical\tC{place}")
        lines.append(f"{place}\t10\t14\trash\tDisease\tD1")
        lines.append(f"{place}\tCID\tC{place}\tD1")
        blocks.append("\n".join(lines) + "\n\n")
    return "".join(blocks)


def table(right: int, wrong: int) -> str:
    """A table with the right relation of the first documents and a wrong one in the last."""
    rows = [f"{place},CID,{NAMES[place]},rash" for place in range(right)]
    rows += [f"{9 - place},CID,nothing,rash" for place in range(wrong)]
    return "\n".join(["id,type,head,tail", *rows]) + "\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gold.pubtator").write_text(gold())
    (tmp_path / "good.csv").write_text(table(10, 0))
    (tmp_path / "poor.csv").write_text(table(2, 5))
    return tmp_path


def score(*options: str, task: str = "relations") -> int:
    return main(["score", task, "--gold", "gold.pubtator", *options])


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def micro_f1(evaluator: object) -> float:
    assert isinstance(evaluator, dict)
    return float(evaluator["micro"]["f1"])


def test_a_table_made_elsewhere_is_scored_like_a_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--predictions", "poor.csv", "--json") == 0
    micro = result(capsys)["evaluators"]["concept"]["micro"]
    assert isinstance(micro, dict)
    assert (micro["tp"], micro["fp"], micro["fn"]) == (2, 5, 8)


def test_gold_itself_is_a_perfect_prediction(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--predictions", "gold.pubtator", "--against", "good.csv", "--json") == 0
    found = result(capsys)
    assert found["difference"]["concept"] == {"f1": {"value": 0.0, "low": 0.0, "high": 0.0}, "p": 1.0}
    assert found["evaluators"] == found["against"]["evaluators"]


def test_the_difference_is_that_of_the_two_scores(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--against", "poor.csv", "--json", "--resamples", "200"]
    assert score("--predictions", "good.csv", *options) == 0
    found = result(capsys)
    for name, difference in found["difference"].items():
        f1, p = difference["f1"], difference["p"]
        assert isinstance(f1, dict)
        first, second = (part["evaluators"][name] for part in (found, found["against"]))
        assert f1["value"] == pytest.approx(micro_f1(first) - micro_f1(second))
        assert 0 < f1["low"] <= f1["high"] <= 1
        assert p == pytest.approx(1 / 201, abs=0.02)


def test_equal_seeds_print_the_same(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--predictions", "good.csv", "--against", "poor.csv", "--resamples", "50", "--seed", "4"]
    assert score(*options) == 0
    first = capsys.readouterr().out
    assert score(*options) == 0
    assert capsys.readouterr().out == first
    assert "95 % interval" in first
    assert "against: poor.csv" in first


@pytest.mark.parametrize(
    ("options", "task", "said"),
    [
        (["--predictions", "good.csv", "--against", "none.csv"], "relations", "none.csv: cannot be read"),
        (["--predictions", "good.csv", "--against", "bad.csv"], "relations", "bad.csv:2: 3 columns"),
        (["--predictions", "good.csv", "--against", "other.csv"], "relations", "other.csv:2: id 77 is not"),
        (
            ["--predictions", "good.csv", "--against", "poor.csv"],
            "mentions",
            "predictions of mentions cannot be compared",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    work: Path, capsys: pytest.CaptureFixture[str], options: list[str], task: str, said: str
) -> None:
    (work / "bad.csv").write_text("id,type,head,tail\n1,CID,a\n")
    (work / "other.csv").write_text("id,type,head,tail\n77,CID,a,b\n")
    assert score(*options, task=task) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```\w+ (?:file=(\S+)|check)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_on_comparing_does_what_it_says(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(work / "home"))
    monkeypatch.delenv("APOTHECARY_ENGINE", raising=False)
    (work / "examples").symlink_to(ROOT / "examples")
    checked = 0
    for name, body in BLOCK.findall((ROOT / "docs" / "how-to" / "compare-runs.md").read_text()):
        if name:
            (work / name).write_text(body)
            continue
        for line in body.splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
            checked += 1
    assert checked == 6
