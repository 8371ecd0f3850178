"""Fragments of HTML: the text stays the text, whatever it holds, and what is shown is bounded."""

from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary import markup
from apothecary.documents import Argument, Concept, Condition, Document, Evidence, Mention, Relation, Span
from apothecary.markup import Mark
from apothecary.runs.extract import Summary
from apothecary.runs.ledger import Ledger
from apothecary.runs.recommend import RecommendSummary
from tests.browser import needs_browser, open_page
from tests.strategies import documents

ALLOWED = {
    *("a", "caption", "details", "div", "mark", "p", "style", "summary"),
    *("table", "tbody", "td", "th", "thead", "tr"),
}
ATTRIBUTES = {"class", "data-label", "dir", "href", "scope", "tabindex", "title"}
HOSTILE = """</div><script>alert(1)</script>"><img src=x onerror='alert(1)'>&lt;&#0;"""
letters = st.text(st.sampled_from("ab &<>\"'$\r\n\0é中\u202e\u05d0😀\U0001d4b3"), max_size=30)


class Shown(HTMLParser):
    """The characters of the text and, for each, the notes of the marks that it stands in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.labels = "", 0
        self.over: list[set[str | None]] = []
        self.tags: set[str] = set()
        self.named: set[str] = set()
        self._open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.named |= given.keys()
        self.labels += "data-label" in given
        self._open.append((tag, given["title"] if tag == "mark" else given.get("class")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if {("div", "text"), ("div", "heading")} & set(self._open):
            self.text += data
            self.over += [{note for tag, note in self._open if tag == "mark"}] * len(data)


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[Mark]]:
    """A text with at most three marks of one or two stretches anywhere: no deeper than is told apart."""
    text = draw(letters.filter(bool))
    ends = st.tuples(*[st.integers(0, len(text))] * 2).map(sorted).filter(lambda pair: pair[0] < pair[1])
    spans = st.lists(ends.map(lambda pair: (pair[0], pair[1])), min_size=1, max_size=2).map(tuple)
    names = st.integers(0, 5).map(str)
    marks = draw(st.lists(st.tuples(spans, names, st.booleans()), max_size=3))
    return text, [Mark(where, label, f"n{i}", bold) for i, (where, label, bold) in enumerate(marks)]


@given(marked(), st.integers(0, 40))
def test_each_code_point_stands_in_the_marks_that_cover_it(
    given_text: tuple[str, list[Mark]], heading: int
) -> None:
    text, marks = given_text
    shown = Shown(markup.marked_text(text, marks, heading=heading))
    assert shown.text == text.replace("\0", "\ufffd")
    covering = [{m.note for m in marks if any(a <= i < b for a, b in m.spans)} for i in range(len(text))]
    assert shown.over == covering


@settings(deadline=None)
@given(documents())
def test_the_text_of_a_document_is_shown_as_it_is(document: Document) -> None:
    shown = Shown(document._repr_html_())
    assert shown.text == document.text.replace("\0", "\ufffd")
    assert shown.tags <= ALLOWED
    assert shown.named <= ATTRIBUTES


def test_nothing_that_is_given_becomes_markup() -> None:
    marks = [Mark(((0, 9),), HOSTILE, HOSTILE)]
    parts = (
        markup.marked_text(HOSTILE, marks),
        markup.table([HOSTILE], [[HOSTILE]], title=HOSTILE),
        markup.line(HOSTILE),
        markup.link(Path("javascript:alert(1)") / HOSTILE, HOSTILE),
    )
    shown = Shown(markup.fragment(*parts))
    assert (shown.tags - ALLOWED, shown.named - ATTRIBUTES) == (set(), set())
    assert shown.text == HOSTILE
    assert 'href="javascript%3A' in parts[3]


def test_a_label_stands_once_behind_its_mark() -> None:
    marks = [Mark(((0, 3), (8, 9)), "Disease"), Mark(((2, 9),), "Drug"), Mark(((2, 9),), "Drug")]
    assert Shown(markup.marked_text("abc def ghi", marks)).labels == 3


def test_long_texts_are_folded_and_cut() -> None:
    text = "word " * 15_000
    page = markup.marked_text(text, [Mark(((2_000, 4_000),), "Drug")])
    first, _, rest = page.partition("<details><summary>")
    assert 2_500 < len(Shown(first).text) <= markup.OPEN
    assert Shown(page).text == text[: markup.LONGEST]
    assert rest.count("25,000 more characters are not shown") == 1


@pytest.mark.timeout(10)
def test_a_flood_of_marks_is_bounded() -> None:
    marks = [Mark(((i % 7, 40_000 + i),), "x" * 10_000, "y" * 10_000) for i in range(9_000)]
    assert len(markup.marked_text("x" * 50_000, marks)) < 10_000_000


def test_tables_leave_out_what_is_empty_and_say_what_is_cut() -> None:
    page = markup.table(["a", "b"], [["x", ""]] * 60)
    assert ">b<" not in page
    assert page.count("<tr>") == 1 + 50
    assert "10 more rows" in page
    assert markup.table(["a"], [[""]]) == markup.table(["a"], []) == ""


DOCUMENT = Document(
    id="7",
    text="Druga 5 mg causes rash.",
    mentions=(Mention((Span(0, 5),), "Druga", "Chemical"), Mention((Span(18, 22),), "rash", "Disease")),
    concepts=(
        Concept("c1", "Chemical", (0,), ("Druga",), ("MESH:D1",)),
        Concept("c2", "Disease", (1,), ("rash",)),
    ),
    relations=(
        Relation(
            *("r1", "CID", (Argument("head", "c1"), Argument("tail", "c2"))),
            evidence=(Evidence(Span(0, 23), "Druga 5 mg causes rash."),),
            confidence=0.5,
        ),
    ),
    conditions=(Condition("Dosage", Span(6, 10), "5 mg", "r1"),),
)


class Printed:
    """Stands where IPython's printer does."""

    said = ""

    def text(self, text: str, /) -> None:
        self.said += text


def test_a_document_tells_its_relations_by_name_and_a_relation_by_concept() -> None:
    page, alone = DOCUMENT._repr_html_(), DOCUMENT.relations[0]._repr_html_()
    assert "head Druga (MESH:D1)\ntail rash</td>" in page
    assert all(f">{cell}</td>" in page for cell in ("50%", "Dosage", "5 mg", "Druga 5 mg causes rash."))
    assert "head c1\ntail c2</td>" in alone
    printed = Printed()
    DOCUMENT._repr_pretty_(printed, False)
    counts = "2 mentions, 2 concepts, 1 relation, 1 condition"
    assert printed.said == f"Document 7: {counts}\nCID: head Druga, tail rash"


def test_a_run_shows_its_counts_and_leads_to_its_report() -> None:
    run = Summary(Path("runs/my run"), "incomplete", 1_200, 1, 2, 0, Ledger(), notes=("<slow>",))
    page = run._repr_html_()
    assert all(
        part in page for part in ("incomplete", "1,200", 'href="runs/my%20run/report.html"', "&lt;slow&gt;")
    )
    printed = Printed()
    run._repr_pretty_(printed, False)
    assert printed.said.startswith("incomplete: 1200 documents, 1 failed, 2 problems\n")


def lists(folder: Path, rows: Iterable[str]) -> RecommendSummary:
    (folder / "predictions.jsonl").write_text("".join(rows))
    return RecommendSummary(folder, "complete", 1, 0, 1.0, 0.5, {}, ())


def test_recommended_lists_show_their_reasons(tmp_path: Path) -> None:
    why = '[{"reason": "interaction", "with": "drugb", "said": [{"source": "<s>"}]}]'
    row = f'{{"id": "v1", "visit_id": "v1", "reasons": [{{"drug": "druga", "why": {why}}}]}}\n'
    page = lists(tmp_path, [row] * 9)._repr_html_()
    assert page.count("<details") == 5
    assert "interacts with drugb: &lt;s&gt;" in page
    assert "not medical advice" in page


def test_a_damaged_folder_of_lists_still_has_its_counts(tmp_path: Path) -> None:
    page = lists(tmp_path, ["{"])._repr_html_()
    assert "<details" not in page
    assert "expected Jaccard" in page


@needs_browser
def test_a_browser_reads_the_text_as_it_is(tmp_path: Path) -> None:
    text = "a\r\nb\rc 阿司匹林 \U0001d4b3 \u05d0\u202eb $x$ </div>&amp; \u0085\u2028"
    page = markup.fragment(markup.marked_text(text, [Mark(((1, 9), (4, 12)), "x"), Mark(((7, 17),), "y")]))
    (tmp_path / "p.html").write_text(f'<!doctype html><html data-ready="1"><meta charset="utf-8">{page}')
    with open_page() as tab:
        tab.visit((tmp_path / "p.html").as_uri())
        assert tab.evaluate("document.querySelector('.text').textContent") == text
