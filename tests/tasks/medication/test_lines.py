"""One drug in a line: what is read, where it stands, what it does to the list."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.tasks.medication.compose import compose
from apothecary.tasks.medication.lines import follow, places_of, read_lines, refused_shares, render_lines

NAMES = ("Heparin", "Co-trimoxazole", "Potassium chloride")
PLACES = places_of(NAMES)


def test_case_blanks_and_hyphens_do_not_matter() -> None:
    lines = read_lines(" potassium  CHLORIDE \r\nco trimoxazole\nheparine", PLACES)
    assert [line.drug for line in lines] == [2, 1, None]


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2])))
def test_what_is_rendered_is_read_back(drugs: list[int]) -> None:
    lines = read_lines(render_lines(NAMES[drug] for drug in drugs), PLACES)
    assert [line.drug for line in lines] == drugs


@settings(deadline=None)
@given(st.text("aH\n \u2028\r"), st.booleans())
def test_lines_stand_where_they_say(completion: str, reference: bool) -> None:
    lines = read_lines(completion, PLACES, reference=reference)
    assert all(completion[line.start : line.end].strip() == line.text for line in lines)
    assert all(one.end <= other.start for one, other in pairwise(lines))
    if reference:
        assert len(lines) == (completion.count("\n") + 1 if completion else 0)


def test_blank_lines_are_refused_by_the_reference_alone() -> None:
    completion = "heparin\n\nheparin\n"
    assert [line.drug for line in read_lines(completion, PLACES)] == [0, 0]
    assert [line.drug for line in read_lines(completion, PLACES, reference=True)] == [0, None, 0, None]


def test_a_line_holds_the_break_that_ends_it() -> None:
    lines = read_lines("heparin\nheparin", PLACES)
    assert [(line.start, line.end) for line in lines] == [(0, 8), (8, 15)]


def test_refused_lines_leave_the_list() -> None:
    lines = read_lines("heparin\nnothing\nheparin", PLACES)
    assert list(map(sorted, follow([1], lines, "add"))) == [[1], [0, 1], [0, 1], [0, 1]]
    assert list(map(sorted, follow([1, 0], lines, "remove"))) == [[0, 1], [1], [1], [1]]
    assert refused_shares(lines) == (0.0, 0.0, 0.5, 1 / 3)


@settings(deadline=None)
@given(*[st.lists(st.integers(0, 9))] * 3)
def test_a_final_list_is_candidates_and_additions_less_removals(
    candidates: list[int], adds: list[int], removes: list[int]
) -> None:
    final = compose(candidates, adds, removes)
    assert set(final) == (set(candidates) | set(adds)) - set(removes)
    assert list(final) == sorted(set(final))
