"""The report holds what it was given, lets nothing out of its data, and works by keyboard and on a phone."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.browser import Page, needs_browser, open_page

from apothecary.errors import RunError
from apothecary.runs.report import ReportInput, embed, render, write_report

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!--\u2028&amp;"
TEXT = f"\U0001d6fc-blocker Foo caused severe lupus nephritis. {HOSTILE} Bar did not."
TEXT_OF = {"Foo": 10, "lupus nephritis": 28, "nephritis": 34, "Bar": TEXT.index("Bar")}


def mention(text: str, kind: str) -> dict[str, object]:
    return {"start": TEXT_OF[text], "end": TEXT_OF[text] + len(text), "text": text, "type": kind}


def record(name: str = "1") -> dict[str, object]:
    kinds = [("Foo", "Drug"), ("lupus nephritis", "Disease"), ("nephritis", "Disease"), ("Bar", "Drug")]
    ends = [{"role": "head", "concept": "c1"}, {"role": "tail", "concept": "c2"}]
    binary = {
        "id": "r1",
        "type": "CID",
        "arguments": ends,
        "confidence": 0.75,
        "evidence": [{"start": 0, "end": 44, "quote": TEXT[:44]}],
        "origin": {"engine": "e", "step": "s", "answer": "1", "scenarios": ["causes"], "log_odds": 1.1},
    }
    ternary = {"id": "r2", "type": "COMBINES", "arguments": [*ends, {"role": "tail", "concept": "c4"}]}
    rejected = {"head": "c4", "tail": "c2", "relation": "CID", "answer": "0", "log_odds": -2.0}
    return {
        "id": name,
        "text": TEXT,
        "passages": [{"section": HOSTILE, "start": 0, "end": len(TEXT)}],
        "mentions": [mention(text, kind) for text, kind in kinds],
        "concepts": [
            {"id": f"c{i + 1}", "type": kind, "mentions": [i], "names": [text]}
            for i, (text, kind) in enumerate(kinds)
        ],
        "relations": [binary, ternary],
        "candidates": [rejected],
        "unlocated": [{"text": HOSTILE, "type": "Disease", "reason": "not in the text"}],
    }


def report(records: Sequence[dict[str, object]], **extra: object) -> ReportInput:
    counts = {"micro": {"tp": 1, "fp": 1, "fn": 0, "precision": 0.5, "recall": 1.0, "f1": 0.667}}
    gold_concepts = [
        {"id": "D1", "names": ["foo"], "ids": []},
        {"id": "D2", "names": ["Lupus nephritis"], "ids": []},
    ]
    ends = [{"role": "head", "concept": "D1"}, {"role": "tail", "concept": "D2"}]
    return ReportInput(
        title=f"toy {HOSTILE}",
        manifest={"status": "complete", "task": "relations", "identity": {"engines": {"s": {"name": "e"}}}},
        ledger={
            "documents": 1,
            "calls": 2,
            "steps": {"s": {"calls": 2, "prompt_tokens": 10, "cached_tokens": 5}},
        },
        predictions=records,
        errors=[{"id": "1", "step": "s", "kind": "AnswerError", "message": "no", "raw": HOSTILE}],
        gold={"1": {"concepts": gold_concepts, "relations": [{"type": "CID", "arguments": ends}]}},
        scores={"evaluators": {"concept": counts}},
    )


def data_of(page: str) -> dict[str, object]:
    block = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert block
    return cast(dict[str, object], json.loads(block[1]))


@given(
    st.recursive(st.text() | st.sampled_from(["</script>", "<!--", "]]>", "\u2028"]), st.lists, max_leaves=8)
)
def test_nothing_embedded_can_end_its_element(value: object) -> None:
    text = embed(value)
    assert not set("<>&\u2028\u2029") & set(text)
    if "\\ud8" not in json.dumps(value):
        assert json.loads(text) == value


def test_the_page_holds_the_records_and_no_address() -> None:
    page = render(report([record()]))
    assert data_of(page)["documents"] == [record()]
    assert "<img" not in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "default-src 'none'" in page


def test_a_long_run_shows_its_first_documents_and_says_so() -> None:
    data = data_of(render(report([record(str(i)) for i in range(7)]), max_documents=3))
    assert len(cast(list[object], data["documents"])) == 3
    assert cast(dict[str, int], data["counts"])["documents"] == 7


def test_empty_and_sparse_records_render() -> None:
    sparse: list[list[dict[str, object]]] = [[], [{"id": "1"}], [{"id": "1", "relations": [{"type": "T"}]}]]
    for records in sparse:
        assert data_of(render(report(records)))["documents"] == records


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report([record()]))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(RunError, match="cannot write the report"):
        write_report(tmp_path / "none" / "report.html", report([record()]))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture
def shown(page: Page, tmp_path: Path) -> Page:
    """A page with three documents, in a window of a laptop's size."""
    write_report(tmp_path / "report.html", report([record("1"), record("2"), {"id": "3", "text": "Empty."}]))
    page.size(1280, 900)
    page.visit((tmp_path / "report.html").as_uri())
    return page


def count(page: Page, selector: str) -> object:
    return page.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")


@needs_browser
def test_the_text_is_shown_as_given_and_nothing_of_it_runs(shown: Page) -> None:
    text = "[...document.querySelectorAll('#body .piece')].map(p => p.textContent).join('')"
    assert shown.evaluate(text) == TEXT
    assert count(shown, "img") == 0
    assert shown.evaluate("document.title") == f"toy {HOSTILE}"


@needs_browser
def test_overlapping_mentions_are_nested_and_offsets_count_code_points(shown: Page) -> None:
    marks = "[...document.querySelectorAll('#body mark')].map(m => [m.dataset.mention, m.textContent])"
    found = cast(list[list[str]], shown.evaluate(marks))
    assert ["0", "Foo"] in found
    assert ["2", "nephritis"] in found
    assert "".join(text for index, text in found if index == "1") == "lupus nephritis"


@needs_browser
def test_relations_have_cards_arcs_and_a_verdict(shown: Page) -> None:
    assert count(shown, ".card") == 2
    assert count(shown, "#arcs .arc") == 3
    assert shown.evaluate("document.querySelector('.card .badge').textContent") == "in the annotation"
    assert count(shown, ".whisker") == 1


@needs_browser
def test_the_page_works_by_keyboard(shown: Page) -> None:
    title = "document.querySelector('#document-title').textContent"
    shown.press("n")
    assert shown.evaluate("document.querySelector('.card').getAttribute('aria-pressed')") == "true"
    assert count(shown, ".evidence") != 0
    shown.press("Escape")
    assert count(shown, ".evidence") == 0
    shown.press("a")
    assert count(shown, "#arcs .arc") == 0
    shown.press("j")
    assert shown.evaluate(f"new Promise(r => setTimeout(() => r({title}), 100))") == "Document 2"
    shown.press("/")
    assert shown.evaluate("document.activeElement.id") == "filter"
    shown.press("Escape")
    shown.press("?")
    assert shown.evaluate("document.querySelector('#help').open") is True


@needs_browser
def test_filters_narrow_the_list(shown: Page) -> None:
    shown.evaluate("document.querySelector('#with-relations').click()")
    assert count(shown, "#list li") == 2
    shown.evaluate("document.querySelector('#with-problems').click()")
    assert count(shown, "#list li") == 1


@needs_browser
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_scrolls_sideways(shown: Page, width: int) -> None:
    shown.size(width, 740)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.evaluate(overflow) == 0
    heights = "[...document.querySelectorAll('button, summary, select')].map(b => b.offsetHeight)"
    assert all(height == 0 or height >= 40 for height in cast(list[int], shown.evaluate(heights)))
