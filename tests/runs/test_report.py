"""The report holds what it was given, lets nothing out of its data, and works by keyboard and on a phone."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import RunError
from apothecary.runs.report import embed, render, write_report
from tests.browser import Page, needs_browser, open_page
from tests.runs.report_fixture import HOSTILE, TEXT, record, report

STRINGS = st.text() | st.sampled_from(["</script>", "<!--", "]]>", "\u2028", "{{data}}", HOSTILE])
SPARSE: list[list[dict[str, object]]] = [
    [],
    [{"id": "1"}],
    [{"text": "No id."}],
    [{"id": 7, "text": None, "mentions": None, "relations": [{"type": None, "arguments": None}]}],
    [
        {
            "id": "1",
            "text": "Ab",
            "mentions": [{"type": "T"}, {"start": -4, "end": 90}, {"start": 2, "end": 1}],
        }
    ],
    [{"id": "1", "text": "Ab", "mentions": [{"start": 0, "end": 1}], "concepts": [{"mentions": [0, 9]}]}],
    [
        {
            "id": "1",
            "text": "Ab",
            "reasoning": [{}, {"sentence": [0, 9], "think": 3, "sections": {"7": None}}, 4],
        }
    ],
    [{"id": "1", "reasoning": [{"sentence": "x", "think": None, "sections": [1]}]}, {"reasoning": {"a": 1}}],
]


def block_of(page: str) -> str:
    blocks = re.findall(r'<script id="data" type="application/json">(.*?)</script', page, re.DOTALL)
    assert len(blocks) == 1
    return cast(str, blocks[0])


def data_of(page: str) -> dict[str, object]:
    return cast(dict[str, object], json.loads(block_of(page)))


@given(st.recursive(STRINGS, st.lists, max_leaves=8))
def test_nothing_embedded_can_end_its_element(value: object) -> None:
    text = embed(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


@given(STRINGS, STRINGS, STRINGS)
def test_hostile_strings_stay_in_the_data_and_come_back_unchanged(name: str, text: str, other: str) -> None:
    concepts = [{"id": name, "names": [text, other], "mentions": []}]
    relations = [{"type": other, "arguments": [{"role": text, "concept": name}]}]
    hostile = {"id": name, "text": text, "concepts": concepts, "relations": relations}
    page = render(replace(report([hostile]), title=other))
    assert not set("<>&") & set(block_of(page))
    assert data_of(page)["documents"] == [hostile]
    assert page.count("<script") == 5
    assert "<img" not in page


def test_the_page_names_no_address_and_forbids_all_others() -> None:
    page = render(report([record()]))
    assert data_of(page)["documents"] == [record()]
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    addresses = set(re.findall(r"https?://[^\"' )]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # The name of SVG, which nothing fetches.
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_long_runs_show_their_first_documents_and_problems_and_count_the_rest() -> None:
    data = data_of(render(report([record(str(i)) for i in range(7)], errors=600), max_documents=3))
    assert len(cast(list[object], data["documents"])) == 3
    assert len(cast(list[object], data["errors"])) == 500
    counts = cast(dict[str, int], data["counts"])
    assert (counts["documents"], counts["relations"], counts["problems"]) == (7, 21, 600)


@pytest.mark.parametrize("records", SPARSE)
def test_empty_and_sparse_records_render(records: list[dict[str, object]]) -> None:
    assert data_of(render(report(records)))["documents"] == records


def test_readers_without_javascript_get_counts_and_relations() -> None:
    page = render(report([record()]))
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    assert "1 documents, 8 mentions, 6 concepts, 3 relations, 1 conditions, 1 problems" in plain
    assert "<td>Foovirin; Bazolol; \U0001d6fd-blockers</td>" in plain
    assert "<td>quuxin; rash</td>" in plain


def test_readers_without_javascript_get_the_reasoning_folded_and_escaped() -> None:
    page = render(report([record()]))
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    whole, short = re.findall(r"<details class=\"chain\"><summary>(.*?)</details>", plain, re.DOTALL)
    assert whole.startswith("1: Foovirin caused severe lupus nephritis")
    headings = ["[1] Setting", "[2] Drugs", f"[3] {html.escape(HOSTILE)}", "[4] Result"]
    assert re.findall(r"<h3>(.*?)</h3>", whole) == headings
    assert "<p>Let me see.</p><h3>[1] Setting</h3><p>- point 1\n- &lt;/script&gt;" in whole
    assert short == "1: Bazolol did not cause a rash.</summary><p>No drug helps.</p>"


def test_reasoning_without_javascript_is_bounded() -> None:
    page = render(report([record(str(number)) for number in range(300)]), max_documents=300)
    assert page.count('<details class="chain">') == 500
    assert "100 more are in predictions.jsonl." in page


def test_what_browsers_cannot_read_is_replaced_character_by_character(tmp_path: Path) -> None:
    broken = {"id": "1", "text": "a\ud800b", "relations": [{"type": "\udc00", "confidence": float("nan")}]}
    write_report(tmp_path / "report.html", replace(report([broken]), title="\udcff"))
    documents = data_of((tmp_path / "report.html").read_text(encoding="utf-8"))["documents"]
    assert documents == [{"id": "1", "text": "a?b", "relations": [{"type": "?", "confidence": None}]}]


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report([record()]))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(RunError, match="cannot write the report"):
        write_report(tmp_path / "none" / "report.html", report([record()]))
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot write the report"):
        write_report(tmp_path / "folder", report([record()]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "report.html"]


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


def text_of(page: Page, selector: str) -> object:
    """The text of an element, after what the page does next."""
    value = f"document.querySelector({json.dumps(selector)}).textContent"
    return page.evaluate(f"new Promise(done => setTimeout(() => done({value}), 100))")


def enter(page: Page, selector: str, value: str) -> None:
    field = f"document.querySelector({json.dumps(selector)})"
    page.evaluate(f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input'))")


@needs_browser
def test_the_text_is_shown_as_given_and_nothing_of_it_runs(shown: Page) -> None:
    text = "[...document.querySelectorAll('#text .piece')].map(p => p.textContent).join('')"
    assert shown.evaluate(text) == TEXT
    assert count(shown, "img") == 0
    assert count(shown, "script") == 5
    assert shown.evaluate("document.title") == f"toy {HOSTILE}"


@needs_browser
def test_every_mention_is_marked_whole_in_code_points(shown: Page) -> None:
    marks = "[...document.querySelectorAll('#text mark')].map(m => [m.dataset.mention, m.textContent])"
    texts = dict.fromkeys(map(str, range(8)), "")
    for index, text in cast(list[list[str]], shown.evaluate(marks)):
        texts[index] += text
    split = "acuterenal failure"
    blockers = "\U0001d6fd-blockers"
    inner = ["lupus nephritis", "nephritis", "chronic renal failure", split, "Bazolol", blockers]
    assert list(texts.values()) == ["Foovirin", "Foovirin", *inner]


@needs_browser
def test_overlapping_mentions_have_lanes_of_their_own(shown: Page) -> None:
    lane = "document.querySelector('[data-mention=\"{}\"]').className.match(/lane-./)[0]"
    assert shown.evaluate(lane.format(2)) == "lane-1"
    assert shown.evaluate(lane.format(3)) == "lane-0"
    assert shown.evaluate(lane.format(4)) != shown.evaluate(lane.format(5))


@needs_browser
def test_relations_have_cards_arcs_and_a_verdict(shown: Page) -> None:
    verdicts = shown.evaluate("[...document.querySelectorAll('.card .badge')].map(b => b.textContent)")
    assert verdicts == ["in the annotation", "not in the annotation", "not comparable"]
    assert count(shown, ".arcs .arc") == 3
    assert text_of(shown, ".missed") == "CID: bazolol → Lupus nephritis"
    assert count(shown, ".whisker") == 1
    roles = "[...document.querySelectorAll('.card:nth-of-type(2) dt')].map(d => d.textContent)"
    assert shown.evaluate(roles) == ["drug", "drug", "drug"]


@needs_browser
def test_the_conditions_of_a_relation_stand_on_its_card_and_are_shown_in_the_text(shown: Page) -> None:
    assert text_of(shown, ".card .quote") == f"{HOSTILE} two patients"
    shown.evaluate("document.querySelector('.card .quote').click()")
    lit = "[...document.querySelectorAll('.evidence')].map(p => p.textContent).join('')"
    assert shown.evaluate(lit) == "two patients"


@needs_browser
def test_the_quote_of_a_relation_shows_its_evidence_in_the_text(shown: Page) -> None:
    shown.evaluate("document.querySelectorAll('.quote')[1].click()")
    lit = "[...document.querySelectorAll('.evidence')].map(p => p.textContent).join('')"
    assert shown.evaluate(lit) == "Foovirin caused severe lupus nephritis in two patients"


@needs_browser
def test_the_reasoning_about_a_sentence_unfolds_by_keyboard_and_marks_the_sentence(shown: Page) -> None:
    assert count(shown, "#reasoning .chain") == 2
    assert count(shown, "#reasoning .chain[open]") == 0
    shown.evaluate("document.querySelector('#reasoning summary').focus()")
    shown.press("Enter")
    headings = "[...document.querySelectorAll('.chain[open] h3')].map(h => h.textContent)"
    assert shown.evaluate(headings) == ["[1] Setting", "[2] Drugs", f"[3] {HOSTILE}", "[4] Result"]
    assert text_of(shown, ".chain[open] p") == "Let me see."
    lit = "[...document.querySelectorAll('#text .evidence')].map(p => p.textContent).join('')"
    assert str(shown.evaluate(lit)).startswith("Foovirin caused severe lupus nephritis")
    assert shown.evaluate(lit) == text_of(shown, "#reasoning summary")
    shown.press("Enter")
    assert text_of(shown, "#reasoning h2") == "Reasoning (2)"
    assert count(shown, "#text .evidence") == 0
    for number in (2, 3):
        shown.press("j")
        assert text_of(shown, "#document-title") == f"Document {number}"
    assert count(shown, "#reasoning *") == 0


@needs_browser
def test_a_held_mention_lights_its_cluster_until_let_go(shown: Page) -> None:
    shown.evaluate("document.querySelector('mark[data-mention=\"0\"]').focus()")
    shown.press("Enter")
    shown.evaluate("document.activeElement.blur()")
    assert count(shown, "mark.lit") == 2
    assert text_of(shown, ".chip[aria-pressed=true] strong") == "Foovirin"
    shown.press("Escape")
    assert count(shown, "mark.lit") == 0


@needs_browser
def test_the_page_works_by_keyboard(shown: Page) -> None:
    shown.press("n")
    assert shown.evaluate("document.querySelector('.choose').getAttribute('aria-pressed')") == "true"
    assert count(shown, ".evidence") != 0
    shown.press("Escape")
    assert count(shown, ".evidence") == 0
    shown.press("a")
    assert count(shown, ".arcs .arc") == 0
    shown.press("j")
    assert text_of(shown, "#document-title") == "Document 2"
    shown.press("ArrowLeft")
    assert text_of(shown, "#document-title") == "Document 1"
    shown.press("/")
    assert shown.evaluate("document.activeElement.id") == "filter"
    shown.press("Escape")
    shown.press("?")
    assert shown.evaluate("document.querySelector('#help').open") is True


@needs_browser
def test_filters_narrow_the_list_and_the_cards(shown: Page) -> None:
    shown.evaluate("document.querySelector('#with-relations').click()")
    assert count(shown, "#list li") == 2
    shown.evaluate("document.querySelector('#with-problems').click()")
    assert count(shown, "#list li") == 1
    enter(shown, "#confidence", "0.5")
    assert count(shown, ".card") == 2
    enter(shown, "#filter", "nowhere")
    assert text_of(shown, "#matches") == "0 of 3 documents"


@pytest.mark.slow
@needs_browser
def test_addresses_lead_to_documents_and_bad_ones_do_no_harm(shown: Page) -> None:
    shown.evaluate("location.hash = 'doc=2'")
    assert text_of(shown, "#document-title") == "Document 2"
    for address in ("doc=%E0%A4%A", "doc=none", "document"):
        shown.evaluate(f"location.hash = {json.dumps(address)}")
        assert text_of(shown, "#document-title") == "Document 2"
    # A redraw may be under way when the next document is shown: it must not outlive its own.
    for address in ("doc=1", "doc=2") * 20:
        shown.evaluate(f"location.hash = {json.dumps(address)}")
    shown.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    assert count(shown, "#notices *") == 0
    shown.evaluate("document.querySelector('.skip').click()")
    assert shown.evaluate("document.activeElement.id") == "document"


@needs_browser
@pytest.mark.parametrize("records", SPARSE)
def test_sparse_records_are_shown_without_a_stumble(
    page: Page, tmp_path: Path, records: list[dict[str, object]]
) -> None:
    write_report(tmp_path / "report.html", report(records))
    page.visit((tmp_path / "report.html").as_uri())
    assert count(page, "#notices *") == 0
    words = str(page.evaluate("document.querySelector('main').innerText"))
    assert not re.search(r"undefined|null|NaN", words)


@needs_browser
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_scrolls_sideways(shown: Page, width: int) -> None:
    shown.size(width, 740)
    shown.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.evaluate(overflow) == 0
    targets = "[...document.querySelectorAll('button, summary, select, #list a, label.check')]"
    heights = cast(list[int], shown.evaluate(f"{targets}.map(b => b.offsetHeight)"))
    assert all(height == 0 or height >= 40 for height in heights)
