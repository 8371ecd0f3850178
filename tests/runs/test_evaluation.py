"""Evaluations: gold scores one, baselines stand beside, runs go on, what is wrong is counted."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from apothecary.corpora.instruct_build import build
from apothecary.corpora.instruct_sets import named_sets
from apothecary.engines.budget import Budget
from apothecary.errors import DataError, FormatError, RunMismatch, StepNotServed, UsageError
from apothecary.runs.evaluation import Evaluation, Provider, SuiteOptions, evaluate, load_suite
from apothecary.runs.opening import ExtractOptions
from tests.runs.invented_suite import SETS, write_suite

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    return write_suite(tmp_path)


def run(
    suite: Path, kind: Any, value: object, out: str = "run", *, calls: int | None = None, **options: Any
) -> Evaluation:
    running = ExtractOptions(cache="", budget=Budget(calls))
    provider = Provider(kind, str(value))
    return evaluate(str(suite), provider, suite.parent / out, SuiteOptions(**options), running)


def scripted(suite: Path, *lines: dict[str, object]) -> str:
    path = suite.parent / "script.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return f"scripted:{path}"


def gold(suite: Path, **options: Any) -> Path:
    path = suite.parent / "gold.jsonl"
    _, parts, _ = load_suite(str(suite), SuiteOptions(**options))
    rows = [{"id": item.id, "reply": item.target} for part in parts for item in part.items]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def sets(found: Evaluation) -> dict[str, dict[str, Any]]:
    listed: Any = found.figures["sets"]
    return {row["name"]: row for row in listed}


def values(row: dict[str, Any]) -> set[float]:
    return {figure["value"] for figure in row["figures"].values()}


def test_gold_as_predictions_scores_one_everywhere(suite: Path) -> None:
    found = run(suite, "predictions", gold(suite))
    assert found.status == "complete"
    assert list(sets(found)) == list(SETS)
    for row in sets(found).values():
        assert values(row) == {1.0}, row["name"]
    macro: Any = found.figures["macro"]
    assert (macro["value"], macro["low"], macro["items"]) == (1.0, 1.0, 42)


def test_baselines_stand_beside_and_know_the_training_part_alone(suite: Path) -> None:
    rows = sets(run(suite, "predictions", gold(suite)))
    assert set(rows["drugs"]["baselines"]) == {"dictionary"}
    assert set(rows["exams"]["baselines"]) == {"majority", "random"}
    assert set(rows["titles"]["baselines"]) == {"random"}
    assert rows["kinds"]["baselines_know"] == "12 other examples of train"
    assert rows["drugs"]["baselines"]["dictionary"]["value"] == 1.0
    assert rows["questions"]["gain"]["value"] == pytest.approx(
        1.0 - rows["questions"]["baselines"]["majority"]["value"]
    )


def test_a_baseline_as_provider_scores_what_stands_beside_the_others(suite: Path) -> None:
    beside = sets(run(suite, "predictions", gold(suite)))
    for name in ("majority", "random", "dictionary"):
        for row in sets(run(suite, "baseline", name, name)).values():
            assert row["figures"][row["metric"]]["value"] == beside[row["name"]]["baselines"][name]["value"]


def test_an_engine_answers_and_what_cannot_be_read_is_counted(suite: Path) -> None:
    engine = scripted(
        suite,
        {"contains": ["Drug, Harm", "drug1"], "reply": "Drug: drug1"},
        {"contains": ["Drug, Harm"], "reply": "I'm sorry, but I cannot do that."},
        {"contains": ["Causes"], "reply": "What a text this is"},
        {"contains": ["Does drug"], "reply": "no"},
        {"reply": "A"},
    )
    found = run(suite, "engine", engine)
    rows = sets(found)
    assert found.status == "complete"
    assert rows["drugs"]["unread"] == rows["drugs"]["refused"] > 0
    assert rows["harms"]["unread"] == 6
    assert rows["harms"]["figures"]["fact_f1"]["value"] == 0.0
    errors = [json.loads(line) for line in (found.folder / "errors.jsonl").read_text().splitlines()]
    assert {row["kind"] for row in errors} == {"AnswerError", "RefusedReply"}
    refused = [row["id"] for row in errors if row["kind"] == "RefusedReply"]
    assert len(refused) == rows["drugs"]["refused"]
    assert all(identity.startswith("drugs") for identity in refused)
    assert {row["step"] for row in errors} >= {"mentions.tag", "relations.answer"}


def test_a_stopped_run_goes_on_and_asks_nothing_twice(suite: Path) -> None:
    engine = scripted(suite, {"contains": ["Does drug"], "reply": "no"}, {"reply": "none"})
    stopped = run(suite, "engine", engine, calls=15)
    assert stopped.status == "stopped by budget"
    assert sum(row["missing"] for row in sets(stopped).values()) == 42 - 15
    whole = run(suite, "engine", engine)
    assert whole.ledger.total.calls < 42 + 15
    figures = dict(run(suite, "engine", engine, "other").figures)
    assert figures == dict(whole.figures)


def test_a_question_without_a_reply_is_a_failed_item(suite: Path) -> None:
    engine = scripted(
        suite, {"contains": ["Does drug"], "failure": "ContextOverflow: too long"}, {"reply": "none"}
    )
    found = run(suite, "engine", engine)
    assert (found.status, found.failed) == ("incomplete", 6)
    assert sets(found)["questions"]["missing"] == 6


def test_options_are_told_to_the_engine_and_odds_decide(suite: Path) -> None:
    more = write_suite(suite.parent, more="log_odds = true")
    odds = {"reply": "no", "logprobs": {"yes": -0.1, "no": -2.0}}
    found = run(more, "engine", scripted(more, {"contains": ["Does drug"], **odds}, {"reply": "none"}))
    row = sets(found)["questions"]
    assert row["log_odds"]
    replies = [json.loads(line) for line in (found.folder / "predictions.jsonl").read_text().splitlines()]
    assert {each["reply"] for each in replies if each["set"] == "questions"} == {"yes"}


def test_small_models_answer_the_sets_that_they_know(suite: Path) -> None:
    with pytest.raises(StepNotServed):
        run(suite, "engine", "pocket")


def test_shown_examples_are_answered_and_never_evaluated(suite: Path) -> None:
    _, parts, _ = load_suite(str(suite), SuiteOptions(shots=2))
    # The texts of the first two sets recur.
    for part in parts[2:]:
        shown = {turn.asked for turn in part.items[0].turns[:2]}
        assert [bool(turn.answered) for turn in part.items[0].turns] == [True, True, False]
        assert not shown & {item.turns[-1].asked for item in part.items}


def test_the_other_items_teach_where_there_is_no_training_part(suite: Path) -> None:
    alone = write_suite(suite.parent, each='train = "nothing"')
    _, parts, _ = load_suite(str(alone), SuiteOptions())
    assert {(part.known.examples, part.taught, part.own) for part in parts} == {(6, "dev", False)}
    _, parts, notes = load_suite(str(alone), SuiteOptions(items=12))
    assert {part.own for part in parts} == {True}
    assert parts[0].baselines == ()
    assert len(notes) == 1 + len(SETS)


def test_held_out_items_are_dropped_and_counted(suite: Path) -> None:
    listed = suite.parent / "held_out.tsv"
    listed.write_text("set\tid\ntest\td3\ntest\td105\n")
    _, parts, _ = load_suite(str(suite), SuiteOptions(held_out=listed, items=12))
    assert (parts[0].held_out, len(parts[0].items), parts[0].known.examples) == (1, 11, 11)


def test_the_draw_depends_on_seed_and_ids_alone(suite: Path) -> None:
    drawn = [item.id for item in load_suite(str(suite), SuiteOptions())[1][0].items]
    path = suite.parent / "drugs.jsonl"
    path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n")
    again = [item.id for item in load_suite(str(suite), SuiteOptions())[1][0].items]
    assert again == drawn[::-1]
    other = [item.id for item in load_suite(str(suite), SuiteOptions(seed=7))[1][0].items]
    assert set(other) != set(drawn)


def test_two_runs_are_compared_on_the_items_of_both(suite: Path) -> None:
    run(suite, "baseline", "majority", "other")
    found = run(suite, "predictions", gold(suite), against=suite.parent / "other")
    pairs: Any = found.figures["by_task"]
    assert pairs["text_pairs"]["difference"] == pytest.approx(sets(found)["pairs"]["against"]["difference"])
    # Not every set was compared: of all of them there is no difference.
    macro: Any = found.figures["macro"]
    assert macro["difference"] is None
    row = sets(found)["kinds"]["against"]
    assert row["items"] == 6
    assert row["difference"]["value"] == pytest.approx(1.0 - row["value"])
    assert sets(found)["drugs"]["against"] is None
    with pytest.raises(DataError, match="holds no evaluation"):
        run(suite, "predictions", gold(suite), "third", against=suite.parent / "nothing")


def test_predictions_must_be_of_the_suite(suite: Path) -> None:
    path = gold(suite)
    lines = path.read_text().splitlines()
    for bad, words in (
        ('{"id": "x", "reply": "y"}', "no item of the suite"),
        (lines[0], "already answered"),
        ('{"id": "x"}', "is not"),
    ):
        path.write_text("\n".join([*lines, bad]) + "\n")
        with pytest.raises(FormatError, match=words) as raised:
            run(suite, "predictions", path)
        assert raised.value.where.endswith(f":{len(lines) + 1}")


def test_missing_predictions_count_as_wrong(suite: Path) -> None:
    path = gold(suite)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    found = run(suite, "predictions", path)
    assert found.status == "incomplete"
    assert sets(found)["drugs"]["missing"] == 3
    assert 0 < sets(found)["drugs"]["figures"]["mention_set_recall"]["value"] < 1


def test_another_suite_needs_another_folder(suite: Path) -> None:
    run(suite, "baseline", "majority")
    with pytest.raises(RunMismatch):
        run(suite, "baseline", "majority", items=3)


def test_the_reports_say_what_the_figures_say(suite: Path) -> None:
    found = run(suite, "predictions", gold(suite))
    page, text = ((found.folder / name).read_text() for name in ("report.html", "evaluation.md"))
    assert json.loads((found.folder / "evaluation.json").read_text())["macro"]["value"] == 1.0
    for name in SETS:
        assert f'id="set-{name}"' in page
        assert f"| {name} |" in text
    assert "nothing is held out" in page
    assert "<script" not in page


def test_refusals_are_told_by_task_in_every_report(suite: Path) -> None:
    path = suite.parent / "declined.jsonl"
    lines = [json.loads(line) for line in gold(suite).read_text().splitlines()]
    declined = {"drugs": "Sorry, I can't help with that.", "titles": "很抱歉"}
    for row in lines:
        row["reply"] = declined.get(row["id"].partition("/")[0], row["reply"])
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines))
    found = run(suite, "predictions", path)
    by_task: Any = found.figures["by_task"]
    assert {task: row["refused"] for task, row in by_task.items() if row["refused"]} == {
        "mentions": 6,
        "generation": 6,
    }
    assert by_task["mentions"]["unread"] == 6
    text = (found.folder / "evaluation.md").read_text()
    (line,) = [each for each in text.splitlines() if each.startswith("| mentions | ")]
    assert line.endswith("| 1 | 6 | 6 | 6 |")
    page = (found.folder / "report.html").read_text()
    assert "refused" in page.partition("By task")[2].partition("</table>")[0]


def test_a_file_of_several_parts_is_read_once(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = Path.open

    def counting(path: Path, *given: Any, **named: Any) -> Any:
        opened.append(path.name)
        return original(path, *given, **named)

    monkeypatch.setattr(Path, "open", counting)
    load_suite(str(suite), SuiteOptions())
    assert [opened.count(f"{name}.jsonl") for name in SETS] == [1] * len(SETS)


def test_unknown_baselines_and_mixed_sets_are_refused(suite: Path) -> None:
    with pytest.raises(UsageError, match="no baseline 'best'"):
        run(suite, "baseline", "best")
    both = (suite.parent / "drugs.jsonl").read_text() + (suite.parent / "harms.jsonl").read_text()
    (suite.parent / "drugs.jsonl").write_text(both)
    with pytest.raises(UsageError, match="several kinds"):
        run(suite, "baseline", "majority")


@pytest.mark.skipif(not (DATA / "instruct" / "pubmedqa").is_dir(), reason=f"no data in {DATA}")
def test_the_majority_of_pubmedqa_is_computed_from_the_data(tmp_path: Path) -> None:
    build(named_sets(["pubmedqa"]), DATA, tmp_path)
    suite = tmp_path / "suite.toml"
    suite.write_text('items = 500\n[[set]]\nfile = "pubmedqa.jsonl"\nsplit = "train"\n')
    found = run(suite, "baseline", "majority")
    lines = (tmp_path / "pubmedqa.jsonl").read_text().split("\n")[:-1]
    labels = [json.loads(line)["answers"] for line in lines]
    expected = labels.count(["yes"]) / len(labels)
    assert sets(found)["pubmedqa"]["figures"]["accuracy"]["value"] == expected == 0.552
