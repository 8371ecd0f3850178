"""Engines that answer from a script."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from apothecary.engines.scripted import Scripted, read_script
from apothecary.errors import FormatError, UsageError
from apothecary.messages import Failure, Message, Outcome, Reply, Request


def ask(tmp_path: Path, lines: Sequence[object], prompt: str = "is aspirin a drug?") -> Outcome:
    path = tmp_path / "script.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    (outcome,) = read_script(path).answer([Request((Message("user", prompt),), "t.s")])
    return outcome


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


def test_the_first_line_whose_strings_all_occur_answers(tmp_path: Path) -> None:
    lines = [
        {"contains": ["aspirin", "rash"], "reply": "no"},
        {"contains": ["aspirin", "drug"], "reply": "first"},
        {"contains": ["aspirin"], "reply": "second"},
    ]
    assert reply(ask(tmp_path, lines)).text == "first"


def test_a_line_without_contains_answers_the_rest(tmp_path: Path) -> None:
    assert reply(ask(tmp_path, [{"contains": ["x-ray"], "reply": "no"}, {"reply": "rest"}])).text == "rest"


def test_no_matching_line_is_a_failure_that_names_the_step(tmp_path: Path) -> None:
    outcome = ask(tmp_path, [{"contains": ["x-ray"], "reply": "no"}])
    assert isinstance(outcome, Failure)
    assert "script.jsonl" in outcome.message
    assert "t.s" in outcome.message


def test_a_json_value_is_sent_as_its_text(tmp_path: Path) -> None:
    assert json.loads(reply(ask(tmp_path, [{"reply": {"a": ["é"]}}])).text) == {"a": ["é"]}


def test_logprobs_and_finish_are_passed_on(tmp_path: Path) -> None:
    answer = reply(ask(tmp_path, [{"reply": "1", "logprobs": {"1": -0.1, "2": -3}, "finish": "length"}]))
    assert answer.logprobs == {"1": -0.1, "2": -3}
    assert answer.finish == "length"


def test_a_failure_line_fails(tmp_path: Path) -> None:
    assert ask(tmp_path, [{"failure": "TimedOut: late"}]) == Failure("TimedOut", "late")


def test_usage_is_counted_the_same_way_each_time(tmp_path: Path) -> None:
    first, second = (reply(ask(tmp_path, [{"reply": "12345678"}], "x" * 40)).usage for _ in range(2))
    assert first == second
    assert (first.prompt_tokens, first.completion_tokens, first.seconds) == (10, 2, 0.0)


def test_line_separators_inside_strings_do_not_break_lines(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('\ufeff{"reply": "a\u2028b"}\r\n', encoding="utf-8")
    assert reply(read_script(path).answer([Request((), "t.s")])[0]).text == "a\u2028b"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "not an object"),
        ('{"contains": ["a"]}', "not an object with a reply"),
        ('{"contains": "a", "reply": "b"}', "list of strings"),
        ('{"contains": [1], "reply": "b"}', "list of strings"),
        ('{"reply": "1", "logprobs": {"1": "low"}}', "object of numbers"),
        ('{"reply": "1", "finish": "early"}', "finish"),
        ('{"failure": 3}', "failure"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('{"reply": "fine"}\n\n' + line)
    with pytest.raises(FormatError, match=words) as caught:
        read_script(path)
    assert caught.value.where == f"{path}:3"


def test_an_unreadable_script_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"reply": "\xe9"}')
    for path, words in ((tmp_path / "none", "No such file"), (tmp_path / "latin", "UTF-8")):
        with pytest.raises(UsageError, match=words) as caught:
            read_script(path)
        assert caught.value.where == str(path)


def test_the_digest_follows_the_contents(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('{"reply": "a"}')
    before = read_script(path).info
    path.write_text('{"reply": "b"}')
    after = read_script(path).info
    assert before.digest != after.digest
    assert before.name == after.name == f"scripted:{path}"


def test_a_function_may_answer_with_text_reply_or_failure() -> None:
    given: list[Outcome | str] = ["a", Reply("b"), Failure("E", "m")]
    outcomes = iter(given)
    engine = Scripted(lambda request: next(outcomes))
    first, second, third = engine.answer([Request((), "t.s")] * 3)
    assert (reply(first).text, reply(second).text) == ("a", "b")
    assert third == Failure("E", "m")
    engine.close()
