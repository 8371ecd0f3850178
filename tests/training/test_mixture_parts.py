"""Parts of a mixture: quotas, the table on disk, the order, and what texts are compared by."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.examples import Turn
from apothecary.formats.instruction_rows import Instruction, read
from apothecary.training.mixture_quotas import Floor, quotas
from apothecary.training.mixture_rows import DUPLICATE, LIVE, REPEATED, Rows, RowWriter
from apothecary.training.mixture_shuffle import Shuffled
from apothecary.training.mixture_texts import GRAM, gram_hashes, normalised

GROUPS = st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 60)), min_size=1, max_size=8)


def table(path: Path, given: list[tuple[int, int, int, int]]) -> Rows:
    """Rows of (group, instructions, rank, text), in parts of three."""
    writer = RowWriter(path)
    for line, (group, take, rank, text) in enumerate(given, 1):
        writer.add(0, line, group, 0, LIVE, take, -1, rank, text)
    writer.close()
    return Rows(path, slice_rows=4, chunk_rows=3)


def column(rows: Rows, name: str) -> list[int]:
    return [int(each) for _, chunk in rows.chunks() for each in chunk[name]]


@given(GROUPS, st.integers(0, 500))
def test_quotas_sum_to_the_total_as_far_as_there_is(groups: list[tuple[float, int]], total: int) -> None:
    weights, capacities = [list(each) for each in zip(*groups, strict=True)]
    found = quotas(total, weights, [int(each) for each in capacities])
    assert sum(found) == min(total, sum(capacities))
    assert all(0 <= share <= most for share, most in zip(found, capacities, strict=True))


@given(GROUPS, st.integers(0, 100), st.integers(0, 100), st.data())
def test_a_floor_is_given_before_the_rest(
    groups: list[tuple[float, int]], least: int, more: int, data: st.DataObject
) -> None:
    weights, capacities = [list(each) for each in zip(*groups, strict=True)]
    places = tuple(sorted(data.draw(st.sets(st.integers(0, len(groups) - 1)))))
    found = quotas(least + more, weights, [int(each) for each in capacities], [Floor(least, places)])
    assert sum(found) == min(least + more, sum(capacities))
    assert sum(found[p] for p in places) >= min(least, sum(capacities[p] for p in places))


def test_equal_weights_give_what_a_small_set_lacks_to_the_others() -> None:
    assert quotas(30, [1, 1, 1], [100, 4, 100]) == [13, 4, 13]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_the_lowest_ranks_are_taken(
    tmp_path_factory: pytest.TempPathFactory, seed: int, examples: bool
) -> None:
    rng = random.Random(seed)  # noqa: S311 - invented rows
    given_rows = [(rng.randrange(3), rng.randrange(4), rng.getrandbits(64), n) for n in range(25)]
    limits: list[int | None] = [rng.choice([None, rng.randrange(12)]) for _ in range(3)]
    rows = table(tmp_path_factory.mktemp("rows") / "rows", given_rows)
    rows.take(limits, examples=examples)
    wanted = [0] * 25
    for group, limit in enumerate(limits):
        left = 10**9 if limit is None else limit
        for _, place in sorted((row[2], place) for place, row in enumerate(given_rows) if row[0] == group):
            take = given_rows[place][1]
            wanted[place] = (take if left > 0 else 0) if examples else min(take, left)
            left -= (take > 0) if examples else wanted[place]
    assert column(rows, "take") == wanted


def test_repeated_ids_and_texts_are_found_across_parts(tmp_path: Path) -> None:
    given_rows = [
        (0, 1, rank, text) for rank, text in [(5, 50), (6, 60), (7, 50), (5, 80), (9, 60), (10, 60)]
    ]
    rows = table(tmp_path / "rows", given_rows)
    rows.find_repeated()
    rows.find_duplicates([frozenset()])
    assert column(rows, "why") == [LIVE, LIVE, DUPLICATE, REPEATED, DUPLICATE, DUPLICATE]
    assert column(rows, "like") == [-1, -1, 0, 0, 1, 1]
    assert column(rows, "take") == [1, 1, 0, 0, 0, 0]


def test_an_order_in_many_parts_is_that_in_one(tmp_path: Path) -> None:
    orders = [int(each) for each in np.random.default_rng(1).integers(0, 2**63, 50)]
    for name, of_part in (("one", 100), ("many", 7)):
        shuffled = Shuffled(tmp_path / f"{name}-parts", 50, of_part)
        for order in orders:
            shuffled.add(order, Instruction("TC", "d", "en", (Turn(f"q\t{order}\n", "a"),)), "classification")
        assert shuffled.write(tmp_path / name, tmp_path / f"{name}-sft") == 50
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    found = [each.conversation[0].asked for each in read(tmp_path / "one") if isinstance(each, Instruction)]
    assert found == [f"q\t{order}\n" for order in sorted(orders)]


def test_texts_of_other_case_blanks_and_width_are_the_same() -> None:
    assert normalised(" ＡＢＣ，\u3000d\n e ") == normalised("abc, D e")  # noqa: RUF001
    assert normalised("a b") != normalised("ab")


@given(st.lists(st.sampled_from(["aspirin", "rash", "咳", "and"]), max_size=30), st.integers(0, 10))
def test_the_grams_of_a_part_are_among_those_of_the_whole(words: list[str], start: int) -> None:
    whole = gram_hashes(" ".join(words))
    part = gram_hashes(" ".join(words[start:]))
    assert np.isin(part, whole).all()
    assert len(whole) <= max(0, len(words) - GRAM + 1)
