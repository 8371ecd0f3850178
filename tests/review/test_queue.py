"""The queue: order, filters, pages by key, and what is shown in them."""

from pathlib import Path

import pytest

from apothecary.review.desk import Desk
from apothecary.review.queue import Item, Order, State, View
from apothecary.store.decisions import Decision
from tests.review.bases import make_base, sample


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(make_base(tmp_path / "kb.duckdb", [sample(f"d{n:02d}") for n in range(30)]))
    desk.fill()
    return desk


def labels(desk: Desk, view: View, size: int = 3) -> list[str]:
    return [item.label for item in desk.queue.page(view, "ann", size=size).items]


def walked(desk: Desk, view: View, size: int) -> list[Item]:
    found: list[Item] = []
    while True:
        page = desk.queue.page(view, "ann", found[-1].key if found else "", size)
        found += page.items
        if not page.more:
            return found


def decide(desk: Desk, item: Item, verdict: str, reviewer: str = "ann") -> None:
    desk.log.append(Decision(0, item.document, item.edge, verdict, reviewer, ""))  # type: ignore[arg-type]


def test_the_least_sure_come_first(desk: Desk) -> None:
    assert {item.label for item in walked(desk, View(), 50)[:30]} == {"Tiamol + headache"}


@pytest.mark.parametrize("order", ["unsure", "conflict", "newest", "document"])
def test_pages_by_key_show_every_item_once_in_order(desk: Desk, order: Order) -> None:
    found = walked(desk, View(order=order), 7)
    ranks = [(item.rank(order), item.key) for item in found]
    assert len(found) == desk.queue.total() == 90
    assert ranks == sorted(set(ranks))


def test_what_is_decided_leaves_the_open_ones_and_only_for_its_reviewer(desk: Desk) -> None:
    first = desk.queue.page(View(), "ann").items[0]
    decide(desk, first, "accept")
    assert first not in walked(desk, View(), 50)
    assert first in desk.queue.page(View(), "bob").items
    assert walked(desk, View(state="decided"), 50) == [first]


def test_an_undone_item_is_open_again_at_its_place(desk: Desk) -> None:
    first, second = desk.queue.page(View(), "ann").items[:2]
    decide(desk, first, "accept")
    assert desk.queue.page(View(), "ann", size=1).items == (second,)
    decide(desk, first, "undo")
    assert desk.queue.page(View(), "ann", size=2).items == (first, second)
    assert desk.queue.page(View(type=first.type), "ann", size=1).items == (first,)


def test_what_is_skipped_is_put_aside_without_a_decision(desk: Desk) -> None:
    first = desk.queue.page(View(), "ann").items[0]
    desk.queue.skip("ann", first.key)
    assert walked(desk, View(state="skipped"), 50) == [first]
    assert (len(walked(desk, View(), 50)), desk.log.last_number()) == (89, 0)


def test_items_on_which_reviewers_differ_are_found(desk: Desk) -> None:
    one, other = desk.queue.page(View(), "ann").items[:2]
    for item, verdict in ((one, "reject"), (other, "accept")):
        decide(desk, item, "accept")
        decide(desk, item, verdict, "bob")
    assert walked(desk, View(state="differ"), 50) == [one]


@pytest.mark.parametrize(
    ("view", "count"),
    [(View(type="treats"), 30), (View(document="d07"), 3), (View(text="RASH d03"), 1), (View(text="%"), 0)],
)
def test_filters_narrow(desk: Desk, view: View, count: int) -> None:
    assert len(walked(desk, view, 50)) == count


def test_the_next_one_is_open_and_the_one_before_is_where_one_came_from(desk: Desk) -> None:
    first, second, third = desk.queue.page(View(), "ann").items[:3]
    decide(desk, first, "accept")
    assert desk.queue.following(View(), "ann", second) == third
    assert desk.queue.preceding(View(), "ann", second) == first


def test_runs_that_disagree_and_retractions_are_told(tmp_path: Path) -> None:
    base = make_base(tmp_path / "kb.duckdb", [sample("d1"), sample("d2", {"retraction": "PMID 1"})])
    other = sample("d1")
    make_base(base, [type(other)(**vars(other) | {"relations": other.relations[:1]})], run="2" * 16)
    desk = Desk(base)
    desk.fill()
    told = {(i.document, i.label): (i.disagree, i.retracted) for i in walked(desk, View(), 50)}
    assert told["d1", "Tiamol + rash"] == (True, False)
    assert told["d1", "Tiamol + headache"] == (False, False)
    assert told["d2", "Tiamol + rash"] == (False, True)


def test_the_queue_is_filled_again_only_when_the_base_has_changed(desk: Desk) -> None:
    assert not desk.fill()
    make_base(desk.store, [sample("e1")], run="3" * 16)
    assert desk.pending()
    assert desk.fill()
    assert desk.queue.total() == 93


@pytest.mark.parametrize("state", ["open", "decided", "differ", "skipped", "any"])
def test_a_view_survives_its_address(state: State) -> None:
    view = View("conflict", state, "a&b", "d 1", "x=y")
    assert "state=open" not in view.query()
    assert View().query() == ""
    assert "a%26b" in view.query()
