"""Examples to instructions: how many, in which words, and always the same."""

from collections import Counter

import pytest

from apothecary.documents import Document, Mention, Span
from apothecary.errors import DataError, UsageError
from apothecary.examples import Annotated, Labelled, Rewriting, Sourced
from apothecary.tasks.instruct_answers import Names
from apothecary.tasks.instruct_records import Policy, SplitTypes, gold_of, instructions
from apothecary.tasks.instruct_templates import chance, choose, fill_template, templates

TEXT = "Aspirin cured gout."
MENTIONS = (Mention((Span(0, 7),), "Aspirin", "Drug"), Mention((Span(14, 18),), "gout", "Disease"))


def example(number: int = 1) -> Sourced:
    document = Document(str(number), TEXT, mentions=MENTIONS)
    return Sourced("set", "train", "en", "mentions", Annotated(document), ("Drug", "Disease", "Gene"))


@pytest.mark.parametrize(
    ("split", "expand", "options"),
    [
        ("never", 1.0, [3]),
        ("never", 2.0, [3, 3]),
        ("extra", 2.0, [3, 1]),
        ("each", 1.0, [3, 1, 1, 1]),
        ("only", 1.0, [1, 1, 1]),
    ],
)
def test_a_policy_says_how_often_and_about_what(split: SplitTypes, expand: float, options: list[int]) -> None:
    made = list(instructions(example(), 0, Policy(expand, split)))
    assert [len(gold_of(each).options) for each in made] == options
    same = [(each.template_id, gold_of(each).options) for each in made]
    assert len(set(same)) == len(same)


def test_a_question_about_one_type_has_the_answers_of_that_type_only() -> None:
    answers = [gold_of(each).answer for each in instructions(example(), 0, Policy(split_types="only"))]
    assert answers == [Names((("Drug", "Aspirin"),)), Names((("Disease", "gout"),)), Names(())]


def test_the_same_seed_gives_the_same_and_another_seed_other_words() -> None:
    ids = [[next(instructions(example(n), seed)).template_id for n in range(40)] for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 10


def test_a_share_of_the_examples_is_asked_again() -> None:
    made = [len(list(instructions(example(number), 3, Policy(1.3)))) for number in range(1000)]
    assert Counter(made).keys() == {1, 2}
    assert 1250 < sum(made) < 1350


def test_the_text_can_be_cut_out_of_the_question_by_its_place() -> None:
    for found in instructions(example(), 5, Policy(5.0)):
        gold = gold_of(found)
        start, end = gold.text or (0, 0)
        assert found.conversation[0].asked[start:end] == TEXT
        assert [TEXT[s:e] for s, e, _ in gold.spans] == ["Aspirin", "gout"]


def test_an_answer_that_would_read_back_as_another_is_refused() -> None:
    odd = Rewriting("1", "x", ("<think>a</think>b",), "summary", "en", "en")
    with pytest.raises(DataError, match="set 1: its answer reads back as another"):
        list(instructions(Sourced("set", "train", "en", "generation", odd), 0))


def test_an_expansion_below_one_is_wrong_use() -> None:
    for expand in (0.5, float("nan"), 1e9):
        with pytest.raises(UsageError, match="expand"):
            Policy(expand)


def test_no_slot_is_read_in_what_is_put_in() -> None:
    text = "Set {options} and {text}."
    found = next(
        instructions(Sourced("s", "train", "zh", "classification", Labelled("1", text, (), ("a",))), 0)
    )
    assert text in found.conversation[0].asked
    assert found.conversation[0].answered == "无"


def test_chance_is_even_and_templates_are_all_used() -> None:
    group = templates("apothecary.tasks.mentions", "zh")["mentions"]
    used = Counter(choose(group, 0, n).id for n in range(500))
    assert len(used) == len(group)
    assert min(used.values()) > 30
    assert 0 <= chance(0, "x") < 1
    assert fill_template(group[0], {"text": "甲", "types": "乙"}).text is not None
