"""Which ids were met already."""

from hypothesis import given
from hypothesis import strategies as st

from apothecary.formats.seen import Seen


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9))))
def test_it_answers_as_a_dict_does(items: list[tuple[str, int]]) -> None:
    seen, known = Seen(), dict[str, int]()
    for identity, file in items:
        assert seen.add(identity, file) == known.get(identity)
        known.setdefault(identity, file)
    assert len(seen) == len(known)


def test_it_forgets_nothing_while_it_grows() -> None:
    seen = Seen()
    assert all(seen.add(str(number), number % 7) is None for number in range(5000))
    assert [seen.add(str(number), 99) for number in range(5000)] == [number % 7 for number in range(5000)]


def test_a_lone_surrogate_is_an_id_like_any_other() -> None:
    seen = Seen()
    assert seen.add("\ud800", 1) is None
    assert seen.add("\ud800", 2) == 1
