"""The page of an answer: every quote whole, with its mentions marked, and nothing in it that runs."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from apothecary.runs.answer_page import answer_page

HOSTILE = "<script>alert(1)</script>\" onload='x' & \u202e zincol"


def record(quote: str, marks: list[tuple[int, int]], offset: int = 0) -> dict[str, object]:
    evidence = {
        "relation": "r1",
        "document": HOSTILE,
        "title": HOSTILE,
        "start": offset,
        "end": offset + len(quote),
        "quote": quote,
        "marks": [{"start": start + offset, "end": end + offset, "role": "drug"} for start, end in marks],
        "source": HOSTILE,
        "confidence": 0.5,
        "retracted": True,
        "reviews": [{"reviewer": HOSTILE, "verdict": "accept", "made": "2026", "note": HOSTILE}],
    }
    edge = {
        "type": HOSTILE,
        "belief": 0.5,
        "documents": 1,
        "arguments": [{"role": "drug", "concept": HOSTILE, "name": HOSTILE}],
        "context": [{"asked": HOSTILE, "place": "sentence", "documents": 1}],
        "conditions": [{"type": HOSTILE, "text": HOSTILE, "document": HOSTILE, "of": [HOSTILE, "other"]}],
        "statements": 3,
        "evidence": [evidence],
    }
    return {"question": {"drugs": [HOSTILE]}, "total": 1, "notes": [HOSTILE], "edges": [edge]}


def quoted(page: str) -> str:
    found = re.search(r"<blockquote>(.*) <small>", page, re.DOTALL)
    assert found
    return html.unescape(re.sub(r"</?mark[^>]*>", "", found[1]))


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45)), max_size=5),
)
def test_marks_change_no_letter_of_a_quote(quote: str, marks: list[tuple[int, int]]) -> None:
    assert quoted(answer_page(record(quote, marks, offset=7))) == quote


def test_mentions_are_marked_where_they_stand() -> None:
    page = answer_page(record("Give zincol now", [(5, 11)], offset=100))
    assert re.search(r'Give <mark class="own"[^>]*>zincol</mark> now', page)


def test_hostile_text_is_text() -> None:
    page = answer_page(record(HOSTILE, []))
    assert "<script" not in page
    assert "onload='" not in page
    assert "default-src 'none'" in page
    assert page.count("&lt;script&gt;") >= 10


def test_a_page_says_what_warns_and_what_is_left_out() -> None:
    page = answer_page(record("Give zincol", []))
    for words in ("retracted", "2 more statements", "not medical advice", "belief 0.50"):
        assert words in page
    assert "No edge fits." in answer_page({"question": {}, "total": 0, "edges": []})
