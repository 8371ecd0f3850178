"""What a program can tell of a completion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.tasks.combinations.answers import Combination, render_completion
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.gates import LEAKS, check
from apothecary.tasks.combinations.labels import DRUGCOMB

AB = Combination("POS", ("aspirin", "zincol"))
SENTENCE = "Aspirin with zincol and auranofin improved pain better than placebo in men."
EXAMPLE = Example("1", SENTENCE, "", ("Aspirin", "zincol", "auranofin"), (AB,), "drugcomb")
HEADS = ("Setting", "Drugs", "Outcome", "Summary")
BULLET = "- The men in this trial took both drugs and their pain was improved by that."
SECTIONS = "\n".join(f"[{number}] {name}\n{BULLET}\n{BULLET}" for number, name in enumerate(HEADS, 1))


def completion(think: str = SECTIONS, items: tuple[Combination, ...] = (AB,)) -> str:
    return render_completion(think, items, DRUGCOMB)


def gates(text: str, example: Example = EXAMPLE) -> set[str]:
    return {failure.gate for failure in check(text, example)}


def test_a_sound_completion_fails_nothing() -> None:
    assert check(completion(), EXAMPLE) == ()


def test_the_order_of_items_drugs_and_case_is_free() -> None:
    other = Combination("COMB", ("zincol", "auranofin"))
    example = Example("1", SENTENCE, "", EXAMPLE.drugs, (AB, other), "drugcomb")
    answered = (Combination("COMB", ("auranofin", "Zincol")), Combination("POS", ("zincol", "Aspirin")))
    assert check(completion(items=answered), example) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tags",
        completion() + " Done.",
        completion() + completion(),
        "<answer>[]</answer>" + completion(),
        completion().replace("</think>", ""),
        completion().replace("<think>", "<THINK>"),
        completion().replace("<answer>", "<think>"),
    ],
)
def test_anything_but_one_block_of_each_fails_the_tags(text: str) -> None:
    assert "tags" in gates(text)


@pytest.mark.parametrize(
    "think",
    [
        SECTIONS.replace("[4] Summary", "[5] Summary"),
        SECTIONS.replace("[3] Outcome", "3. Outcome"),
        SECTIONS.replace("[2] Drugs", "[2]"),
        SECTIONS.replace("- The", "The", 1),
        SECTIONS + "\nSo that is it.",
        SECTIONS + "\n[5] More\n- more",
        "Thinking.\n" + SECTIONS,
        SECTIONS.replace(f"[1] Setting\n{BULLET}\n{BULLET}", "[1] Setting"),
        f"[2] Drugs\n{BULLET}\n" + SECTIONS,
        SECTIONS + f"\n{BULLET}" * 9,
    ],
)
def test_sections_must_be_four_headed_lists_in_order(think: str) -> None:
    assert "sections" in gates(completion(think))


def test_doses_are_no_sections() -> None:
    think = " ".join(["1.5 mg 2.5 mg 3.5 mg 4.5 mg"] * 12)
    assert "sections" in gates(completion(think))


@pytest.mark.parametrize("bullet", ["- Short.", "- " + "word " * 60])
def test_length_is_bounded_on_both_sides(bullet: str) -> None:
    assert gates(completion(SECTIONS.replace(BULLET, bullet))) == {"length"}


@pytest.mark.parametrize(
    "items",
    [
        (),
        (Combination("NEG", AB.drugs),),
        (Combination("POS", ("aspirin", "zincol", "auranofin")),),
        (AB, Combination("POS", ("zincol", "auranofin"))),
    ],
)
def test_another_answer_fails(items: tuple[Combination, ...]) -> None:
    assert gates(completion(items=items)) == {"answer"}


def test_an_answer_that_names_a_combination_twice_fails() -> None:
    assert gates(completion(items=(AB, AB))) == {"answer"}


def test_a_drug_that_the_sentence_does_not_hold_fails() -> None:
    assert gates(completion(items=(Combination("POS", ("aspirin", "warfarin")),))) == {"answer", "drugs"}


def test_a_drug_that_is_annotated_in_the_sentence_passes_though_spelled_otherwise() -> None:
    item = Combination("POS", ("aspirin", "zinc-ol"))
    example = Example("1", SENTENCE, "", ("aspirin", "zinc-ol"), (item,), "drugcomb")
    assert check(completion(items=(item,)), example) == ()


@pytest.mark.parametrize("leak", LEAKS)
def test_every_leak_word_is_found(leak: str) -> None:
    assert gates(completion(SECTIONS.replace("this trial", leak.upper()))) == {"leak"}


def test_gold_is_no_leak_where_it_is_a_drug() -> None:
    think = SECTIONS.replace("both drugs", "gold")
    golden = Example("1", SENTENCE, "Gold salts were studied.", EXAMPLE.drugs, (AB,), "drugcomb")
    assert gates(completion(think)) == {"leak"}
    assert gates(completion(think), golden) == set()


def test_a_leak_word_inside_another_word_is_none() -> None:
    assert gates(completion(SECTIONS.replace("this trial", "marigold"))) == set()


@given(st.text(max_size=300) | st.text(alphabet="<>/thinkaswer[]-1234 \n", max_size=300))
def test_no_text_raises_and_none_by_chance_passes(text: str) -> None:
    assert check(text, EXAMPLE)


def test_a_leak_is_found_without_tags_too() -> None:
    assert gates("The ground truth says so.") == {"tags", "answer", "leak"}
