"""``apothecary instruct show``: samples, drawn and printed."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from apothecary.cli.instruct_show import show
from apothecary.examples import Turn
from apothecary.formats.instruction_rows import Instruction, write
from apothecary.runs.instruction_samples import draw

APP = typer.Typer()
APP.command("show")(show)
TYPED = {
    "dataset": "d",
    "split": "train",
    "language": "en",
    "task": "classification",
    "family": "labelled",
    "id": "1",
    "text": "It hurts.",
    "labels": ["pain"],
    "options": ["pain", "cough"],
}


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(APP, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def filled(tmp_path: Path, size: int = 30) -> Path:
    path = tmp_path / "x.jsonl"
    made = (
        Instruction("NER" if n % 2 else "TC", "s", "en", (Turn(f"ask\x1b[31m {n}\nmore", f"say {n}"),))
        for n in range(size)
    )
    write(path, made)
    return path


def test_samples_are_drawn_by_a_seed_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = filled(tmp_path)
    drawn = [each.number for each in draw(path, count=5, seed=1).drawn]
    assert drawn == sorted(drawn) == [each.number for each in draw(path, count=5, seed=1).drawn]
    assert drawn != [each.number for each in draw(path, count=5, seed=2).drawn]
    assert len(draw(path, count=99).drawn) == 30


def test_they_are_printed_as_lines_without_what_a_terminal_obeys(tmp_path: Path) -> None:
    code, out, _ = run(str(filled(tmp_path)), "--count", "2", "--task", "ner")
    assert code == 0
    assert "1  NER | s | en\n   asked:\n      ask [31m " in out
    assert "2 of 15 that fit, 30 in all" in out


def test_typed_examples_are_shown_as_the_instructions_they_make(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(TYPED) + "\n")
    code, out, _ = run(str(path), "--json")
    assert code == 0
    assert json.loads(out)[0]["conversation"][0]["assistant"] == "pain"


def test_bad_lines_are_told_and_make_the_code_one(tmp_path: Path) -> None:
    path = filled(tmp_path, 2)
    path.write_text(path.read_text() + "{\n")
    code, out, err = run(str(path))
    assert code == 1
    assert "1 bad lines" in out
    assert "x.jsonl:3: not JSON" in err
