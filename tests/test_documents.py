"""A document that exists points nowhere outside itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import (
    Argument,
    Concept,
    Condition,
    Document,
    Evidence,
    Mention,
    Passage,
    Relation,
    Span,
    Status,
)
from apothecary.errors import ApothecaryError, FormatError, OffsetError
from tests.strategies import documents

GOOD = Document(
    "d",
    "Foo and bar.",
    (Passage("title", 0, 12),),
    (Mention((Span(0, 3),), "Foo", "X"), Mention((Span(8, 11),), "bar", "Y")),
    (Concept("c1", "X", (0,), ("Foo",), broader_than=("c2",)), Concept("c2", "Y", (1,), ("bar",))),
    (
        Relation(
            "r1",
            "T",
            (Argument("head", "c1"), Argument("tail", "c2")),
            (Evidence(Span(0, 12), "Foo and bar."),),
        ),
    ),
    (Condition("population", Span(0, 3), "Foo", "r1"),),
)


def test_a_good_document_is_what_was_given() -> None:
    assert GOOD.concept("c2").names == ("bar",)
    assert GOOD.relations[0].argument("tail") == "c2"
    assert GOOD.passage_text(GOOD.passages[0]) == "Foo and bar."
    assert GOOD.relations[0].status == Status("unknown", "unknown")


BROKEN = [
    ({"mentions": (Mention((Span(8, 99),), "bar", "Y"),)}, "mention 8-99 lies outside"),
    ({"mentions": (Mention((), "bar", "Y"),)}, "mention without a span"),
    ({"passages": (Passage("x", 5, 50),)}, "passage 5-50 lies outside"),
    (
        {"concepts": (Concept("c1", "X", (7,), ("Foo",)),), "relations": (), "conditions": ()},
        "a mention that is not there",
    ),
    (
        {"concepts": (Concept("c1", "X", (0,), ("Foo",)),) * 2, "relations": (), "conditions": ()},
        "share an id",
    ),
    ({"concepts": (), "conditions": ()}, "names the unknown concept c1"),
    ({"relations": ()}, "names the unknown relation r1"),
    (
        {"concepts": (Concept("c1", "X", (), (), broader_than=("c9",)),), "relations": (), "conditions": ()},
        "broader than an unknown",
    ),
    ({"relations": (), "conditions": (Condition("p", Span(0, 99), "x", ""),)}, "condition 0-99 lies outside"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_what_points_outside_is_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(OffsetError, match=message) as caught:
        replace(GOOD, **change)  # type: ignore[arg-type]
    assert str(caught.value).startswith("document d: ")


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_spans_are_never_empty_or_negative(start: int, end: int) -> None:
    if 0 <= start < end:
        assert Span(start, end).start == start
    else:
        with pytest.raises(OffsetError):
            Span(start, end)


def test_a_role_that_repeats_has_no_single_argument() -> None:
    relation = Relation("r", "COMBINES", (Argument("drug", "a"), Argument("drug", "b")))
    for role in ("drug", "disease"):
        with pytest.raises(KeyError):
            relation.argument(role)


@given(documents())
def test_every_mention_lies_in_its_text(document: Document) -> None:
    assert all(0 <= m.start < m.end <= len(document.text) for m in document.mentions)


@given(st.text(), st.text(), st.text())
def test_an_error_is_one_line_whatever_it_quotes(message: str, where: str, hint: str) -> None:
    error = FormatError(message, where=where, hint=hint)
    assert isinstance(error, ApothecaryError)
    assert len(str(error).splitlines()) <= 1
