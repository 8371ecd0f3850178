"""The strict profile: each fault of the published rewards is mended, by its number, and the bounds hold."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.combinations.answers import Combination, render_completion
from apothecary.tasks.combinations.labels import DDI, DRUGCOMB, LabelSet
from apothecary.tasks.combinations.reward import parts, total
from apothecary.tasks.combinations.reward_strict import thinking_worth

THINK = "\n".join(f"[{n}] Head of it\n- some words on the drugs" for n in (1, 2, 3, 4))
DRUGS = ("aspirin", "warfarin", "heparin", "digoxin", "lithium")
AB = Combination("POS", ("aspirin", "warfarin"))
AC = Combination("POS", ("aspirin", "heparin"))

Items = tuple[Combination, ...]


def completion(*items: Combination, think: str | None = THINK, labels: LabelSet = DRUGCOMB) -> str:
    return render_completion(think, items, labels)


def tagged(answer: str) -> str:
    return f"<think>\n{THINK}\n</think>\n\n<answer>\n{answer}\n</answer>"


def worth(text: str, *gold: Combination, sentence: str | None = None, labels: LabelSet = DRUGCOMB) -> float:
    solution = completion(*gold, think="", labels=labels)
    return total(parts(text, solution, labels.name, sentence=sentence))


@st.composite
def answers(draw: st.DrawFn, labels: LabelSet) -> Items:
    drugs = st.sets(st.sampled_from(DRUGS), min_size=2, max_size=4)
    pairs = st.tuples(st.sampled_from(sorted(labels.types)), drugs.map(sorted).map(tuple))
    return tuple(Combination(type_, names) for type_, names in draw(st.lists(pairs, max_size=4, unique=True)))


LABELS = st.sampled_from([DRUGCOMB, DDI])
GARBAGE = ("", "none of them", "[", '[{"type": "SYN", "drugs": ["aspirin", "warfarin"]}]', "[[1]]", "{}")


@given(st.data(), LABELS)
def test_parts_stay_in_bounds_and_the_oracle_gets_one(data: st.DataObject, labels: LabelSet) -> None:
    gold, said = data.draw(answers(labels)), data.draw(answers(labels))
    solution = completion(*gold, think="", labels=labels)
    found = parts(completion(*said, labels=labels), solution, labels.name, sentence=" ".join(DRUGS[:3]))
    assert found["format"] == found["think"] == 1.0
    assert -1.0 <= found["coverage"] <= 1.0
    assert 0.0 <= found["accuracy"] <= 1.0
    assert worth(completion(*gold, labels=labels), *gold, labels=labels) == pytest.approx(1.0)
    assert worth(completion(*said, labels=labels), *gold, labels=labels) <= 1.0 + 1e-12


@given(st.data(), LABELS, st.randoms(use_true_random=False))
def test_the_order_of_items_and_drugs_means_nothing(
    data: st.DataObject, labels: LabelSet, rng: random.Random
) -> None:
    gold, said = data.draw(answers(labels)), data.draw(answers(labels))
    shuffled = [Combination(x.type, tuple(rng.sample(x.drugs, len(x.drugs)))) for x in said]
    rng.shuffle(shuffled)
    before = worth(completion(*said, labels=labels), *gold, labels=labels)
    assert worth(completion(*shuffled, labels=labels), *gold, labels=labels) == pytest.approx(before)


@given(st.integers(2, 5), st.sampled_from(sorted(DRUGCOMB.types)))
def test_more_overlap_is_worth_more(size: int, type_: str) -> None:
    gold = Combination(type_, DRUGS[:size])
    worths = [worth(completion(Combination(type_, DRUGS[:n])), gold) for n in range(2, size + 1)]
    assert worths == sorted(set(worths))
    more = [
        worth(completion(Combination(type_, DRUGS[:n])), Combination(type_, DRUGS[:2])) for n in range(2, 6)
    ]
    assert more == sorted(set(more), reverse=True)


@given(st.data(), LABELS, st.sampled_from(GARBAGE), st.booleans())
def test_1_garbage_is_worth_less_than_any_honest_answer(
    data: st.DataObject, labels: LabelSet, garbage: str, thinks: bool
) -> None:
    gold, said = data.draw(answers(labels)), data.draw(answers(labels))
    honest = completion(*said, think=THINK if thinks else "", labels=labels)
    low = worth(tagged(garbage), *gold, labels=labels)
    assert worth(honest, *gold, labels=labels, sentence="none of these") > low
    assert low == worth(garbage, *gold, labels=labels) == pytest.approx(-0.1)


@pytest.mark.parametrize("row", ['{"type": "POS", "drugs": []}', "7", '{"type": "x", "drugs": ["a", "b"]}'])
def test_2_a_faulty_item_counts_as_wrong(row: str) -> None:
    with_it = tagged(f'[{{"type": "POS", "drugs": ["aspirin", "warfarin"]}}, {row}]')
    assert worth(with_it, AB) < worth(completion(AB), AB)
    assert worth(tagged(f"[{row}]"), AB) < worth(completion(), AB)


def test_3_duplicates_cost_whatever_their_case() -> None:
    twice = [
        worth(completion(AB, Combination("POS", names)), AB) for names in (AB.drugs, ("Warfarin", "ASPIRIN"))
    ]
    assert twice[0] == twice[1] < worth(completion(AB), AB)


def test_3_one_pair_with_two_types_is_no_duplicate() -> None:
    both = [Combination(type_, AB.drugs) for type_ in ("effect", "advise")]
    assert worth(completion(*both, labels=DDI), *both, labels=DDI) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        (THINK, 1.0),
        ("", 0.0),
        ("It got 1.5 mg, then 2.5 mg, then 3.5 mg and 4.5 mg of it " * 3, 0.0),
        (THINK.replace("[", "").replace("]", "."), 0.0),
        (THINK.replace("- ", ""), 0.0),
        (THINK.replace("[2]", "[3]"), 0.0),
        (THINK.replace("Head of it", ""), 0.0),
        (THINK.replace("[4] Head of it\n- some words on the drugs", "[4] Head of it and more"), 0.75),
        (THINK + "\n[5] One more\n- bullet", 0.75),
        (THINK + "\nIn short, yes.", 0.75),
        ("\n".join(f"[{n}] a\n- x" for n in (1, 2, 3, 4)), 0.5),
        (THINK + "\n- word" * 4 + " word" * 300, 0.5),
        (THINK + "\n- word" * 9, 0.75),
    ],
)
def test_4_thinking_needs_its_four_sections(think: str, expected: float) -> None:
    assert thinking_worth(think) == expected


def test_5_order_and_text_outside_the_blocks_cost() -> None:
    clean, answer = completion(AB), completion(AB, think=None)
    block = clean.removesuffix(answer).strip()
    for text in (
        answer + block,
        clean + " Done.",
        f"So: {clean}",
        f"{block} so {answer}",
        clean + answer,
        answer,
    ):
        assert worth(text, AB) < worth(clean, AB)


@pytest.mark.parametrize("solution", ["", '[{"type": "POS", "drugs": ["a", "b"]}]', "<answer>x</answer>"])
def test_6_a_solution_that_is_no_answer_is_an_error(solution: str) -> None:
    with pytest.raises(UsageError, match="solution"):
        parts(completion(AB), solution)


def test_6_sets_that_a_corpus_lists_twice_are_no_error() -> None:
    twice = '<answer>[{"type":"POS","ent_set":["a","b"]},{"type":"POS","ent_set":["B","A"]}]</answer>'
    assert total(parts(completion(Combination("POS", ("a", "b"))), twice)) == pytest.approx(1.0)


def test_7_a_second_list_and_a_mixed_no_combination_cost() -> None:
    one = '{"type": "POS", "drugs": ["aspirin", "warfarin"]}'
    for answer in (f"[{one}] [{one}]", f'[{one}, {{"type": "NO_COMB", "drugs": []}}]'):
        assert 0.5 < worth(tagged(answer), AB) < 1.0


def test_8_numbers_among_names_cost_coverage_and_accuracy() -> None:
    found = parts(tagged('[{"type": "POS", "drugs": ["aspirin", "warfarin", 1]}]'), completion(AB))
    assert (found["coverage"], found["accuracy"]) == (-1.0, 0.0)


def test_9_prose_is_no_answer_and_an_empty_list_is_one() -> None:
    assert worth("sorry, no relation") == pytest.approx(-0.1)
    assert worth(tagged("[]")) == pytest.approx(1.0)
    assert parts("[]", completion())["format"] == 0.5


def test_10_drugs_that_the_sentence_does_not_hold_cost() -> None:
    sentence = "Aspirin and warfarin , not heparinoids ."
    assert worth(completion(AB), AB, sentence=sentence) == pytest.approx(1.0)
    assert worth(completion(AC), AB, sentence=sentence) < worth(completion(AC), AB)
    assert worth(completion(AB), AB, sentence="Nothing .") == pytest.approx(1.0)
    assert worth(completion(AC), sentence=sentence) < worth(completion(AC))
