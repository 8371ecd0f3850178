"""Whatever a model writes is read, in linear time; what we write is read back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apothecary.tasks.conditions.answers import (
    LIMIT,
    Condition,
    ParsedOutput,
    read_items,
    read_output,
    read_reference,
    reference_item,
    render_output,
)
from apothecary.tasks.conditions.labels import TYPES, canonical

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[4] / "shared" / "data"))
VECTORS = DATA.parent / "vectors" / "condition_metric.json"

GENE = Condition("z", "Gene")
CHILDREN = Condition("children", "Age")
CROHN = Condition("patients with Crohn's disease", "Comorbidity")
LIST = "['Span: children | Label: Age']"

stripped = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)
types = st.sampled_from(sorted(TYPES)) | stripped.filter(lambda t: "|" not in t and not canonical(t))
conditions = st.builds(Condition, stripped | st.sampled_from(["< 18 years", "a|b", "</s>", "Span: x"]), types)
PIECES = [
    "Span:",
    " | Label: Age",
    "[",
    "]",
    "'",
    '"',
    ",",
    "\n",
    "```",
    "\\",
    "{",
    "Answer:",
    "</s>",
    "x",
    " ",
]
pieces = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def said(text: str) -> tuple[str, int, tuple[Condition, ...]]:
    found = read_output(text)
    return found.status, found.dropped, found.items


@given(st.lists(conditions, max_size=4).map(tuple))
def test_what_is_rendered_is_read_back(items: tuple[Condition, ...]) -> None:
    assert read_output(render_output(items)) == ParsedOutput(items, "ok" if items else "empty")


@given(pieces | st.text())
@example('["Span: \\ud800 | Label: Age"]')
@example("\ud800 Span: \ud800 | Label: Age")
def test_any_text_is_read_and_what_was_read_can_be_written(text: str) -> None:
    found = read_output(text)
    assert bool(found.items) == (found.status == "ok" or (found.status == "salvaged" and bool(found.items)))
    assert all(each.span.strip() == each.span and each.type.strip() for each in found.items)
    render_output(found.items).encode()
    assert read_output(render_output(found.items)).items == found.items
    read_reference(text)


@given(pieces, st.integers(0, 200))
@settings(deadline=None)
def test_a_cut_answer_keeps_its_complete_items(tail: str, cut: int) -> None:
    whole = render_output([CHILDREN, CROHN, Condition('< 65 "old"', "Age")])
    found = read_output(whole[:cut]).items
    ends = [whole.find(f"{each.type}", whole.find(json.dumps(each.span)[1:-1])) for each in found]
    assert all(end + len(each.type) <= cut for end, each in zip(ends, found, strict=True))
    assert found == (CHILDREN, CROHN, Condition('< 65 "old"', "Age"))[: len(found)]
    assert len(found) >= whole[:cut].count('", "')
    assert read_output(whole + "\n" + tail).items[:3] == read_output(whole).items


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        '["Span: children | Label: Age"]',
        '["Span:children|Label:age"]',
        '["span : children | LABEL: AGE"]',
        '["children | Age"]',
        '["Span: children | Label: Age | sure"]',
        '[{"span": "children", "type": "age"}]',
        "[{'Span': ' children', 'Label': 'Age'}]",
        f"{LIST}<|endoftext|> and more",
        f"{LIST}</s>",
        f"{LIST}<end_of_turn>\n",
        f"{LIST}<\uff5cend\u2581of\u2581sentence\uff5c>",
        f"Answer: {LIST}",
        f"**Final answer:** {LIST}",
        f"### Applicable conditions:\n{LIST}",
        f"```json\n{LIST}\n```",
        f"```\n{LIST}",
        f"Answer:\n```python\n{LIST}```\n<|im_end|>",
        f"<think>\nPerhaps ['Span: men | Label: Gender']\n</think>\n{LIST}",
    ],
)
def test_a_list_is_read_in_its_usual_dress(text: str) -> None:
    assert said(text) == ("ok", 0, (CHILDREN,))


@pytest.mark.parametrize(
    "text", ["[]", " [ ]\n", "```json\n[]\n```", "Answer: []", "[]</s>", "<think>no</think>[]"]
)
def test_an_empty_list_says_that_there_are_none(text: str) -> None:
    assert said(text) == ("empty", 0, ())


@pytest.mark.parametrize(
    ("text", "dropped", "items"),
    [
        (f"{LIST} Note: done", 0, (CHILDREN,)),
        (f"There is one: {LIST}.", 0, (CHILDREN,)),
        (f"{LIST}\n\nTITLE: another\n['Span: men | Label: Gender']", 0, (CHILDREN,)),
        ("[] Note: nothing is said of the patients.", 0, ()),
        ("No conditions were found: []", 0, ()),
        ("[]\n\nTITLE: another\n['Span: men | Label: Gender']", 0, ()),
        ('{"conditions": []}', 0, ()),
        ('{"Span": "children", "Label": "Age"}', 0, (CHILDREN,)),
        ("['Span: x's y | Label: Gene', 'Span: z | Label: Gene']", 0, (Condition("x's y", "Gene"), GENE)),
        ("['Span: patients with Crohn\\'s disease | Label: Comorbidity', 'Span: 5 m", 1, (CROHN,)),
        ('["Span: children | Label: Age", "Span: men | Label: Ge', 1, (CHILDREN,)),
        ('["Span: \\u003c 65 \\"old\\" | Label: Age", "Sp', 0, (Condition('< 65 "old"', "Age"),)),
        ('Sure:\n```json\n[{"span": "children", "type": "Age"}, {"span": "m', 1, (CHILDREN,)),
        ("['Span: cut o, 'Span: z | Label: Gene'", 1, (GENE,)),
        (f"{LIST}\n```\n['Span: men | Label: Gender']\n```", 0, (CHILDREN,)),
        ("Span: children | Label: Age", 0, (CHILDREN,)),
        ("1. Span: children | Label: Age\n2. Span: men | Label: Sex\n3. Span: x", 2, (CHILDREN,)),
        ("Span: y | Label: Sex Span: children | Label: Age Span: z | Label: gene", 1, (CHILDREN, GENE)),
        ("[\u201cSpan: children | Label: Age\u201d, \u201cSpan: z | Label: Gene\u201d]", 0, (CHILDREN, GENE)),
    ],
)  # fmt: skip
def test_what_is_no_list_is_salvaged(text: str, dropped: int, items: tuple[Condition, ...]) -> None:
    assert said(text) == ("salvaged", dropped, items)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("", 0),
        ("There are no applicable conditions.", 0),
        ("none", 0),
        ("null", 0),
        ('{"conditions": 3}', 0),
        ("<think>['Span: children | Label: Age']", 0),
        ("['children']", 1),
        ('[1, null, ["Span: a | Label: Age"]]', 3),
        ("['Span:  | Label: Gene', '|']", 2),
        ("Span: children\n| Label: Age", 0),
        ('["Span: a \\ud800 | Label: Age"]', 1),
    ],
)
def test_what_says_nothing_usable_is_malformed_and_not_empty(text: str, dropped: int) -> None:
    assert said(text) == ("malformed", dropped, ())


def test_a_faulty_item_costs_itself_alone() -> None:
    assert said("['children', 'Span: children | Label: Age', 7]") == ("ok", 2, (CHILDREN,))


def test_unknown_labels_are_kept_as_written_and_repeated_items_are_kept() -> None:
    found = read_items(["Span: x | Label: Weight ", "Span: x | Label: Weight"])
    assert found.items == (Condition("x", "Weight"),) * 2


def test_a_span_may_hold_bars_and_prefixes() -> None:
    items = (Condition("5|10 mg", "Dosage"), Condition("Span: 3 | Label: x", "Gene"))
    assert read_output(render_output(items)).items == items


HOSTILE = {
    "brackets": "[" * LIMIT,
    "signs": "[" + "-" * LIMIT,
    "sums": "[" + "1+" * (LIMIT // 2 - 2) + "1]",
    "comparisons": "[1" + "<1" * (LIMIT // 2 - 2) + "]",
    "objects": '[{"a":' * (LIMIT // 6),
    "digits": "[" + "9" * (LIMIT - 2) + "]",
    "starts": "Span:" * (LIMIT // 5),
    "quoted starts": '["Span: ' * (LIMIT // 8),
    "labels": "| Label: Age" * (LIMIT // 12),
    "items": "Span: a | Label: Age " * (LIMIT // 21),
    "fences": "```" * (LIMIT // 3),
    "blanks": "Answer:" + " " * LIMIT,
    "bars": "|" + " " * 30_000 + "Label" + " " * 30_000,
    "escapes": '["Span: ' + '\\"' * (LIMIT // 2 - 20) + "| Label: Age",
    "thoughts": "<think>" * (LIMIT // 7),
    "long": LIST + " " * 5_000_000 + "x",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_in_time(text: str) -> None:
    start = time.process_time()
    read_output(text)
    read_reference(text)
    assert time.process_time() - start < 2


def test_no_more_than_the_limit_is_read() -> None:
    found = read_output(render_output([CHILDREN] * 5000))
    assert found.status == "salvaged"
    assert set(found.items) == {CHILDREN}
    assert len(found.items) < 5000 * LIMIT / len(render_output([CHILDREN] * 5000))
    assert read_reference(render_output([CHILDREN] * 5000)) == ()


def test_the_released_reader_reads_lists_as_a_whole_or_not_at_all() -> None:
    if not VECTORS.is_file():
        pytest.skip("condition vectors absent: set APOTHECARY_DATA to the folder beside their folder")
    for case in json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]:
        assert read_reference(case["raw_output"]) == tuple(map(reference_item, case["parsed"])), case["name"]


@pytest.mark.parametrize(
    ("item", "pair"),
    [
        ("children", (" ", " ")),
        ("Span: doses of 5|10 mg | Label: Dosage", ("doses of 5", "10 mg")),
        ("Span: Span: 3 cm | Label: Body Type", ("3 cm", "body type")),
        ("Span:children | Label:Age", ("Span:children", "label:age")),
        ("Span: | Label: Age", ("Span:", "age")),
    ],
)
def test_the_released_reader_splits_at_the_first_bar(item: str, pair: tuple[str, str]) -> None:
    assert reference_item(item) == pair


@pytest.mark.parametrize("text", ["[7]", "[None, {'a': 1}]", "['a'] b", "[1" + "0" * 5000 + "]", "('a|b',)"])
def test_the_released_reader_takes_any_list_literal_and_nothing_else(text: str) -> None:
    assert set(read_reference(text)) <= {(" ", " ")}
