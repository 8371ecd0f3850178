"""The report of an ablation: hostile words stay words, figures are the record's, phones and keys work."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.runs.ablation import run
from apothecary.runs.ablation_report import ablation_page
from apothecary.runs.ablation_result import AblationResult
from apothecary.runs.bubbles import Bubble, Frame, bubble_plot
from tests.browser import Page, needs_browser, open_page
from tests.runs.ablation_toy import plan

HOSTILE = "</td></svg><script>document.title = 'broken'</script><img src=x onerror=alert(1)>\"'&"
FRAME = Frame(400, 300, 20, "x & <x>", "y", "plot")
FIGURE = st.floats(-100, 100, allow_nan=False)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> AblationResult:
    return run(plan(tmp_path_factory.mktemp("ablation")))


def hostile(found: AblationResult) -> AblationResult:
    """The result with hostile words wherever words come from outside."""
    first = found.schema.templates[0]
    scenarios = tuple(replace(each, text=HOSTILE) for each in first.scenarios)
    schema = replace(found.schema, name=HOSTILE, templates=(replace(first, scenarios=scenarios),))
    engines = {"relations.pairs": {"name": HOSTILE + "\ud800"}}
    return replace(found, schema=schema, notes=(HOSTILE,), reason=HOSTILE, identity={"engines": engines})


def test_the_page_shows_what_the_record_holds(found: AblationResult) -> None:
    page = ablation_page(found, title="toy")
    effect = found.rounds[0].effects[1]
    assert f"{100 * abs(effect.delta.f1.value):.1f}" in page
    assert page.count('class="bubble') == 2 * sum(len(each.effects) for each in found.rounds)
    assert 'id="r1-1"' in page
    assert "changes no answer" in page
    assert "with the scenario less without it" in page


def test_hostile_words_stay_words(found: AblationResult) -> None:
    page = ablation_page(hostile(found), title=HOSTILE)
    assert "<script" not in page
    assert "<img" not in page
    assert page.encode("utf-8")


def test_the_page_names_no_address_and_runs_nothing(found: AblationResult) -> None:
    page = ablation_page(found, title="toy")
    assert not re.search(r"https?://|//[a-z]", page.partition("</style>")[2])
    assert not re.findall(r"\s(?:style|on\w+)=", page.partition("</style>")[2])
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_an_ablation_that_was_stopped_has_a_page(found: AblationResult) -> None:
    stopped = replace(
        found, rounds=(), spent=(), confirmation=None, status="stopped by budget", reason="spent"
    )
    page = ablation_page(stopped, title="toy")
    assert "No round is over yet" in page
    assert "the same command goes on" in page


@settings(deadline=None)
@given(st.lists(st.tuples(FIGURE, FIGURE, st.floats(0, 1), st.text(max_size=30)), max_size=30))
def test_every_bubble_is_a_link_inside_the_plot(values: list[tuple[float, float, float, str]]) -> None:
    bubbles = [Bubble(x, y, size, label, label, "positive", "r1-0") for x, y, size, label in values]
    drawn = bubble_plot(bubbles, FRAME)
    discs = re.findall(r'class="disc" cx="([\d.-]+)" cy="([\d.-]+)" r="([\d.]+)"', drawn)
    assert len(discs) == len(bubbles) == drawn.count("<a ")
    assert all(0 <= float(x) <= 400 and 0 <= float(y) <= 300 and 4 <= float(r) <= 20 for x, y, r in discs)
    assert len(re.findall("<(?!/?(?:svg|g|a|text|title|line|circle)[ >])", drawn)) == 0


def test_area_goes_with_size_and_labels_keep_apart() -> None:
    bubbles = [Bubble(n, 0, size, f"label {n}", "", "positive", "t") for n, size in enumerate((1.0, 0.25))]
    drawn = bubble_plot(bubbles, FRAME)
    assert re.findall(r'class="disc".*? r="([\d.]+)"', drawn) == ["20.0", "10.0"]
    same = [Bubble(0, 0, 1, f"label {n}", "", "positive", "t") for n in range(12)]
    places = re.findall(r'class="label" x="([\d.]+)" y="([\d.]+)"', bubble_plot(same, FRAME))
    assert len(places) == len(set(places)) == 12


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture
def shown(page: Page, found: AblationResult, tmp_path: Path) -> Page:
    text = ablation_page(hostile(found), title=HOSTILE).replace("<html ", '<html data-ready="1" ')
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    page.size(1280, 900)
    page.visit((tmp_path / "report.html").as_uri())
    return page


@needs_browser
def test_nothing_hostile_runs(shown: Page) -> None:
    assert shown.evaluate("document.title") == " ".join(HOSTILE.split())
    assert shown.evaluate("document.querySelectorAll('img, script').length") == 0


@needs_browser
@pytest.mark.parametrize(("width", "plot"), [(1280, "wide"), (390, "narrow"), (320, "narrow")])
def test_one_plot_is_shown_and_nothing_runs_off_the_page(shown: Page, width: int, plot: str) -> None:
    shown.size(width, 844)
    visible = "[...document.querySelectorAll('.plot > div')].filter(d => d.offsetWidth).map(d => d.className)"
    assert set(map(str, _list(shown.evaluate(visible)))) == {plot}
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth") is True


@needs_browser
def test_bubbles_are_reached_by_key_and_lead_to_their_row(shown: Page) -> None:
    shown.evaluate("[...document.querySelectorAll('.bubble')].find(b => b.getClientRects().length).focus()")
    target = shown.evaluate("document.activeElement.getAttribute('href').slice(1)")
    shown.press("Enter")
    assert shown.evaluate("document.querySelector(':target').id") == target


@needs_browser
def test_the_dark_page_is_dark(shown: Page) -> None:
    shown.size(390, 844, dark=True)
    colour = str(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert max(map(int, re.findall(r"\d+", colour))) < 60


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
