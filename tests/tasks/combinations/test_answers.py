"""Whatever a model writes is read with its faults named, in linear time; what we write is read back."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.combinations.answers import (
    Combination,
    Completion,
    normal_name,
    read_completion,
    render_answer,
    render_completion,
)
from apothecary.tasks.combinations.labels import DDI, DRUGCOMB, LabelSet

AB = Combination("POS", ("a", "b"))
LIST = '[{"type": "POS", "drugs": ["a", "b"]}]'
NONE = '[{"type": "NO_COMB", "drugs": []}]'

NAMES = st.text(min_size=1, max_size=6).map(lambda text: " ".join(text.split())).filter(bool)
LABELS = st.sampled_from([DRUGCOMB, DDI])


@st.composite
def combinations(draw: st.DrawFn, labels: LabelSet) -> tuple[Combination, ...]:
    drugs = st.lists(NAMES, min_size=2, max_size=4, unique_by=normal_name).map(tuple)
    one = st.builds(Combination, st.sampled_from(sorted(labels.types)), drugs)
    key = draw(st.lists(one, max_size=4))
    kept = {(each.type, frozenset(map(normal_name, each.drugs))): each for each in key}
    return tuple(kept.values())


def read(text: str, labels: LabelSet = DRUGCOMB) -> Completion:
    return read_completion(text, labels)


@given(st.data(), LABELS, st.none() | st.text().map(str.strip).filter(lambda t: "</think>" not in t.lower()))
def test_what_is_rendered_is_read_back_without_mending(
    data: st.DataObject, labels: LabelSet, think: str | None
) -> None:
    items = data.draw(combinations(labels))
    found = read(render_completion(think, items, labels), labels)
    assert (found.think, found.items) == (think, items)
    assert found.errors == found.repairs == ()
    assert read(render_answer(items, labels), labels).items == items


@given(st.text() | st.text(alphabet='[]{}",:\\ab01 <>/', max_size=60), LABELS)
@example('<think><answer>[{"type": 1e999, "drugs": {}}]</think>', DDI)
def test_any_text_is_read(text: str, labels: LabelSet) -> None:
    found = read(text, labels)
    for item in found.items:
        assert item.type in labels.types
        assert len(set(map(normal_name, item.drugs))) == len(item.drugs) >= 2
    json.dumps([item.drugs for item in found.items]).encode()


TOKENS = ("<think>", "</think>", "<answer>", "</answer>", LIST, NONE, "[1] x", "'", "prose", '"[', "}")


@given(st.lists(st.sampled_from(TOKENS), max_size=9).map(" ".join))
def test_any_order_of_tags_is_read(text: str) -> None:
    found = read(text)
    assert found.items in ((), (AB,))
    assert not (found.items and {"no_answer", "not_json"} & set(found.errors))


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        f"<think>t</think>\n<answer>{LIST}</answer>",
        f"```json\n{LIST}\n```",
        f"As [1] says: {LIST} done",
        LIST.replace("drugs", "ent_set"),
        LIST.replace('"', "'"),
        LIST[:-1],
        LIST[:-1] + ",]",
        LIST[:-1] + ', {"type": "NEG", "drugs": ["a", "c"',
        '[{"type": " pos ", "drugs": ["a ", "", " b", "A"]}]',
        f'{{"combinations": {LIST}}}',
        f"t</think>{LIST}</answer>",
        f"<think>t <answer>{LIST}",
        f"<THINK>t</THINK><Answer>{LIST}</Answer>",
    ],
)
def test_sound_items_are_found_in_any_dress(text: str) -> None:
    found = read(text)
    assert found.items == (AB,)
    assert found.errors == ()


@pytest.mark.parametrize("text", [NONE, "[]", "NO_COMB", "<answer>no_comb.</answer>", '[{"type":"no_comb"}]'])
def test_no_combination_is_no_fault(text: str) -> None:
    found = read(text)
    assert (found.items, found.errors) == ((), ())
    assert found.answer is not None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no_answer"),
        ("sorry, no relation", "no_answer"),
        ("<think>t</think>", "no_answer"),
        ("<answer> </answer>", "no_answer"),
        ("<answer>none of them</answer>", "not_json"),
        (LIST[:-2], "not_json"),
        ("[{'type': 'POS', 'drugs': [}]", "not_json"),
        (LIST[1:-1], "not_a_list"),
        ('["a"]', "item_not_object"),
        ('[{"type": "SYN", "drugs": ["a", "b"]}]', "unknown_type"),
        ('[{"type": null, "drugs": ["a", "b"]}]', "unknown_type"),
        ('[{"type": "POS", "drugs": ["a", 1]}]', "drugs_not_strings"),
        ('[{"type": "POS", "drugs": "a, b"}]', "drugs_not_strings"),
        ('[{"type": "POS", "drugs": ["\\ud800", "b"]}]', "drugs_not_strings"),
        ('[{"type": "POS"}]', "drugs_not_strings"),
        ('[{"type": "POS", "drugs": ["a", " A"]}]', "too_few_drugs"),
        ('[{"type": "NO_COMB", "drugs": ["a", "b"]}]', "none_with_drugs"),
        (NONE[:-1] + "," + LIST[1:], "none_with_drugs"),
        (f"<answer>{LIST}</answer><answer>{NONE}</answer>", "two_answers"),
        (f"{LIST}\n{LIST}", "two_answers"),
        (f"<answer>{LIST}</answer><think>t</think>", "answer_before_think"),
        (f"<think>t <answer>{LIST}</answer></think>", "answer_before_think"),
        (f"<answer>{LIST}</answer> and so on", "text_after_answer"),
        (LIST[:-1] + ', {"type": "pos", "drugs": ["B", "A"]}]', "duplicate"),
    ],
)
def test_each_fault_has_its_code(text: str, fault: str) -> None:
    assert read(text).errors == (fault,)


def test_a_faulty_item_costs_itself_alone() -> None:
    found = read('[{"type": "POS", "drugs": ["a"]}, 7, {"type": "POS", "drugs": ["a", "b"]}]')
    assert found.items == (AB,)
    assert found.errors == ("too_few_drugs", "item_not_object")


def test_one_pair_may_have_two_types() -> None:
    found = read('[{"type": "advice", "drugs": ["a", "b"]}, {"type": "int", "drugs": ["b", "a"]}]', DDI)
    assert [item.type for item in found.items] == ["advise", "int"]
    assert found.errors == ()


def test_thinking_may_speak_of_tags_and_lists() -> None:
    found = read(f"<think>[1] an <answer> such as [] or {NONE}</think><answer>{LIST}</answer>")
    assert found.items == (AB,)
    assert found.errors == found.repairs == ()


def test_names_cannot_end_the_answer() -> None:
    items = (Combination("POS", ("</answer>", "<think>")),)
    assert read(render_completion("t", items, DRUGCOMB)).items == items


def test_thinking_that_closes_itself_is_refused() -> None:
    with pytest.raises(UsageError):
        render_completion("so </think> it is", (AB,), DRUGCOMB)


HOSTILE = (
    "[", "[{", '[{"":', '[{"a":1},', "[{'a':", "[ ", "[],", '"[{', '[{"x', "[1 ", "{", '{"type":', "\\",
    '{"type":"POS","drugs":["a","b"]},', "<think>", "<answer>", "</think><answer>", "<think></think>",
    "</answer>",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_hostile_reply_is_read_before_long(piece: str) -> None:
    """In time that grows with the square of the text, forty thousand pieces would take minutes."""
    found = read("[" + piece * 40_000)
    assert found.errors or found.items or found.repairs
