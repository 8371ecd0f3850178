"""Gold lists with errors: drawn as the scorer errs, from a seed, and lessons that lead back to gold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.tasks.list_asking import FirstList, Teaching
from apothecary.tasks.medication.asking import ASKING
from apothecary.tasks.medication.corrupted import Errors, corrupted
from apothecary.tasks.medication.line_rewards import line_steps
from apothecary.tasks.medication.potential import Potential, Weighted, jaccard
from apothecary.tasks.recommending import Case
from apothecary.visits import Drug, Visit

NAMES = ("a", "b", "c", "d", "e", "f")
sets = st.lists(st.tuples(*[st.frozensets(st.integers(0, 5))] * 2), min_size=1, max_size=12)


def teaching(draws: int = 30, **more: str) -> Teaching:
    pairs = [("ab", "abcdef"), ("abcdef", "a"), ("cd", "cd"), ("f", "")]
    first = [
        FirstList(Case(Visit(f"v{place}", f"p{place}", drugs=tuple(map(Drug, gold)))), tuple(listed))
        for place, (gold, listed) in enumerate(pairs)
    ]
    return Teaching(first, NAMES, draws, **more)  # type: ignore[arg-type]


@given(sets, st.integers(0, 9))
def test_lists_differ_from_gold_by_what_was_dropped_and_added(
    pairs: list[tuple[frozenset[int], frozenset[int]]], seed: int
) -> None:
    gold, listed = zip(*pairs, strict=True)
    for each in corrupted(Errors(gold, listed, 6), 5, seed=seed):
        own = gold[each.visit]
        assert set(each.dropped) <= own
        assert not set(each.added) & own
        assert set(each.listed) == (own - set(each.dropped)) | set(each.added)


def test_the_same_seed_draws_the_same_lists() -> None:
    errors = Errors([frozenset({0, 1})] * 3, [frozenset({1, 2})] * 3, 6)
    assert list(corrupted(errors, 20, seed=4)) == list(corrupted(errors, 20, seed=4))
    assert list(corrupted(errors, 20, seed=4)) != list(corrupted(errors, 20, seed=5))


def test_errors_are_as_many_as_the_scorer_makes_and_of_the_drugs_it_errs_on() -> None:
    errors = Errors([frozenset({0, 1})] * 200, [frozenset({1, 5})] * 200, 6)
    found = list(corrupted(errors, 300))
    assert all(len(each.dropped) == len(each.added) == 1 for each in found)
    assert sum(each.dropped == (0,) for each in found) > 290
    assert sum(each.added == (5,) for each in found) > 280


def test_without_a_visit_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataError):
        Errors([], [], 3)


@pytest.mark.parametrize("passes", ["loop", "two"])
def test_the_lessons_of_a_list_lead_to_its_gold_list(passes: str) -> None:
    lessons, figures = ASKING.lists(teaching(passes=passes))
    found = list(lessons)
    assert figures["visits"] == 4
    lists: dict[str, set[str]] = {}
    gold: dict[str, set[str]] = {}
    for each in found:
        name = each.id.rpartition(".")[0]
        listed = lists.setdefault(name, set(each.start))
        assert passes == "two" or listed == set(each.start)
        steps = line_steps(each.answer, each.start, each.gold, NAMES, each.mode, _overlap)
        assert steps.refused == 0
        for line in each.answer.splitlines():
            kind, _, drug = line.partition(" ") if passes == "loop" else (each.mode, "", line)
            listed ^= {drug} if drug in NAMES and kind != "stop" else set()
        gold[name] = set(each.gold)
    assert lists == gold


def test_a_lesson_in_turns_ends_with_a_stop() -> None:
    lessons = list(ASKING.lists(teaching())[0])
    last = {each.id.rpartition(".")[0]: each for each in lessons}
    assert all(each.answer.endswith("stop") for each in last.values())
    assert any(each.later for each in lessons)
    assert all(len(each.answer.splitlines()) <= 5 for each in lessons)


def test_questions_are_answered_by_gold() -> None:
    for request, answer in ASKING.questions(teaching(50)):
        assert answer in ("Yes", "No")
        assert request.messages[-1].content.rpartition("Drug: ")[2] in NAMES


def _overlap(gold: object) -> Potential:
    return Potential((Weighted("jaccard", 1.0, jaccard(gold)),))  # type: ignore[arg-type]
