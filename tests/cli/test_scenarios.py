"""The scenario commands: what they print, their exit codes, and one clear line for what is wrong."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.exceptions import TyperException

from apothecary.cli.scenarios import app
from apothecary.errors import ApothecaryError
from apothecary.tasks.schema import load_schema

Captured = pytest.CaptureFixture[str]
GOLD = """\
1|t|Lavender tea and sleep
1|a|We gave the rats two spoons of lavender tea before every meal.
1\t0\t12\tLavender tea\tChemical\tD1

"""
OTHER = "2|t|Sage\n2|a|A herb.\n2\t0\t4\tSage\tChemical\tD2\n\n"
SCHEMA = """\
name = "toy"
title = "Toy"
labels = [{name = "Drug", description = "drugs"}, {name = "Event", description = "events"}]
[[templates]]
name = "t"
head = "Drug"
tail = "Event"
requirement = "Which fits?"
scenarios = [
  {id="a", polarity="positive", principle=4, text="The drug brings the event.", code="1", relations=["R"]},
  {id = "b", polarity = "negative", principle = 7, text = "The drug ends the event.", code = "0"},
]
"""
WISH = ["--relation", "HARMS", "--head", "Chemical", "--tail", "Disease", "--verb", "cause"]
FILES = {
    "gold.pubtator": GOLD,
    "other.pubtator": OTHER,
    "held.tsv": "set\tid\ntest\t1\n",
    "toy.toml": SCHEMA,
    "broken.toml": "name = ",
    "label.toml": SCHEMA.replace('tail = "Event"', 'tail = "Effect"'),
    "braces.toml": SCHEMA.replace("The drug ends", "The {head} ends"),
    "list.txt": "# names\nlavender tea\nChemical|Sage\nMESH:D12\t17\toak\tChemical\n",
    "copied.txt": "If two spoons of lavender tea were given, answer 1\n",
    "empty.txt": "\n# nothing\n\n12\t3.5\n",
    "binary.txt": "\x00\x01\x02",
    "empty.pubtator": "\n",
}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files above, good and bad."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*line: str) -> int:
    return int(app(list(line), standalone_mode=False) or 0)


def error_of(*line: str) -> str:
    with pytest.raises((ApothecaryError, TyperException)) as caught:
        run(*line)
    error = caught.value
    return error.format_message() if isinstance(error, TyperException) else str(error)


# --- lint ---------------------------------------------------------------------------------------------


def test_a_good_schema_ends_with_0(capsys: Captured) -> None:
    assert run("lint", "cdr") == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["cdr", "6", "1", "10", "0", "0"]


def test_warnings_are_told_and_change_nothing(capsys: Captured) -> None:
    assert run("lint", "toy.toml") == 0
    out = capsys.readouterr().out
    assert "warning: schema: no label is a decoy" in out
    assert "[no-catch-all]" in out


def test_errors_end_with_1(capsys: Captured) -> None:
    assert run("lint", "braces.toml", "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["errors"], record["findings"][0]["rule"]) == ("toy", 1, "placeholder")


def test_what_a_terminal_would_obey_is_shown_as_text(work: Path, capsys: Captured) -> None:
    (work / "odd.toml").write_text(
        SCHEMA.replace('"b"', r'"b\u001b[31m"').replace("The drug ends the event", "It ends")
    )
    run("lint", "odd.toml")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"t/b\x1b[31m" in out


# --- draft --------------------------------------------------------------------------------------------


def test_a_draft_is_printed_as_a_schema(capsys: Captured) -> None:
    assert run("draft", *WISH, "--definition", "The chemical brings the disease about") == 0
    out, err = capsys.readouterr()
    assert tomllib.loads(out)["templates"][0]["name"] == "harms"
    assert "The chemical brings the disease about." in out
    assert err == ""


def test_a_draft_goes_to_a_file_and_passes_the_lint(capsys: Captured) -> None:
    assert run("draft", *WISH, "--verb", "zap", "--out", "mine.toml") == 0
    out, err = capsys.readouterr()
    assert out == "schema: mine.toml\n"
    assert err.startswith("note: 'zap' is not in the lexicon")
    assert "# 'zap' is not in the lexicon" in Path("mine.toml").read_text()
    assert load_schema("mine.toml")[0].name == "mine"
    assert run("lint", "mine.toml") == 0


def test_a_schema_is_never_written_over(work: Path) -> None:
    assert "toy.toml: is there already" in error_of("draft", *WISH, "--out", "toy.toml")
    assert (work / "toy.toml").read_text() == SCHEMA


def test_a_model_adds_scenarios_and_is_named(work: Path, capsys: Captured) -> None:
    reply = {"positive": ["The chemical gives rise to the disease."], "negative": []}
    (work / "script.jsonl").write_text(json.dumps({"contains": ["HARMS"], "reply": reply}) + "\n")
    assert run("draft", *WISH, "--out", "mine.toml", "--engine", "scripted:script.jsonl") == 0
    scenarios = load_schema("mine.toml")[0].templates[0].scenarios
    assert [each.id for each in scenarios][-2:] == ["model-1", "unrelated"]
    assert "note: harms/model-1 was written by a model: check it" in capsys.readouterr().err


@pytest.mark.parametrize("line", [{"reply": "no idea"}, {"failure": "TimedOut: late"}])
def test_a_model_that_gives_nothing_costs_its_part_only(
    line: dict[str, str], work: Path, capsys: Captured
) -> None:
    (work / "script.jsonl").write_text(json.dumps(line) + "\n")
    assert run("draft", *WISH, "--out", "mine.toml", "--engine", "scripted:script.jsonl") == 1
    assert run("lint", "mine.toml") == 0
    assert "nothing of the model's reply could be used: harms: " in capsys.readouterr().err


# --- leaks --------------------------------------------------------------------------------------------


def test_a_schema_that_is_clean_ends_with_0(capsys: Captured) -> None:
    assert run("leaks", "--schema", "cdr", "--gold", "gold.pubtator", "--other", "other.pubtator") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no leak found"


def test_strings_of_lists_are_read_by_line_bar_and_tab(capsys: Captured) -> None:
    line = [
        "leaks",
        "--strings",
        "list.txt",
        "--gold",
        "gold.pubtator",
        "--other",
        "other.pubtator",
        "--json",
    ]
    assert run(*line) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sources"] == [
        {
            "source": "list.txt",
            "strings": 3,
            "gold": 1,
            "leaked": 1,
            "examples": ["lavender tea"],
            "share": 1 / 3,
        }
    ]
    assert record["documents"] == {"gold.pubtator": 1, "other.pubtator": 1}
    assert run(*line, "--at-least", "3") == 1


def test_copied_words_end_with_1(capsys: Captured) -> None:
    assert run("leaks", "--strings", "copied.txt", "--gold", "gold.pubtator") == 1
    out = capsys.readouterr().out
    assert "copied.txt:1 has 5 words of document 1 (scored): two spoons of lavender tea" in out
    assert out.endswith("leaking\n")
    assert run("leaks", "--strings", "copied.txt", "--gold", "gold.pubtator", "--words", "6") == 0


def test_a_held_out_document_leaks_from_any_corpus(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    line = ["leaks", "--strings", "copied.txt", "--gold", "other.pubtator", "--other", "gold.pubtator"]
    assert run(*line) == 0
    assert run(*line, "--held-out", "held.tsv") == 1
    assert "(held out)" in capsys.readouterr().out
    monkeypatch.setenv("APOTHECARY_HELD_OUT", "held.tsv")
    assert run(*line) == 1


# --- what is wrong ------------------------------------------------------------------------------------

LEAKS = ["leaks", "--gold", "gold.pubtator"]
WRONG = {
    "no such schema": (["lint", "nope"], "there is no schema 'nope'"),
    "a missing file": (["lint", "none.toml"], "none.toml: cannot read the schema"),
    "broken TOML": (["lint", "broken.toml"], "broken.toml: not valid TOML"),
    "an unknown label": (["lint", "label.toml"], "template t: 'Effect' is not a wanted label"),
    "no verb": (["draft", "--relation", "R", "--head", "A", "--tail", "B"], "Missing option '--verb'"),
    "what is no verb": (["draft", *WISH, "--verb", "x;y"], "'x;y' is no verb"),
    "an empty label": (["draft", *WISH, "--head", ""], "head: is empty"),
    "no TOML file": (["draft", *WISH, "--out", "mine.json"], "mine.json: is no .toml file"),
    "no such folder": (["draft", *WISH, "--out", "no/mine.toml"], "no/mine.toml: cannot be written"),
    "no such engine": (["draft", *WISH, "--engine", "nope"], "there is no engine 'nope'"),
    "nothing to look at": (LEAKS, "no string to look at"),
    "a missing list": ([*LEAKS, "--strings", "none.txt"], "none.txt: cannot be read"),
    "an empty list": ([*LEAKS, "--strings", "empty.txt"], "empty.txt: holds no string"),
    "a binary list": ([*LEAKS, "--strings", "binary.txt"], "binary.txt:1: is no text"),
    "another encoding": ([*LEAKS, "--strings", "latin.txt"], "latin.txt:1: byte 4 of the line is not utf-8"),
    "a schema of none": ([*LEAKS, "--schema", "broken.toml"], "broken.toml: not valid TOML"),
    "a corpus without documents": (
        ["leaks", "--schema", "cdr", "--gold", "empty.pubtator"],
        "empty.pubtator: no document in it",
    ),
    "no other documents": (
        [*LEAKS, "--schema", "cdr", "--other", "empty.pubtator"],
        "empty.pubtator: no document in it",
    ),
    "the gold twice": ([*LEAKS, "--schema", "cdr", "--other", "gold.pubtator"], "is the scored corpus"),
    "no list of held-out ids": (
        [*LEAKS, "--schema", "cdr", "--held-out", "list.txt"],
        "list.txt:1: expected",
    ),
    "one word": ([*LEAKS, "--schema", "cdr", "--words", "1"], "Invalid value for '--words'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_clear_line(what: str, work: Path, capsys: Captured) -> None:
    line, words = WRONG[what]
    before = sorted(work.iterdir())
    message = error_of(*line)
    assert words in message
    assert "\n" not in message
    assert sorted(work.iterdir()) == before
    assert capsys.readouterr().out == ""


def test_an_engine_that_writes_no_texts_is_named() -> None:
    pytest.importorskip("onnxruntime")
    assert "does not serve the step scenarios.draft" in error_of("draft", *WISH, "--engine", "pocket")
