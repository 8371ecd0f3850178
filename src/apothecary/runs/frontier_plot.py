"""The Jaccard-interactions curve as inline SVG: no script, nothing fetched.

Every point is a link to its row in the table of the page, so that it can be reached by keyboard; what it says
stands in its title. Colours are those of the page (``lists.css``).
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Knot", "frontier_plot"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 24.0, 18.0, 46.0
_TICKS = 5


@dataclass(frozen=True)
class Knot:
    """A point with the bounds of its intervals; `target` is the id that it leads to."""

    x: float
    y: float
    x_bounds: tuple[float, float]
    y_bounds: tuple[float, float]
    label: str
    description: str
    target: str


@dataclass(frozen=True)
class _Scale:
    """From figures to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a figure stands."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)

    def ticks(self) -> Iterator[float]:
        """Round figures between the ends."""
        step = _step(self.high - self.low)
        number = math.ceil(self.low / step - 1e-9)
        while number * step <= self.high + 1e-9:
            yield number * step
            number += 1


def frontier_plot(
    knots: Sequence[Knot], axes: tuple[str, str], *, gold: float | None, size: tuple[float, float]
) -> str:
    """The curve through the points in their order; `gold` is a place on the first axis that is marked.

    `size` is width and height in pixels. Raises nothing: a curve without a point is an empty frame.
    """
    width, height = size
    xs = [value for knot in knots for value in (knot.x, *knot.x_bounds)] + ([] if gold is None else [gold])
    ys = [value for knot in knots for value in (knot.y, *knot.y_bounds)]
    across = _scale(xs, _LEFT, width - _RIGHT, from_zero=True)
    up = _scale(ys, height - _BOTTOM, _TOP, from_zero=False)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="group" aria-label="{html.escape(" against ".join(axes[::-1]))}">',
        *_grid(across, up, axes, size),
    ]
    if gold is not None:
        x = across.at(gold)
        parts.append(_line(x, _TOP, x, height - _BOTTOM, "gold"))
        y = height - _BOTTOM - 6
        parts.append(f'<text class="tick" x="{x + 4:.1f}" y="{y:.1f}">given lists</text>')
    for knot in knots:
        x, y = across.at(knot.x), up.at(knot.y)
        parts.append(_line(across.at(knot.x_bounds[0]), y, across.at(knot.x_bounds[1]), y, "whiskers"))
        parts.append(_line(x, up.at(knot.y_bounds[0]), x, up.at(knot.y_bounds[1]), "whiskers"))
    path = " ".join(f"{across.at(knot.x):.1f},{up.at(knot.y):.1f}" for knot in knots)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    parts += [_knot(knot, across.at(knot.x), up.at(knot.y)) for knot in knots]
    return "".join([*parts, "</svg>"])


def _grid(across: _Scale, up: _Scale, axes: tuple[str, str], size: tuple[float, float]) -> Iterator[str]:
    width, height = size
    bottom = height - _BOTTOM
    for tick in across.ticks():
        x = across.at(tick)
        yield _line(x, _TOP, x, bottom, "grid")
        yield f'<text class="tick middle" x="{x:.1f}" y="{bottom + 16:.1f}">{tick:.3g}</text>'
    for tick in up.ticks():
        y = up.at(tick)
        yield _line(_LEFT, y, width - _RIGHT, y, "grid")
        yield f'<text class="tick last" x="{_LEFT - 6:.1f}" y="{y + 4:.1f}">{tick:.3g}</text>'
    middle = (_LEFT + width - _RIGHT) / 2
    below, beside = (html.escape(axis) for axis in axes)
    yield f'<text class="axis-name middle" x="{middle:.1f}" y="{height - 8:.1f}">{below}</text>'
    turned = f"translate(13 {(_TOP + bottom) / 2:.1f}) rotate(-90)"
    yield f'<text class="axis-name middle" transform="{turned}">{beside}</text>'


def _knot(knot: Knot, x: float, y: float) -> str:
    said = html.escape(knot.description)
    return (
        f'<a class="knot" href="#{html.escape(knot.target)}" aria-label="{said}"><title>{said}</title>'
        f'<circle class="touch" cx="{x:.1f}" cy="{y:.1f}" r="18"/>'
        f'<circle class="disc" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text class="label" x="{x + 9:.1f}" y="{y + 15:.1f}">{html.escape(knot.label)}</text></a>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _scale(values: Sequence[float], start: float, end: float, *, from_zero: bool) -> _Scale:
    low = 0.0 if from_zero else min(values, default=0.0)
    high = max(values, default=1.0)
    room = 0.06 * (high - low) or 0.01
    return _Scale(low if from_zero else max(0.0, low - room), high + room, start, end)


def _step(width: float) -> float:
    """A round distance of ticks, such that about `_TICKS` fit."""
    rough = width / _TICKS
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
