"""Two plots of confidence as inline SVG: no script, no style sheet, nothing fetched.

Ink is `currentColor` and the accent the variable ``--accent`` of the page, so light and dark pages both fit;
only presentation attributes are used, since the report's policy forbids inline style. The size follows the
column; letters stay readable on a phone. What a plot says is also in its title and description.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from apothecary.metrics.selective import Bin, RiskPoint

__all__ = ["reliability_plot", "risk_coverage_plot"]

_WIDTH, _HEIGHT = 360, 330
_LEFT, _TOP, _SIDE = 52, 16, 260
_ACCENT = "var(--accent, #0b6b82)"
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability_plot(bins: Sequence[Bin], *, title: str = "Reliability") -> str:
    """Said against seen: for each bin its mean probability and the share that was true, with 95 % intervals.

    On the dotted diagonal what is said happens. The area of a dot grows with the cases of its bin. A bin
    with a figure that is not finite is left out.
    """
    known = [each for each in bins if _finite(each.mean, each.share, each.share_low, each.share_high)]
    most = max((each.count for each in known), default=1) or 1
    marks = [_line((0, 0), (1, 1), 'stroke="currentColor" stroke-opacity="0.5" stroke-dasharray="2 4"')]
    for each in known:
        bounds = (each.mean, each.share_low), (each.mean, each.share_high)
        marks.append(_line(*bounds, f'stroke="{_ACCENT}" stroke-width="1.5"'))
        radius = 3 + 6 * math.sqrt(each.count / most)
        about = f"said {each.mean:.2f}, seen {each.share:.2f} of {each.count}"
        marks.append(
            f'<circle cx="{_x(each.mean)}" cy="{_y(each.share)}" r="{radius:.1f}" fill="{_ACCENT}" '
            f'fill-opacity="0.75"><title>{html.escape(about)}</title></circle>'
        )
    cases = sum(each.count for each in known)
    said = "; ".join(f"said {b.mean:.2f}, seen {b.share:.2f} of {b.count}" for b in known)
    return _plot(title, f"{cases} cases. {said}", ("probability that was said", "share that was true"), marks)


def risk_coverage_plot(points: Sequence[RiskPoint], *, title: str = "Risk and coverage") -> str:
    """The share of wrong ones among the most confident, from the surest alone to all.

    The dotted line is the risk of taking everything. A point that is not finite is left out.
    """
    known = sorted(
        (each for each in points if _finite(each.coverage, each.risk)), key=lambda each: each.coverage
    )
    marks = []
    said = "no case"
    if known:
        first, last = known[0], known[-1]
        level = 'stroke="currentColor" stroke-opacity="0.5" stroke-dasharray="2 4"'
        marks.append(_line((0, last.risk), (1, last.risk), level))
        # Before the first point nothing can be told apart: its risk holds for all of its cases.
        corners = [(0.0, first.risk), *((each.coverage, each.risk) for each in known)]
        path = " ".join(f"{_x(x)},{_y(y)}" for x, y in corners)
        marks.append(
            f'<polyline points="{path}" fill="none" stroke="{_ACCENT}" stroke-width="2" '
            'stroke-linejoin="round"/>'
        )
        for coverage in _TICKS[1:]:
            point = next(each for each in known if each.coverage >= min(coverage, last.coverage))
            about = (
                f"{point.coverage:.0%} taken, {point.risk:.1%} wrong, confidence from {point.threshold:.3g}"
            )
            marks.append(
                f'<circle cx="{_x(point.coverage)}" cy="{_y(point.risk)}" r="4" fill="{_ACCENT}">'
                f"<title>{html.escape(about)}</title></circle>"
            )
        said = f"{first.risk:.1%} wrong at {first.coverage:.0%} taken, {last.risk:.1%} at {last.coverage:.0%}"
    return _plot(title, said, ("coverage: share taken", "risk: share wrong"), marks)


def _plot(title: str, description: str, axes: tuple[str, str], marks: Sequence[str]) -> str:
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    name = html.escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="{name}" font-family="inherit" font-size="13" '
        'fill="currentColor">',
        f"<title>{name}</title><desc>{html.escape(description)}</desc>",
    ]
    for tick in _TICKS:
        x, y, label = _x(tick), _y(tick), f"{tick:g}"
        grid = 'stroke="currentColor" stroke-opacity="0.15"'
        parts += [_line((tick, 0), (tick, 1), grid), _line((0, tick), (1, tick), grid)]
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="{_LEFT - 7}" y="{y}" dy="0.35em" text-anchor="end">{label}</text>')
    frame = f'x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"'
    parts.append(f'<rect {frame} fill="none" stroke="currentColor" stroke-opacity="0.6"/>')
    middle = (_LEFT + right) / 2
    across, up = (html.escape(axis) for axis in axes)
    parts.append(f'<text x="{middle:g}" y="{bottom + 40}" text-anchor="middle">{across}</text>')
    turned = f'transform="translate(13 {(_TOP + bottom) / 2:g}) rotate(-90)"'
    parts.append(f'<text {turned} text-anchor="middle">{up}</text>')
    return "".join([*parts, *marks, "</svg>"])


def _line(start: tuple[float, float], end: tuple[float, float], look: str) -> str:
    return f'<line x1="{_x(start[0])}" y1="{_y(start[1])}" x2="{_x(end[0])}" y2="{_y(end[1])}" {look}/>'


def _x(value: float) -> str:
    return f"{_LEFT + _SIDE * min(max(value, 0.0), 1.0):.1f}"


def _y(value: float) -> str:
    return f"{_TOP + _SIDE * (1 - min(max(value, 0.0), 1.0)):.1f}"


def _finite(*values: float) -> bool:
    return all(map(math.isfinite, values))
