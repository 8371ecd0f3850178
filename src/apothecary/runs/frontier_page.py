"""The page of a frontier: the curve and its table, in one file without a script."""

from __future__ import annotations

from collections.abc import Mapping

from apothecary.metrics.bootstrap import Interval
from apothecary.runs.frontier_plot import Knot, frontier_plot
from apothecary.runs.frontier_points import Frontier, Point
from apothecary.runs.pages import page_of, safe, table_of

__all__ = ["frontier_page"]

WIDE, NARROW = (760.0, 430.0), (344.0, 380.0)
"""Width and height of the plot, in pixels: for a desk and for a phone."""


def frontier_page(found: Frontier, manifest: Mapping[str, object]) -> str:
    """The page as text."""
    compared = found.points[0].compared
    counts = {
        "visits": f"{found.points[0].visits:,}",
        "with known lists": f"{compared:,}",
        "failed": f"{found.failed:,}",
        "sources": f"{len(found.points[0].by_source)}",
    }
    policy = manifest.get("policy")
    about = f"Policy {policy.get('kind')}: {policy.get('folder')}" if isinstance(policy, Mapping) else ""
    notes = list(found.warnings)
    if not compared:
        notes.append("No list is known: the Jaccard index is what the policy itself expects.")
    sections = (_curve(found), _table(found), _sources(found))
    return page_of("Safety and accuracy", about, counts, notes, sections)


def _curve(found: Frontier) -> str:
    knots = [_knot(point) for point in found.points]
    name = "Jaccard index" if found.points[0].jaccard else "expected Jaccard index"
    drawn = "".join(
        f'<div class="{kind}">'
        f"{frontier_plot(knots, ('rate of interacting pairs', name), gold=found.gold_rate, size=size)}</div>"
        for kind, size in (("wide", WIDE), ("narrow", NARROW))
    )
    return (
        "<section><h2>What safety costs</h2>"
        '<p class="lead">Each point is all lists at one weight of interactions, alpha: up is nearer to the '
        "lists that were given, left is fewer interacting pairs. Bars are 95&#8239;% bootstrap "
        f'intervals over patients. A point leads to its row.</p><div class="plot">{drawn}</div></section>'
    )


def _knot(point: Point) -> Knot:
    alone = Interval(point.expected_jaccard, point.expected_jaccard, point.expected_jaccard)
    height = point.jaccard or alone
    return Knot(
        x=point.ddi_rate.value,
        y=height.value,
        x_bounds=(point.ddi_rate.low, point.ddi_rate.high),
        y_bounds=(height.low, height.high),
        label=f"\u03b1 {point.safety:g}",
        description=(
            f"alpha {point.safety:g}: Jaccard {height.value:.3f}, interacting {point.ddi_rate.value:.1%}, "
            f"{point.mean_drugs:.1f} drugs"
        ),
        target=_target(point),
    )


def _table(found: Frontier) -> str:
    heads = ["alpha", "Jaccard", "F1", "expected Jaccard", "interacting", "drugs", "edits"]
    rows = [
        (
            _target(point),
            [
                f"<strong>{point.safety:g}</strong>",
                _figure(point.jaccard),
                _figure(point.f1),
                f"{point.expected_jaccard:.3f}",
                _figure(point.ddi_rate),
                f"{point.mean_drugs:.1f}",
                f"{point.mean_edits:.1f}",
            ],
        )
        for point in found.points
    ]
    gold = "" if found.gold_rate is None else f"<p>Given lists: {found.gold_rate:.3f} of pairs interact.</p>"
    return f"<section><h2>Figures</h2>{table_of(heads, rows, label='Figures')}{gold}</section>"


def _sources(found: Frontier) -> str:
    heads = ["source", *(f"\u03b1 {point.safety:g}" for point in found.points), "given"]
    rows = []
    for source in found.points[0].by_source:
        given = found.gold_by_source.get(source)
        cells = [f"{point.by_source[source]:.4f}" for point in found.points]
        rows.append(("", [safe(source or "(not named)"), *cells, "" if given is None else f"{given:.4f}"]))
    return (
        '<section><h2>Interactions by source</h2><p class="lead">The share of interacting pairs by what each '
        "source alone says. A drug that a source does not know is not safe for that.</p>"
        f"{table_of(heads, rows, label='Interactions by source')}</section>"
    )


def _target(point: Point) -> str:
    return f"a-{point.safety:g}".replace(".", "-").replace("+", "")


def _figure(each: Interval | None) -> str:
    return "" if each is None else f"{each.value:.3f}<small>{each.low:.3f} to {each.high:.3f}</small>"
