"""Figures of instruction tasks: by hand where that is possible, in their bounds otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.correlation import pearson
from apothecary.tasks.instruct_answers import Answer, Fact, Facts, Gold, Labels, Names, Prose, Score, Sections
from apothecary.tasks.instruct_refusals import is_refusal
from apothecary.tasks.instruct_score import (
    RULES,
    Judged,
    default_rules,
    difference,
    measured,
    rule_of,
)


def judged(answer: Answer, said: Answer | None, *, kind: str = "mentions", **gold: object) -> Judged:
    task = kind.partition(".")[0]
    full = Gold(task, kind, ("A", "B"), answer, **gold)  # type: ignore[arg-type]
    return Judged(full, said, "en", "ASA and gout, gout again")


def value(rule: str, *items: Judged) -> float | None:
    return next(iter(measured(rule_of(rule), items, resamples=20).values())).value


def test_mentions_are_sets_of_names_and_spans_are_searched_for() -> None:
    names = Names((("A", "ASA"), ("B", "gout")))
    spans = ((0, 3, "A"), (8, 12, "B"), (14, 18, "B"))
    item = judged(names, Names((("B", "gout"), ("B", "again"))), spans=spans)
    assert value("mention_set", item) == pytest.approx(0.5)
    assert value("mention_span", item) == pytest.approx(2 * 2 / (3 + 3))


def test_spans_of_an_engine_are_taken_as_they_are() -> None:
    names = Names((("B", "gout"),))
    item = judged(names, names, spans=((8, 12, "B"),))
    assert value("mention_span", item) == pytest.approx(2 / 3)
    own = Judged(item.gold, item.answer, "en", item.text, ((8, 12, "B"),))
    assert value("mention_span", own) == 1.0


def test_relations_have_an_order_unless_they_are_symmetric() -> None:
    a, b = (Facts((Fact("A", (("", one), ("", two))),)) for one, two in (("x", "y"), ("y", "x")))
    assert value("fact", judged(a, b, kind="relations")) == 0.0
    assert value("fact", judged(a, b, kind="relations", symmetric=("A",))) == 1.0
    other = Facts((Fact("A", (("", "x"), ("", "why"))),))
    item = judged(a, other, kind="relations", same=(("y", "why"),))
    assert (value("fact", item), value("fact_any_name", item)) == (0.0, 1.0)


def test_events_are_judged_by_their_arguments_and_their_triggers() -> None:
    gold = Facts((Fact("A", (("trigger", "binds"), ("Theme", "x"), ("Site", "y"))),))
    said = Facts((Fact("A", (("trigger", "binds"), ("Theme", "x"))),))
    item = judged(gold, said, kind="events")
    assert value("trigger", item) == 1.0
    assert value("argument", item) == pytest.approx(2 / 3)


def test_macro_counts_labels_alike_and_micro_texts() -> None:
    items = [judged(Labels((gold,)), Labels(("A",)), kind="classification") for gold in "AAAB"]
    assert value("label", *items) == value("accuracy", *items) == pytest.approx(0.75)
    assert value("label_macro", *items) == pytest.approx((6 / 7 + 0) / 2)


def test_no_answer_is_wrong_and_finds_nothing() -> None:
    assert value("accuracy", judged(Labels(("A",)), None, kind="choice.yesno")) == 0.0
    assert value("label", judged(Labels(("A",)), None, kind="classification")) == 0.0
    assert value("rouge_l", judged(Prose("a text"), None, kind="generation.title")) == 0.0


def test_correlations_of_scores_follow_lines_and_ranks() -> None:
    pairs = [(1.0, 1.0), (2.0, 10.0), (3.0, 100.0), (4.0, 1000.0)]
    items = [judged(Score(a), Score(b), kind="text_pairs.score") for a, b in pairs]
    assert value("spearman", *items) == pytest.approx(1.0)
    assert value("pearson", *items) == pytest.approx(pearson([a for a, _ in pairs], [b for _, b in pairs]))
    constant = [judged(Score(a), Score(1.0), kind="text_pairs.score") for a, _ in pairs]
    assert value("pearson", *constant) is None


def test_texts_and_reports_are_compared_with_every_reference() -> None:
    item = judged(Prose("one thing"), Prose("another matter"), kind="generation.short")
    same = judged(
        Prose("one thing"), Prose("another matter"), kind="generation.short", references=("another matter",)
    )
    assert (value("rouge_l", item), value("rouge_l", same)) == (0.0, 1.0)
    report = Sections((("A", "fever"),))
    assert value("rouge_l", judged(report, report, kind="generation.sections")) == 1.0


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("AB")), min_size=1, max_size=12))
def test_figures_and_intervals_lie_within_bounds(pairs: list[tuple[str, str]]) -> None:
    items = [judged(Labels((a,)), Labels((b,)), kind="classification") for a, b in pairs]
    for name in ("label", "label_macro", "accuracy"):
        for figure in measured(rule_of(name), items, resamples=30).values():
            record = figure.record()
            assert record
            assert 0 <= record["low"] <= record["high"] <= 1
            assert 0 <= record["value"] <= 1


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("AB")), min_size=1, max_size=12))
def test_a_difference_to_oneself_is_none_and_turns_its_sign(pairs: list[tuple[str, str]]) -> None:
    a = [judged(Labels((x,)), Labels((y,)), kind="classification") for x, y in pairs]
    b = [judged(Labels((x,)), Labels(("A",)), kind="classification") for x, _ in pairs]
    rule = rule_of("label")
    assert difference(rule, a, a, resamples=20).record() == {"value": 0.0, "low": 0.0, "high": 0.0}
    there, back = (difference(rule, *pair, resamples=20).value for pair in ((a, b), (b, a)))
    assert there is not None
    assert back == pytest.approx(-there)


def test_every_shape_of_answer_has_a_rule_that_can_judge_it() -> None:
    fact = Facts((Fact("A", (("trigger", "x"), ("r", "y"))),))
    kinds: list[tuple[str, Answer]] = [
        ("mentions", Names((("A", "x"),))),
        ("relations", fact),
        ("events", fact),
        ("classification", Labels(("A",))),
        ("choice.choice", Labels(("A",))),
        ("text_pairs.score", Score(1.0)),
        ("generation.translation", Prose("x")),
        ("generation.sections", Sections((("A", "x"),))),
    ]
    for kind, answer in kinds:
        item = judged(answer, answer, kind=kind)
        for name in default_rules(item.gold):
            assert measured(RULES[name], [item], resamples=5)


def test_what_cannot_be_judged_is_an_error() -> None:
    item = judged(Prose("x"), None, kind="generation.title")
    with pytest.raises(DataError, match="cannot judge"):
        measured(rule_of("accuracy"), [item])
    with pytest.raises(DataError, match="no items"):
        measured(rule_of("accuracy"), [])
    with pytest.raises(UsageError, match="no metric 'f2'"):
        rule_of("f2")


@pytest.mark.parametrize("reply", ["I\u2019m sorry, I can't.", "As an AI model, I", "很抱歉", "作为一个AI"])
def test_refusals_begin_a_reply(reply: str) -> None:
    assert is_refusal(reply)
    assert not is_refusal(f"Drug: aspirin\n{reply}")
