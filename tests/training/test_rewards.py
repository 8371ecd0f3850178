"""Rewards come in the form that the trainer calls: messages in, one figure for each completion out."""

import pytest

from apothecary.errors import UsageError
from apothecary.training.rewards import completion_text, reward_functions

SOLUTION = '<answer>[{"type": "POS", "drugs": ["a", "b"]}]</answer>'
THINK = (
    "<think>" + "\n".join(f"[{n}] Head of it\n- some words on the drugs" for n in (1, 2, 3, 4)) + "</think>"
)
RIGHT, WRONG = THINK + SOLUTION, THINK + SOLUTION.replace("POS", "NEG")


def chat(text: str) -> list[dict[str, object]]:
    return [{"role": "assistant", "content": text}]


def test_the_functions_sum_to_the_whole_reward() -> None:
    functions = reward_functions("drugcomb")
    columns = {"prompts": [[], [], []], "solution": [SOLUTION] * 3, "trainer_state": object()}
    rewards = [function([chat(RIGHT), chat(WRONG), "prose"], **columns) for function in functions]
    assert [function.__name__ for function in functions] == ["format", "think", "coverage", "accuracy"]
    assert [sum(row) for row in zip(*rewards, strict=True)] == pytest.approx([1.0, 0.2, -0.1])


def test_the_corpus_is_read_row_by_row_unless_it_is_given() -> None:
    accuracy = reward_functions(weights={"accuracy": 1.0})[0]
    effect = RIGHT.replace("POS", "effect")
    solutions = [SOLUTION, SOLUTION.replace("POS", "effect")]
    assert accuracy([RIGHT, effect], solution=solutions, corpus=["drugcomb", "ddi"]) == [1.0, 1.0]
    with pytest.raises(UsageError, match="'corpus'"):
        accuracy([RIGHT], solution=[SOLUTION])


def test_a_sentence_is_used_where_there_is_one() -> None:
    coverage = reward_functions("drugcomb", weights={"coverage": 1.0})[0]
    other = RIGHT.replace('"b"', '"b", "c"')
    rewards = coverage([other] * 2, solution=[SOLUTION] * 2, sentence=["a and b", None])
    assert rewards[0] < rewards[1] == coverage([other], solution=[SOLUTION])[0]


def test_the_profile_is_passed_on() -> None:
    prose = f"{THINK}<answer>none</answer>"
    sums = [
        sum(function([prose], solution=[SOLUTION])[0] for function in reward_functions("drugcomb", profile))
        for profile in ("reference", "strict")
    ]
    assert sums == pytest.approx([0.075, -0.1])


@pytest.mark.parametrize("columns", [{}, {"solution": [None]}, {"solution": []}, {"solution": SOLUTION}])
def test_a_missing_or_broken_column_is_named(columns: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="'solution'"):
        reward_functions("drugcomb")[0]([RIGHT], **columns)


@pytest.mark.parametrize(
    "arguments",
    [
        {"corpus": "cdr"},
        {"profile": "lenient"},
        {"weights": {"f1": 1.0}},
        {"task": "mentions"},
        {"task": "x.y"},
    ],
)
def test_wrong_settings_are_told_at_once(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        reward_functions(**arguments)  # type: ignore[arg-type]


def test_text_is_found_in_every_form_of_completion() -> None:
    assert completion_text("a") == completion_text(chat("a")) == "a"
    assert completion_text([{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]) == "a"
    assert completion_text([{"role": "assistant", "content": None}]) == ""
    for broken in ([], 7, [{"role": "assistant", "content": 7}], ["a"]):
        with pytest.raises(UsageError):
            completion_text(broken)
