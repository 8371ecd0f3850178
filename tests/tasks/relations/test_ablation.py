"""The pruning loop on made-up measures, and the counts and answers it is fed with."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Relation
from apothecary.errors import UsageError
from apothecary.metrics.counts import Counts
from apothecary.tasks.ablation import (
    Measured,
    PruneOptions,
    Round,
    Variant,
    difference,
    most_variants,
    prune,
    removable,
    scenario_names,
)
from apothecary.tasks.relations.ablation import ABLATION, answers, count, held
from apothecary.tasks.schema import Label, Scenario, Schema, Template

LABELS = (Label("Chemical", "c"), Label("Disease", "d"))
QUICK = PruneOptions(resamples=20)


def template(name: str, positives: str, negatives: str) -> Template:
    scenarios = [Scenario(each, "positive", 4, each, each, ("CID",)) for each in positives]
    scenarios += [Scenario(each, "negative", 9, each, each) for each in negatives]
    return Template(name, "Chemical", "Disease", "?", tuple(scenarios))


def schema(*templates: Template) -> Schema:
    return Schema("toy", "Toy", LABELS, templates or (template("t", "abc", "xy"),))


def walk(
    one: Schema, measure: Callable[[Variant], Measured], options: PruneOptions = QUICK
) -> tuple[tuple[Round, ...], list[Variant]]:
    """Run the loop to its end; the rounds, and every variant that was asked for."""
    loop = prune(one, options)
    asked: list[Variant] = []
    try:
        wanted = next(loop)
        while True:
            asked += wanted.variants
            wanted = loop.send([measure(variant) for variant in wanted.variants])
    except StopIteration as stopped:
        rounds: tuple[Round, ...] = stopped.value
        return rounds, asked


def gains(**points: int) -> Callable[[Variant], Measured]:
    """A measure in which leaving a scenario out adds right answers (negative: takes some away)."""

    def measure(variant: Variant) -> Measured:
        right = 50 + sum(points.get(name.partition("/")[2], 0) for name in variant)
        idle = all(name.partition("/")[2] not in points for name in variant)
        return Measured((Counts(right, 0, 100 - right), Counts()), ("full" if idle else str(variant), ""))

    return measure


def removed(rounds: Sequence[Round]) -> list[str]:
    return [each.removed for each in rounds if each.removed]


def test_the_most_harmful_goes_first_and_the_useful_stay() -> None:
    rounds, _ = walk(schema(), gains(a=5, b=20, c=-5, x=-1, y=-1))
    assert removed(rounds) == ["t/b", "t/a"]
    assert [each.base.tp for each in rounds] == [50, 70, 75]
    assert rounds[-1].removed is None
    assert rounds[-1].after == ("t/a", "t/b")


def test_the_sign_is_with_less_without() -> None:
    rounds, _ = walk(schema(), gains(a=-10, b=10))
    first = {each.scenario: each.delta.recall.value for each in rounds[0].effects}
    assert (first["t/a"], first["t/b"]) == pytest.approx((0.1, -0.1))


def test_of_equals_the_first_in_the_schema_goes() -> None:
    rounds, _ = walk(schema(), gains(a=-1, b=7, c=7, x=7, y=7))
    assert removed(rounds) == ["t/b", "t/c", "t/x"]


def test_the_margin_moves_the_border() -> None:
    measure = gains(a=-10, b=-1, c=-10, x=-10, y=-10)
    assert removed(walk(schema(), measure)[0]) == []
    assert removed(walk(schema(), measure, replace(QUICK, margin=0.02))[0]) == ["t/b"]
    assert removed(walk(schema(), gains(a=1), replace(QUICK, margin=-0.5))[0]) == []


def test_a_scenario_without_effect_goes_and_an_idle_one_only_when_asked() -> None:
    same = gains(a=0, b=-1, c=-1, x=-1, y=-1)
    assert removed(walk(schema(), same)[0]) == ["t/a"]
    idle = gains(b=-1, c=-1, x=-1, y=-1)
    rounds, _ = walk(schema(), idle)
    assert removed(rounds) == []
    assert [each.scenario for each in rounds[0].effects if each.idle] == ["t/a"]
    assert removed(walk(schema(), idle, replace(QUICK, drop_idle=True))[0]) == ["t/a"]
    assert removed(walk(schema(), idle, replace(QUICK, drop_idle=True, margin=-0.5))[0]) == ["t/a"]


def test_rounds_bound_the_loop() -> None:
    rounds, asked = walk(schema(), gains(a=1, b=2, c=-1, x=-1, y=-1), replace(QUICK, rounds=1))
    assert removed(rounds) == ["t/b"]
    assert len(rounds) == 1
    assert len(asked) == 6


def test_only_the_named_templates_lose_scenarios() -> None:
    two = schema(template("s", "ab", "x"), template("t", "ab", "xy"))
    rounds, _ = walk(two, gains(a=5, b=5, x=5, y=5), replace(QUICK, templates=("s",)))
    assert removed(rounds) == ["s/a"]
    assert removable(two, ()) == ("s/a", "s/b", "t/a", "t/b", "t/x", "t/y")


def test_a_schema_that_can_spare_nothing_is_measured_once() -> None:
    rounds, asked = walk(schema(template("t", "a", "x")), gains())
    assert [each.effects for each in rounds] == [()]
    assert asked == [()]


def test_every_relation_type_keeps_a_scenario_that_asserts_it() -> None:
    one = template("t", "abc", "xy")
    typed = tuple(
        replace(each, relations=("up", "down") if each.id == "a" else each.relations and ("up",))
        for each in one.scenarios
    )
    assert removable(schema(replace(one, scenarios=typed)), ()) == ("t/b", "t/c", "t/x", "t/y")
    rounds, _ = walk(schema(replace(one, scenarios=typed)), gains(a=9, b=9, c=9, x=-1, y=-1))
    assert removed(rounds) == ["t/b", "t/c"]


@pytest.mark.parametrize(
    ("one", "options", "said"),
    [
        (Schema("toy", "Toy", LABELS), QUICK, "has no templates"),
        (schema(), replace(QUICK, templates=("u",)), "has no template 'u'"),
    ],
)
def test_what_cannot_be_pruned_is_told_at_once(one: Schema, options: PruneOptions, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        next(prune(one, options))


POINTS = st.dictionaries(st.sampled_from("abcdxyz"), st.integers(-3, 3))


@settings(deadline=None, max_examples=40)
@given(POINTS, st.booleans(), st.integers(1, 9))
def test_no_variant_is_asked_twice_and_every_template_stays_whole(
    points: dict[str, int], drop_idle: bool, most: int
) -> None:
    two = schema(template("s", "abc", "xy"), template("t", "ad", "xyz"))
    options = PruneOptions(rounds=most, drop_idle=drop_idle, resamples=1)
    rounds, asked = walk(two, gains(**points), options)
    assert len(set(asked)) == len(asked) <= most_variants(two, options)
    assert all(len(set(variant)) == len(variant) for variant in asked)
    names = scenario_names(two)
    assert all(list(variant) == sorted(variant, key=names.index) for variant in asked)
    assert len(set(removed(rounds))) == len(removed(rounds))
    two.without(rounds[-1].after)  # Raises where a template would lose a polarity.


def test_the_difference_is_that_computed_by_hand() -> None:
    """Two documents. With: 3 right, 1 wrong, 0 missed; without: 1 right, 0 wrong, 2 missed."""
    base = Measured((Counts(2, 0, 0), Counts(1, 1, 0)), ("", ""))
    other = Measured((Counts(0, 0, 2), Counts(1, 0, 0)), ("", ""))
    found = difference(base, other, PruneOptions(resamples=400, seed=1))
    assert found.precision.value == pytest.approx(3 / 4 - 1)
    assert found.recall.value == pytest.approx(1 - 1 / 3)
    assert found.f1.value == pytest.approx(6 / 7 - 2 / 4)
    # A resample draws the first document twice (F1 1 less 0), the second twice (2/3 less 1), or both.
    assert (found.f1.low, found.f1.high) == pytest.approx((2 / 3 - 1, 1.0))
    assert (found.recall.low, found.recall.high) == pytest.approx((0.0, 1.0))


def test_intervals_are_seeded_and_paired() -> None:
    base = Measured(tuple(Counts(n % 3, n % 2, n % 5) for n in range(30)), ("",) * 30)
    other = Measured(tuple(Counts(n % 4, n % 3, n % 2) for n in range(30)), ("",) * 30)
    one, again = (difference(base, other, PruneOptions(resamples=50, seed=3)) for _ in range(2))
    assert one == again
    assert one != difference(base, other, PruneOptions(resamples=50, seed=4))
    same = difference(base, base, QUICK)
    assert (same.f1.low, same.f1.high) == (0.0, 0.0)


def gold(relations: int) -> Document:
    concepts = (Concept("C1", "Chemical", (), (), ("C1",)), Concept("D1", "Disease", (), (), ("D1",)))
    pair = (Argument("head", "C1"), Argument("tail", "D1"))
    return Document("1", "Text.", concepts=concepts, relations=(Relation("r", "CID", pair),) * relations)


def test_counts_are_those_of_the_score_over_all_types() -> None:
    head, tail = {"ids": ["C1"]}, {"ids": ["D1"]}
    record = {"relations": [{"type": kind, "head": head, "tail": tail} for kind in ("CID", "other")]}
    assert count(gold(1), record, "concept") == Counts(1, 1, 0)
    assert count(gold(1), None, "concept") == Counts(0, 0, 1)
    assert all(count(gold(0), {"relations": []}, each) == Counts() for each in ABLATION.evaluators)


def test_answers_differ_by_code_or_outcome_but_not_by_odds() -> None:
    row = {"head": "c", "tail": "d", "template": "t", "relation": "CID", "answer": "1", "relations": ["CID"]}
    base = answers({"candidates": [row | {"log_odds": 1.5}]})
    assert answers({"candidates": [row | {"log_odds": 0.5}]}) == base
    assert answers({"candidates": [row | {"answer": "2"}]}) != base
    assert answers({"candidates": [row | {"relations": []}]}) != base
    assert answers({"candidates": []}) not in (base, answers(None))


def test_held_thresholds_are_those_of_the_job() -> None:
    fitted = {"origin": "shipped", "pairs": {"CID": 1.5}, "names": {"=": None}}
    assert held({"thresholds": fitted}) == {"thresholds": '{"pairs": {"CID": 1.5}, "names": {"=": null}}\n'}
