"""``apothecary instruct``: the catalogue is searched, copies are built, and what is wrong is counted."""

import json
from pathlib import Path

from typer.testing import CliRunner

from apothecary.cli.instruct import app

RUNNER = CliRunner()


def run(*arguments: str) -> tuple[int, str]:
    done = RUNNER.invoke(app, list(arguments))
    return done.exit_code, done.stdout


def test_the_catalogue_is_searched_by_words_task_and_language() -> None:
    code, out = run("catalogue", "cblue", "--task", "triples", "--language", "zh", "--json")
    assert code == 0
    assert json.loads(out) == []
    code, out = run("catalogue", "cmeie", "--json")
    (entry,) = json.loads(out)
    assert (entry["converter"], entry["tasks"], entry["published"]) == ("cmeie", ["triples"], True)
    assert entry["terms"].startswith("research only")


def test_a_single_entry_is_told_in_full() -> None:
    code, out = run("catalogue", "hallmarks_of_cancer")
    assert code == 0
    assert "1 of the published catalogue, 0 besides" in out
    assert "lacking: no official split" in out


def test_the_published_mixture_is_summed() -> None:
    assert "89 rows, 610,578 samples" in run("catalogue", "--mixture")[1]
    assert "2 rows, 2,022 samples" in run("catalogue", "--mixture", "--task", "EE")[1]


def test_copies_are_built_and_bad_rows_make_the_code_one(tmp_path: Path) -> None:
    (tmp_path / "mqp").mkdir()
    (tmp_path / "mqp" / "mqp_train.csv").write_text("1,a,b,1\n1,a,c,5\n")
    code, out = run("build", "mqp", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "1 examples, 1 bad rows in errors.jsonl" in out
    assert "nothing is held out: there is no list" in out
    code, out = run("build", "mqp", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--json")
    assert json.loads(out)["splits"][0]["examples"] == {"text_pairs": 1}


def test_the_list_of_the_folder_is_used(tmp_path: Path) -> None:
    record = {"QUESTION": "Q?", "CONTEXTS": ["c"], "final_decision": "no"}
    (tmp_path / "pqal_train.json").write_text(json.dumps({"5": record, "6": record}))
    (tmp_path / "held_out.tsv").write_text("set\tid\ntest\t6\n")
    code, out = run("build", "pubmedqa", "--data", str(tmp_path), "--out", str(tmp_path / "o"), "--json")
    assert code == 0
    assert json.loads(out)["splits"][0]["held_out"] == {"choice": 1}


def test_terms_are_accepted_by_the_name_of_a_set_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sts_dev.json").write_text('[{"id": "1", "text1": "a", "text2": "b", "label": "1"}]')
    where = ("--data", str(tmp_path), "--out", str(tmp_path / "o"))
    assert run("build", "chip_sts", *where)[0] == 1
    assert not (tmp_path / "o").exists()
    assert run("build", "chip_sts", *where, "--accept-licence", "cblue")[0] == 0
