"""``apothecary instruct mix``: the tables, the figures, and the exit code."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from apothecary.cli.instruct_mix import mix
from tests.training.mixture_toy import labelled, write

APP = typer.Typer()
APP.command("mix")(mix)


def run(folder: Path, text: str, *more: str) -> tuple[int, str]:
    (folder / "m.toml").write_text(text)
    out = ["--out", str(folder / "out"), *more]
    done = CliRunner().invoke(APP, ["--config", str(folder / "m.toml"), *out])
    return done.exit_code, done.stdout


def test_the_tables_are_printed_from_what_was_drawn(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [*map(labelled, range(5)), labelled(3, dataset="e")])
    code, out = run(tmp_path, '[[set]]\nfile = "d.jsonl"\n')
    assert code == 0
    assert "5 instructions" in out
    assert "left out: 1 duplicate" in out
    assert "compared with nothing" in out


def test_figures_are_json_and_bad_rows_make_the_code_one(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1), labelled(2, labels=["z"])])
    code, out = run(tmp_path, '[[set]]\nfile = "d.jsonl"\n', "--json")
    assert code == 1
    assert (json.loads(out)["instructions"], json.loads(out)["bad"]) == (1, 1)


def test_a_floor_out_of_reach_is_told(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(5)))
    text = 'total = 4\n[[set]]\nfile = "d.jsonl"\n[[floor]]\ntask = "events"\nleast = 2\n'
    assert "not reached: events: 0 of 2" in run(tmp_path, text)[1]
