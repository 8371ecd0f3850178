"""Which predicted spans answer which gold spans: as released, and by the largest matching."""

from __future__ import annotations

import doctest
import json
import os
from itertools import pairwise, permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.metrics import condition_match
from apothecary.metrics.condition_match import (
    VIEWS,
    Item,
    Rule,
    View,
    callback_score,
    counts_of,
    label_counts,
    match,
    match_greedy,
    reference_soft_match,
    sample_figures,
    soft_match,
)
from apothecary.metrics.counts import Counts, total

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS = DATA.parent / "vectors" / "condition_metric.json"
RULE = Rule()
THRESHOLDS = (0.3, 0.5, 0.6, 0.7, 0.9)

spans = st.text("ab ", min_size=1, max_size=6).map(str.strip).filter(bool)
items = st.lists(st.tuples(spans, st.sampled_from(["Age", "Gene"])), max_size=5)
views = st.sampled_from(VIEWS)
rules = st.builds(Rule, st.floats(0, 1), st.booleans(), st.booleans())


@pytest.fixture(scope="module")
def vectors() -> dict[str, list[dict[str, object]] | dict[str, list[float]]]:
    if not VECTORS.is_file():
        pytest.skip("condition vectors absent: set APOTHECARY_DATA to the folder beside their folder")
    found: dict[str, list[dict[str, object]] | dict[str, list[float]]] = json.loads(VECTORS.read_text())
    return found


def found(gold: list[Item], predicted: list[Item], view: View, rule: Rule = RULE) -> Counts:
    return counts_of(gold, predicted, match(gold, predicted, view, rule))


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(condition_match)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_released_soft_rule_equals_its_vectors(vectors: dict[str, list[dict[str, object]]]) -> None:
    for case in vectors["soft_match_primitive"]:
        assert reference_soft_match(str(case["gold"]), str(case["pred"])) is case["soft_match"], case


def test_the_released_matching_is_not_monotone_in_its_threshold(
    vectors: dict[str, dict[str, list[float]]],
) -> None:
    gold = [("weeks", "dosage"), ("tablets for six weeks", "dosage")]
    said = [("for six weeks", "dosage"), ("weeks", "dosage")]
    for threshold, expected in vectors["greedy_not_monotone_by_threshold"].items():
        matched = match_greedy(gold, said, "soft_pair", float(threshold))
        assert sample_figures(counts_of(gold, said, matched)) == tuple(expected)
    ours = [found(gold, said, "soft_pair", Rule(t)).f1 for t in THRESHOLDS]
    assert ours == [1, 1, 1, 1, 0.5]


@given(items, items, views, rules, st.integers())
def test_the_order_of_items_does_not_count(
    gold: list[Item], said: list[Item], view: View, rule: Rule, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a shuffle, not secrecy
    shuffled = random.sample(gold, len(gold)), random.sample(said, len(said))
    assert found(gold, said, view, rule) == found(*shuffled, view, rule)


@given(items, items, views, st.booleans())
def test_a_higher_threshold_never_finds_more(
    gold: list[Item], said: list[Item], view: View, whole: bool
) -> None:
    tps = [found(gold, said, view, Rule(t, whole_words=whole)).tp for t in THRESHOLDS]
    assert all(before >= after for before, after in pairwise(tps))


@given(st.lists(st.tuples(spans, st.just("Age")), max_size=4), items, views)
def test_no_other_assignment_has_more_matches(gold: list[Item], said: list[Item], view: View) -> None:
    def accepted(one: Item, other: Item) -> bool:
        alike = one[0] == other[0] if view.startswith("hard") else soft_match(one[0], other[0], RULE)
        return alike and (one[1] == other[1] or view.endswith("span"))

    padded: list[Item | None] = [*said, *[None] * len(gold)]
    best = max(
        sum(other is not None and accepted(one, other) for one, other in zip(gold, chosen, strict=True))
        for chosen in permutations(padded, len(gold))
    )
    assert found(gold, said, view).tp == best >= len(match_greedy(gold, said, view))


@given(items, items, rules)
def test_hard_is_within_soft_and_pairs_are_within_spans(
    gold: list[Item], said: list[Item], rule: Rule
) -> None:
    tp = {view: found(gold, said, view, rule).tp for view in VIEWS}
    assert tp["hard_pair"] <= min(tp["soft_pair"], tp["hard_span"])
    assert max(tp["soft_pair"], tp["hard_span"]) <= tp["soft_span"] <= min(len(gold), len(said))


@given(items, views, rules)
def test_an_oracle_is_right_everywhere(gold: list[Item], view: View, rule: Rule) -> None:
    assert sample_figures(found(gold, gold, view, rule)) == (1, 1, 1)


@given(items, items, views, rules)
def test_each_item_is_used_once_and_by_labels_nothing_is_lost(
    gold: list[Item], said: list[Item], view: View, rule: Rule
) -> None:
    matched = match(gold, said, view, rule)
    assert len({one for one, _ in matched}) == len({other for _, other in matched}) == len(matched)
    assert total(label_counts(gold, said, matched).values()) == counts_of(gold, said, matched)


@given(spans, spans, st.sampled_from(THRESHOLDS))
def test_short_strings_are_alike_as_released(one: str, other: str, threshold: float) -> None:
    assert soft_match(one, other, Rule(threshold)) == reference_soft_match(one, other, threshold)


def test_whole_words_begin_and_end_at_borders() -> None:
    whole = Rule(whole_words=True)
    assert soft_match("men (57%)", "men", whole)
    assert soft_match("20-30 mg", "30 mg", whole)
    assert soft_match("women, men", "men", Rule(0.4, whole_words=True))
    assert not soft_match("women", "men", whole)
    assert not soft_match("older than 60", "older than 6", whole)


def test_folding_makes_micro_signs_blanks_and_dashes_alike() -> None:
    gold = [("5 \u00b5g/kg", "Dosage"), ("2\u20133  tablets", "Dosage")]
    said = [("5 \u03bcg/kg", "Dosage"), ("2-3 tablets", "Dosage")]
    assert found(gold, said, "hard_pair").tp == 0
    assert found(gold, said, "hard_pair", Rule(fold=True)).tp == 2


def test_equal_strings_are_matched_first() -> None:
    gold = [("a dose", "Dosage"), ("dose", "Dosage")]
    said = [("dose", "Dosage"), ("a dose", "Dosage")]
    assert match(gold, said, "soft_pair", RULE) == [(0, 1), (1, 0)]
    assert match_greedy(gold, said, "soft_pair") == [(0, 0), (1, 1)]


def test_a_long_chain_of_displacements_is_walked_without_recursion() -> None:
    # Every gold span holds two predictions, the last one only the first of them: all others must move on.
    size = 1200
    said = [(f"<{n:05}>", "Gene") for n in range(size)]
    gold = [(one[0] + other[0], "Gene") for one, other in pairwise(said)]
    assert found([*gold, ("<00000>.", "Gene")], said, "soft_pair").tp == size


def test_the_callback_score_forgets_empty_samples_and_labels_that_gold_lacks() -> None:
    samples: list[tuple[list[Item], list[Item]]] = [
        ([], []),
        ([("men", "gender")], [("men", "gender"), ("x", "nonsense"), ("y", "gender")]),
        ([("30 mg", "dosage")], []),
        ([], [("z", "nonsense")]),
    ]
    score = callback_score(samples)
    assert score.overall == Counts(tp=1, fp=1, fn=1)
    assert score.by_label == {
        "dosage": Counts(fn=1),
        "gender": Counts(tp=1, fp=1),
        "nonsense": Counts(fp=2),
    }
    assert callback_score([([], [])]).overall.f1 == 0


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_share_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="threshold"):
        Rule(threshold)
