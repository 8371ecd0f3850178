"""Instruction tuning from Python: what the commands do, by name."""

import json
from pathlib import Path

import pytest

from apothecary import instruct
from apothecary.errors import UsageError
from tests.runs.invented_suite import write_suite


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    (tmp_path / "copies" / "mqp").mkdir(parents=True)
    rows = "".join(f"{n},question {n},question {n + 1},{n % 2}\n" for n in range(6))
    (tmp_path / "copies" / "mqp" / "mqp_train.csv").write_text(rows)
    return tmp_path / "copies"


def test_copies_become_examples_and_these_a_mixture(copies: Path, tmp_path: Path) -> None:
    built = instruct.build(["mqp"], copies, tmp_path / "typed")
    assert (built.complete, instruct.held_out_of(copies)) == (True, None)
    (tmp_path / "m.toml").write_text('[[set]]\nfile = "typed/mqp.jsonl"\n')
    assert instruct.mix(tmp_path / "m.toml", tmp_path / "mixed").instructions == 6
    assert len((tmp_path / "mixed" / "sft.jsonl").read_text().splitlines()) == 6


def test_what_is_held_out_beside_the_copies_is_left_out(copies: Path, tmp_path: Path) -> None:
    question = {"QUESTION": "Does it?", "CONTEXTS": ["It may."], "final_decision": "maybe"}
    (copies / "pubmedqa").mkdir()
    (copies / "pubmedqa" / "pqal_train.json").write_text(json.dumps({"11": question, "12": question}))
    (copies / "held_out.tsv").write_text("set\tid\ntest\t12\n")
    (split,) = instruct.build(["pubmedqa"], copies, tmp_path / "typed").splits
    assert (split.examples, split.held_out) == ({"choice": 1}, {"choice": 1})


def test_the_catalogue_is_searched(tmp_path: Path) -> None:
    (entry,) = instruct.catalogue(["cmeie"])
    assert (entry.converter, instruct.catalogue(["cmeie"], language="en")) == ("cmeie", ())


def test_a_suite_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    suite = str(write_suite(tmp_path))
    done = instruct.evaluate(instruct.Provider("baseline", "majority"), suite, out=tmp_path / "run")
    assert (done.status, done.failed) == ("complete", 0)
    assert (tmp_path / "run" / "report.html").is_file()


def test_stages_say_what_is_wrong_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('model = "m"\ntrain = ["none.jsonl"]\n')
    with pytest.raises(UsageError, match="stage"):
        instruct.train_stages(tmp_path / "s.toml")
