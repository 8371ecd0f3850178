"""A bubble plot as SVG text: no script, no style of its own, no address but those within its page.

Labels are placed one by one, largest bubble first, at the nearest free place around their bubble; one for
which there is none is left to the description that every bubble carries. The text of a label is measured by
its number of characters, which is good enough to keep labels apart.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Bubble", "Frame", "bubble_plot"]

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 46.0, 14.0, 14.0, 40.0
CHARACTER, LINE = 6.3, 14.0
"""Width of a character and height of a line of a label, in pixels at 11.5 px."""
SMALLEST, TOUCH = 4.0, 14.0
"""Least radius that is drawn, and least radius that a finger finds."""
FAR = 8.0
"""From here on a label needs a line to its bubble."""
DISTANCES = (4.0, 16.0, 28.0, 44.0, 64.0, 88.0)
STEPS = (1.0, 2.0, 2.5, 5.0)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Bubble:
    """One bubble: where it is, in the units of the axes, its size (shown as area), and what it is called.

    `kind` is a class of the page's style, `target` the id in the page that it leads to.
    """

    x: float
    y: float
    size: float
    label: str
    description: str
    kind: str
    target: str


@dataclass(frozen=True)
class Frame:
    """Size in pixels, the largest radius, and the names of the axes."""

    width: float
    height: float
    largest: float
    x_name: str
    y_name: str
    title: str


@dataclass(frozen=True)
class _Axis:
    """A range of figures and the pixels between which it is drawn."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a figure."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round figures within the range, about one in fifty pixels; zero is one of them."""
        rough = (self.high - self.low) / max(2.0, abs(self.end - self.start) / 56)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next((power * each for each in STEPS if power * each >= rough), power * 10)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]


def bubble_plot(bubbles: Sequence[Bubble], frame: Frame) -> str:
    """The plot, with lines through zero. Every bubble is a link that says in words what it shows."""
    x = _axis([each.x for each in bubbles], MARGIN_LEFT, frame.width - MARGIN_RIGHT)
    y = _axis([each.y for each in bubbles], frame.height - MARGIN_BOTTOM, MARGIN_TOP)
    # The largest are drawn first, so that none hides another.
    ordered = sorted(bubbles, key=lambda each: -each.size)
    greatest = max((each.size for each in bubbles), default=0.0) or 1.0
    circles = [
        (x.at(each.x), y.at(each.y), max(SMALLEST, frame.largest * math.sqrt(each.size / greatest)))
        for each in ordered
    ]
    taken: list[Box] = [(cx - r, cy - r, cx + r, cy + r) for cx, cy, r in circles]
    zeros = [(x.at(0), y.end, x.at(0), y.start), (x.start, y.at(0), x.end, y.at(0))]
    drawn = []
    for bubble, circle in zip(ordered, circles, strict=True):
        # Better beside a line than on it, better on it than nowhere.
        place = _free_place(bubble.label, circle, frame, [*taken, *zeros])
        place = place or _free_place(bubble.label, circle, frame, taken)
        if place is not None:
            taken.append(place)
        drawn.append(_draw(bubble, circle, place))
    return (
        f'<svg viewBox="0 0 {frame.width:g} {frame.height:g}" width="{frame.width:g}" '
        f'height="{frame.height:g}" role="group" aria-label="{html.escape(frame.title)}">'
        f"{_grid(x, y, frame)}{''.join(drawn)}</svg>"
    )


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    low, high = min([0.0, *values]), max([0.0, *values])
    room = (high - low) * 0.18 or 1.0
    return _Axis(low - room, high + room, start, end)


def _grid(x: _Axis, y: _Axis, frame: Frame) -> str:
    left, right, bottom, top = MARGIN_LEFT, frame.width - MARGIN_RIGHT, y.start, y.end
    parts = []
    for value in x.ticks():
        parts.append(_line("grid" if value else "zero", (x.at(value), bottom), (x.at(value), top)))
        parts.append(
            f'<text class="tick middle" x="{x.at(value):.1f}" y="{bottom + 15:.1f}">{_said(value)}</text>'
        )
    for value in y.ticks():
        parts.append(_line("grid" if value else "zero", (left, y.at(value)), (right, y.at(value))))
        parts.append(
            f'<text class="tick last" x="{left - 6:.1f}" y="{y.at(value) + 4:.1f}">{_said(value)}</text>'
        )
    middle = (bottom + top) / 2
    return (
        f'<g aria-hidden="true">{"".join(parts)}'
        f'<text class="axis-name middle" x="{(left + right) / 2:.1f}" y="{frame.height - 5:.1f}">'
        f"{html.escape(frame.x_name)}</text>"
        f'<text class="axis-name middle" transform="translate(11 {middle:.1f}) rotate(-90)">'
        f"{html.escape(frame.y_name)}</text></g>"
    )


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    return (
        f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    )


def _said(value: float) -> str:
    return f"{value:+g}".replace("-", "\u2212") if value else "0"


def _draw(bubble: Bubble, circle: tuple[float, float, float], place: Box | None) -> str:
    cx, cy, r = circle
    words = html.escape(bubble.description)
    label = leader = ""
    if place is not None:
        left, upper, right, lower = place
        nearest = (min(max(cx, left), right), min(max(cy, upper), lower))
        if math.dist((cx, cy), nearest) > r + FAR:
            leader = _line("leader", (cx, cy), nearest)
        label = f'<text class="label" x="{left:.1f}" y="{lower - 3:.1f}">{html.escape(bubble.label)}</text>'
    return (
        f'<a class="bubble {html.escape(bubble.kind)}" href="#{html.escape(bubble.target)}" '
        f'aria-label="{words}">'
        f'<title>{words}</title><circle class="touch" cx="{cx:.1f}" cy="{cy:.1f}" r="{max(r, TOUCH):.1f}"/>'
        f'{leader}<circle class="disc" cx="{cx:.1f}" cy="{cy:.1f}" r="{r:.1f}"/>{label}</a>'
    )


def _free_place(
    label: str, circle: tuple[float, float, float], frame: Frame, taken: Sequence[Box]
) -> Box | None:
    for box in _places(label, circle, frame):
        left, upper, right, lower = box
        inside = (
            left >= MARGIN_LEFT
            and right <= frame.width - 2
            and upper >= 2
            and lower <= frame.height - MARGIN_BOTTOM
        )
        if inside and not any(
            left < other[2] and other[0] < right and upper < other[3] and other[1] < lower for other in taken
        ):
            return box
    return None


def _places(label: str, circle: tuple[float, float, float], frame: Frame) -> Iterator[Box]:
    """Boxes around a circle: right, left, below, above, then the corners; farther and farther away."""
    cx, cy, r = circle
    width = CHARACTER * len(label)
    for distance in DISTANCES:
        away = r + distance
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            x = cx + dx * away - (width if dx < 0 else 0)
            if dx == 0:
                # Below and above need not be centred.
                x = max(MARGIN_LEFT, min(cx - width / 2, frame.width - 2 - width))
            y = cy + dy * (away + LINE / 2)
            yield x, y - LINE / 2, x + width, y + LINE / 2
