"""Plots are well-formed SVG that says in words what it shows."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics.selective import Bin, RiskPoint, equal_mass_bins, risk_coverage
from apothecary.runs.plots import reliability_plot, risk_coverage_plot
from tests.browser import needs_browser, open_page

JUDGED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30)
SVG = "{http://www.w3.org/2000/svg}"
SOME = [(place / 40, place % 5 < place / 10) for place in range(41)]


@given(JUDGED)
def test_any_figures_give_well_formed_svg_inside_its_frame(judged: list[tuple[float, bool]]) -> None:
    for text in (reliability_plot(equal_mass_bins(judged)), risk_coverage_plot(risk_coverage(judged))):
        root = ET.fromstring(text)  # noqa: S314 - our own text
        assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
        assert not re.search(r"nan|inf\b|None", text)
        for circle in root.iter(f"{SVG}circle"):
            assert 0 <= float(circle.attrib["cx"]) <= 360
            assert 0 <= float(circle.attrib["cy"]) <= 330


@pytest.mark.parametrize("plot", [reliability_plot, risk_coverage_plot])
def test_a_title_is_text_and_no_markup(plot: object) -> None:
    assert callable(plot)
    text = plot([], title='<b onload="x">&')
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.attrib["aria-label"] == '<b onload="x">&'
    assert root[0].text == '<b onload="x">&'


def test_no_style_and_no_script_that_a_policy_would_stop() -> None:
    for text in (reliability_plot(equal_mass_bins(SOME)), risk_coverage_plot(risk_coverage(SOME))):
        assert not re.search(r"<style|<script|style=|on[a-z]+=|href", text)


def test_what_is_not_finite_is_left_out() -> None:
    assert "<circle" not in reliability_plot([Bin(0, 1, 3, math.nan, 0.5, 0.1, 0.9)])
    assert "<polyline" not in risk_coverage_plot([RiskPoint(0.5, 1, math.inf, 0.0)])


def test_a_description_says_what_is_seen() -> None:
    assert "2 cases. said 0.20, seen 0.50 of 2" in reliability_plot(
        equal_mass_bins([(0.2, True), (0.2, False)])
    )
    text = risk_coverage_plot(risk_coverage([(0.9, True), (0.2, False)]))
    assert "0.0% wrong at 50% taken, 50.0% at 100%" in text


@needs_browser
@pytest.mark.slow
def test_plots_fit_a_phone_and_follow_the_colour_scheme(tmp_path: Path) -> None:
    plots = reliability_plot(equal_mass_bins(SOME)) + risk_coverage_plot(risk_coverage(SOME))
    style = ":root{color-scheme:light dark}body{margin:8px;color:CanvasText}svg{max-width:100%;height:auto}"
    page = f'<!doctype html><html data-ready="1"><meta charset="utf-8"><style>{style}</style>{plots}</html>'
    file = tmp_path / "plots.html"
    file.write_text(page)
    with open_page() as browser:
        for width in (320, 390):
            browser.size(width, 800, dark=width == 390)
            browser.visit(file.as_uri())
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
