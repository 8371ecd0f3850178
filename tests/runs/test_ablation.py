"""An ablation on an invented corpus: what it removes, that it goes on, what it refuses."""

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.engines.budget import Budget, Budgeted, Meter
from apothecary.engines.cache import Cached
from apothecary.engines.scripted import Scripted, read_script
from apothecary.errors import FormatError, RunError, RunMismatch, UsageError
from apothecary.messages import EngineInfo, Failure
from apothecary.runs.ablation import AblationProgress, foresee, run
from apothecary.runs.ablation_result import AblationResult
from apothecary.runs.development import read_development, split
from apothecary.tasks.ablation import PruneOptions
from apothecary.tasks.schema import load_schema
from tests.runs.ablation_toy import LINES, QUICK, Asked, documents, plan, pubtator, write_script

ROOT = Path(__file__).parent.parent.parent


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def effects(result: AblationResult, number: int) -> dict[str, float]:
    return {each.scenario: each.delta.f1.value for each in result.rounds[number].effects}


def test_the_harmful_scenario_goes_and_the_useful_ones_stay(tmp_path: Path) -> None:
    result = run(plan(tmp_path))
    assert result.removed == ("induce/named",)
    assert result.idle == ("induce/rare",)
    first, last = effects(result, 0), effects(result, 1)
    assert first["induce/named"] < 0 < first["induce/treats"] < first["induce/causes"]
    assert last["induce/unrelated"] > 0
    assert result.status == "complete"


def test_idle_scenarios_go_when_asked_and_a_template_keeps_both_polarities(tmp_path: Path) -> None:
    dropping = replace(QUICK, prune=PruneOptions(drop_idle=True, resamples=20))
    result = run(plan(tmp_path, options=dropping))
    assert result.removed == ("induce/named", "induce/rare")
    assert result.unspared == ("induce/causes",)


def test_the_pruned_schema_is_a_file_that_can_be_used(tmp_path: Path) -> None:
    run(plan(tmp_path))
    schema, _ = load_schema(str(tmp_path / "out/pruned.toml"))
    assert [each.id for each in schema.templates[0].scenarios] == ["causes", "rare", "treats", "unrelated"]


def test_the_confirmation_is_on_other_documents(tmp_path: Path) -> None:
    result = run(plan(tmp_path))
    found = result.confirmation
    assert found is not None
    assert (found.pruned.fp, found.pruned.fn) == (0, 0)
    assert found.delta.f1.high < 0
    rows = lines(tmp_path / "out/ablation.jsonl")[1:]
    parts = {
        part: {row["id"] for row in rows if row["part"] == part} for part in ("selection", "confirmation")
    }
    assert parts["selection"].isdisjoint(parts["confirmation"])
    assert len(parts["confirmation"]) == result.confirming


def test_the_record_tells_rounds_effects_and_cost(tmp_path: Path) -> None:
    result = run(plan(tmp_path))
    record = json.loads((tmp_path / "out/ablation.json").read_text())
    assert record == json.loads(json.dumps(result.to_record()))
    first = record["rounds"][0]
    assert [each["scenario"] for each in first["effects"]][:2] == ["induce/causes", "induce/named"]
    assert {"value", "low", "high"} == set(first["effects"][0]["f1"])
    spent = [each["spent"]["calls"] for each in [*record["rounds"], record["confirmation"]]]
    assert spent == [6 * result.documents, 4 * result.documents, 2 * result.confirming]
    assert sum(spent) == record["spent"]["calls"]


def test_the_dry_run_is_an_upper_bound(tmp_path: Path) -> None:
    asked = plan(tmp_path)
    foreseen = foresee(asked.task, asked.ablatable, asked.settings, asked.documents, asked.options)
    result = run(asked)
    # Four of the five can go at most, one in a round: 1 + 5 + 4 + 3 + 2 + 1 variants, and two to confirm.
    assert foreseen.runs == 1 + 5 + 4 + 3 + 2 + 1 + 2
    assert foreseen.calls >= result.total.calls > 0


def test_the_same_again_asks_nothing_and_more_rounds_only_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    engine = Asked(read_script(write_script(tmp_path / "script.jsonl")), log)
    one = replace(QUICK, prune=PruneOptions(rounds=1, resamples=20))
    run(plan(tmp_path, engine, one))
    result = run(plan(tmp_path, engine))
    asked = log.read_text().splitlines()
    assert len(asked) == result.total.calls
    assert run(plan(tmp_path, engine)) == result
    assert log.read_text().splitlines() == asked


KILLED = """
import os, sys
from pathlib import Path
from apothecary.engines.cache import Cached
from apothecary.engines.scripted import read_script
from apothecary.runs.ablation import run
from tests.runs.ablation_toy import Asked, plan, write_script
folder, last = Path(sys.argv[1]), int(sys.argv[2])
asked = Asked(read_script(write_script(folder / "script.jsonl")), folder / "log")
engine = Cached(asked, folder / "replies.sqlite")
seen = []
def told(progress):
    seen.append(progress)
    if len(seen) == last:
        os._exit(9)
run(plan(folder, engine), told)
"""


@pytest.mark.slow
@pytest.mark.parametrize("last", [2, 61, 95])
def test_a_killed_ablation_goes_on_and_asks_nothing_twice(tmp_path: Path, last: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = run(plan(tmp_path / "whole"))
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(last)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=ROOT, env=environment).returncode == 9
    kept = len(lines(tmp_path / "out/ablation.jsonl"))
    asked = Asked(read_script(tmp_path / "script.jsonl"), tmp_path / "log")
    with closing(Cached(asked, tmp_path / "replies.sqlite")) as engine:
        result = run(plan(tmp_path, engine))
    assert (result.rounds, result.confirmation) == (whole.rounds, whole.confirmation)
    rows = lines(tmp_path / "out/ablation.jsonl")
    assert len(rows) > kept > 1
    measured = [(row["part"], str(row["without"]), row["id"]) for row in rows[1:]]
    assert len(set(measured)) == len(measured)
    questions = (tmp_path / "log").read_text().splitlines()
    assert len(set(questions)) == len(measured)
    # The next document may be at work when the command is killed: its reply is not kept yet.
    assert len(questions) - len(set(questions)) <= 1


def test_a_torn_line_is_cut_and_a_damaged_one_named(tmp_path: Path) -> None:
    result = run(plan(tmp_path))
    path = tmp_path / "out/ablation.jsonl"
    path.write_text(path.read_text()[:-20])
    assert run(plan(tmp_path)).rounds == result.rounds
    path.write_text(path.read_text().replace('"selection"', '"elsewhere"', 1))
    with pytest.raises(FormatError, match=r"ablation\.jsonl:2: is damaged"):
        run(plan(tmp_path))


def test_other_settings_do_not_mix(tmp_path: Path) -> None:
    run(plan(tmp_path))
    with pytest.raises(RunMismatch, match="other settings .seed."):
        run(plan(tmp_path, options=replace(QUICK, seed=1)))
    (tmp_path / "out/ablation.jsonl").unlink()
    with pytest.raises(RunMismatch, match=r"holds ablation\.json, but"):
        run(plan(tmp_path))


def test_one_process_at_a_time(tmp_path: Path) -> None:
    def told(progress: AblationProgress) -> None:
        with pytest.raises(RunError, match="another process"):
            run(plan(tmp_path))
        raise KeyboardInterrupt

    assert run(plan(tmp_path), told).status == "interrupted"


def test_a_spent_budget_is_an_end_that_goes_on(tmp_path: Path) -> None:
    script = read_script(write_script(tmp_path / "script.jsonl"))
    stopped = run(plan(tmp_path, Budgeted(script, Meter(Budget(calls=250)))))
    assert stopped.status == "stopped by budget"
    assert len(stopped.rounds) == 1
    assert stopped.total.calls == 250
    assert not (tmp_path / "out/pruned.toml").exists()
    assert run(plan(tmp_path)).status == "complete"


def test_problems_are_counted_and_done_again(tmp_path: Path) -> None:
    broken = write_script(tmp_path / "script.jsonl", LINES[:-1])
    result = run(plan(tmp_path, read_script(broken)))
    assert result.status == "incomplete"
    assert result.problems > 0
    assert run(plan(tmp_path)).status == "complete"


def test_failed_documents_count_as_empty(tmp_path: Path) -> None:
    result = run(plan(tmp_path, Scripted(lambda request: Failure("TimedOut", "late"))))
    assert result.rounds[0].base.tp == 0
    assert result.rounds[0].base.fn > 0
    assert result.status == "incomplete"


def test_few_documents_are_noted(tmp_path: Path) -> None:
    few = replace(plan(tmp_path), documents=documents(tmp_path, 24))
    assert any("documents" in note for note in run(few).notes)
    assert run(replace(plan(tmp_path), folder=tmp_path / "many")).notes == ()


def test_thresholds_of_the_full_schema_hold_for_all_variants(tmp_path: Path) -> None:
    run(plan(tmp_path))
    held = json.loads((tmp_path / "out/thresholds.json").read_text())
    assert (held["pairs"], held["names"]) == ({}, {})


def test_an_engine_without_prompts_is_refused(tmp_path: Path) -> None:
    asked = plan(tmp_path)
    reads_none = EngineInfo("pocket", "d", steps=("relations.pairs",))
    with pytest.raises(UsageError, match="pocket reads no prompt"):
        run(replace(asked, engines=dict.fromkeys(asked.engines, reads_none)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"without": "induce/causes"}, "it is what an ablation varies"),
        ({"stages": "one"}, "no question holds a scenario"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    asked = plan(tmp_path)
    settings = {"schema": asked.settings["schema"], **settings}
    with pytest.raises(UsageError, match=said):
        run(replace(asked, settings=settings))


def test_a_schema_without_templates_and_documents_without_relations_are_refused(tmp_path: Path) -> None:
    asked = plan(tmp_path)
    bare = [replace(each, relations=()) for each in asked.documents]
    with pytest.raises(UsageError, match="no annotated relations"):
        run(replace(asked, documents=bare))
    schema = Path(str(asked.settings["schema"]))
    schema.write_text(schema.read_text().partition("[[templates]]")[0])
    with pytest.raises(UsageError, match="has no templates"):
        run(asked)


def test_held_out_documents_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    gold, listed = tmp_path / "gold.pubtator", tmp_path / "held_out.tsv"
    gold.write_text(pubtator(6))
    listed.write_text("set\tid\ncdr_test\t4\n")
    assert len(read_development(gold)) == 6
    with pytest.raises(UsageError, match="1 of 6 documents are held out, such as 4"):
        read_development(gold, held_out=listed)
    monkeypatch.setenv("APOTHECARY_HELD_OUT", str(listed))
    with pytest.raises(UsageError, match="1 of 6 documents are held out, such as 4"):
        read_development(gold)


@pytest.mark.parametrize("name", ["test.pubtator", "CDR_TestSet.txt", "my-tests.txt", "TESTSET.pubtator"])
def test_a_name_that_says_test_needs_a_list(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    (tmp_path / name).write_text(pubtator(6))
    with pytest.raises(UsageError, match="named like a test part"):
        read_development(tmp_path / name)
    listed = tmp_path / "held_out.tsv"
    listed.write_text("set\tid\ncdr_test\t99\n")
    assert len(read_development(tmp_path / name, held_out=listed)) == 6


@pytest.mark.parametrize("name", ["latest.pubtator", "contest.txt", "dev.pubtator", "Attest2.txt"])
def test_other_names_do_not(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    (tmp_path / name).write_text(pubtator(6))
    assert len(read_development(tmp_path / name)) == 6


def test_a_document_keeps_its_part_whatever_else_there_is(tmp_path: Path) -> None:
    every = documents(tmp_path, 60)
    chosen, confirming = split(every, 0.5, seed=3)
    fewer, _ = split(every[:30], 0.5, seed=3)
    assert {each.id for each in fewer} <= {each.id for each in chosen}
    assert {each.id for each in chosen}.isdisjoint(each.id for each in confirming)
    assert split(every, 0.5, seed=4)[0] != chosen
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="leaves a part empty"):
            split(every, share, seed=0)
    with pytest.raises(UsageError, match="too few"):
        split(every[:1], 0.5, seed=0)
