"""The figures of an evaluation as a page without a script, and as Markdown; both say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from apothecary.runs.pages import page_of, safe, table_of

__all__ = ["evaluation_notes", "evaluation_page", "evaluation_text", "result_rows", "shown"]

Row = Mapping[str, object]
Scale = Callable[[float], float]
GROUPS = (("by_family", "By family"), ("by_task", "By task"), ("by_language", "By language"))
LINE, LEFT, RIGHT = 30.0, 190.0, 24.0
"""Of a plot, in pixels: the height of a row, and what is kept free at its sides."""
NARROW_LEFT = 16.0
WIDE, NARROW = 760.0, 344.0
LONGEST = 26


def evaluation_page(title: str, figures: Row) -> str:
    """The page as text."""
    counts = {name.replace("_", " "): f"{value}" for name, value in _table(figures.get("counts")).items()}
    sets = _rows(figures.get("sets"))
    notes = evaluation_notes(figures)
    sections = [_plotted(sets), _results(sets), _averages(figures), *map(_set, sets)]
    return page_of(f"Evaluation: {title}", _about(figures), counts, notes, sections)


def evaluation_text(figures: Row) -> str:
    """The figures as Markdown: a table of sets, of averages, and what is to be known of them."""
    sets = _rows(figures.get("sets"))
    parts = [
        f"# Evaluation: {_cell(figures.get('suite'))}",
        _about(figures),
        _markdown(_heads(sets), _lines(sets)),
    ]
    heads = _average_heads(figures)
    for name, group in _groups(figures):
        rows = [[key, *_average_cells(_table(row), heads)] for key, row in group.items()]
        parts.append(_markdown([name, *heads], rows))
    notes = evaluation_notes(figures)
    parts += ["\n".join(f"- {_cell(note)}" for note in notes)] if notes else []
    return "\n\n".join(parts).encode("utf-8", "replace").decode("utf-8") + "\n"


def result_rows(figures: Row) -> list[list[str]]:
    """The results by set as rows of text, headings first."""
    sets = _rows(figures.get("sets"))
    return [_heads(sets), *_lines(sets), ["mean of sets", *_average_row(_table(figures.get("macro")), sets)]]


def evaluation_notes(figures: Row) -> list[str]:
    """What is to be known of the figures: how sets were made, and which are left out."""
    return [*_notes(figures), *_unserved(figures)]


def shown(figure: object, form: str = ".3f") -> str:
    """A figure with its interval, in one line."""
    value = _table(figure)
    if not isinstance(value.get("value"), float | int):
        return "-"
    return f"{value['value']:{form}} ({value['low']:{form}} to {value['high']:{form}})"


# --- what both say --------------------------------------------------------------------------------


def _about(figures: Row) -> str:
    provider = _table(figures.get("provider"))
    against = f" Compared with {figures['against']}." if figures.get("against") else ""
    return (
        f"Suite {figures.get('suite')}, {provider.get('kind')} {provider.get('value')}. "
        f"Status: {figures.get('status')}. Intervals are 95 %, by a bootstrap over items.{against}"
    )


def _notes(figures: Row) -> list[str]:
    notes = figures.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _unserved(figures: Row) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for name, why in _table(figures.get("not_served")).items():
        reasons.setdefault(str(why), []).append(name)
    return [f"Left out, {why}: {', '.join(names)}" for why, names in reasons.items()]


def _heads(sets: Sequence[Row]) -> list[str]:
    heads = ["set", "task", "metric", "figure", "best baseline", "gain over it", "items", "unread", "refused"]
    return [*heads, "against", "difference"] if any(row.get("against") for row in sets) else heads


def _lines(sets: Sequence[Row]) -> list[list[str]]:
    lines = []
    for row in sets:
        baseline = row.get("best_baseline")
        value = _table(row.get("baselines")).get(str(baseline)) if baseline else None
        cells = [
            str(row.get("name")),
            f"{row.get('task')} {row.get('language')}",
            str(row.get("metric")),
            shown(_main(row)),
            f"{baseline} {shown(value)}" if baseline else "-",
            shown(row.get("gain"), "+.3f"),
            f"{row.get('items')}",
            f"{row.get('unread')}",
            f"{row.get('refused')}",
        ]
        if len(_heads(sets)) > len(cells):
            other = _table(row.get("against"))
            value = other.get("value")
            told = f"{value:.3f} of {other.get('items')}" if isinstance(value, float) else "-"
            cells += [told, shown(other.get("difference"), "+.3f")]
        lines.append(cells)
    return lines


def _groups(figures: Row) -> list[tuple[str, Row]]:
    """The averages, by what they are over."""
    named = [(name, _table(figures.get(key))) for key, name in GROUPS]
    return [*named, ("All", {"mean of sets": figures.get("macro")})]


def _average_row(row: Row, sets: Sequence[Row]) -> list[str]:
    figure, base, _, *counts = _average_cells(row, _AVERAGE_HEADS)
    cells = ["", "", figure, base, "", *counts]
    return [*cells, *[""] * (len(_heads(sets)) - 1 - len(cells))]


_AVERAGE_HEADS = ["mean", "baselines", "sets", "items", "unread", "refused"]


def _average_heads(figures: Row) -> list[str]:
    return [*_AVERAGE_HEADS, *(["difference"] if figures.get("against") else [])]


def _average_cells(row: Row, heads: Sequence[str]) -> list[str]:
    base = row.get("best_baseline")
    told = f"{base:.3f}" if isinstance(base, float) else "-"
    cells = [shown(row), told, *(f"{row.get(name)}" for name in _AVERAGE_HEADS[2:])]
    return [*cells, shown(row.get("difference"), "+.3f")][: len(heads)]


def _main(row: Row) -> object:
    return _table(row.get("figures")).get(str(row.get("metric")))


# --- Markdown -------------------------------------------------------------------------------------


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    """Text of others within a line: no line break, no column, no markup."""
    text = " ".join(str(value).split())
    for mark in "\\|`*_<>[]":
        text = text.replace(mark, f"\\{mark}")
    return text


# --- the page -------------------------------------------------------------------------------------


def _results(sets: Sequence[Row]) -> str:
    rows = []
    for row, line in zip(sets, _lines(sets), strict=True):
        link = f'<a href="#{safe(_target(row))}"><strong>{safe(line[0])}</strong></a>'
        rows.append(("", [link, *map(_broken, line[1:])]))
    return (
        '<section><h2>Results by set</h2><p class="lead">The main figure of each set beside the best answer '
        "without a model. A reply that cannot be read counts as an empty or wrong answer.</p>"
        f"{table_of(_heads(sets), rows, label='Results by set')}</section>"
    )


def _averages(figures: Row) -> str:
    tables, heads = [], _average_heads(figures)
    for name, group in _groups(figures):
        rows = [
            ("", [f"<strong>{safe(key)}</strong>", *map(_broken, _average_cells(_table(row), heads))])
            for key, row in group.items()
        ]
        tables.append(table_of([name, *heads], rows, label=name))
    return (
        '<section><h2>Averages</h2><p class="lead">Unweighted means of main figures. They mix F1, '
        "accuracy and overlap of texts: good for comparing models on this suite, for nothing else.</p>"
        f"{''.join(tables)}</section>"
    )


def _set(row: Row) -> str:
    figures = [
        (name, [safe(name), _broken(shown(each))]) for name, each in _table(row.get("figures")).items()
    ]
    bases = [
        (name, [safe(f"baseline {name}"), _broken(shown(each))])
        for name, each in _table(row.get("baselines")).items()
    ]
    left = ", ".join(
        f"{count} {name.replace('_', ' ')}" for name, count in _table(row.get("left_out")).items()
    )
    repairs = ", ".join(f"{name} {count}" for name, count in _table(row.get("repairs")).items())
    told = [
        f"{row.get('items')} of {row.get('fitting')} examples of {row.get('split')}; left out: {left}.",
        f"Replies: {row.get('answered')} answered, {row.get('missing')} missing, {row.get('unread')} unread, "
        f"{row.get('refused')} refused, {row.get('cut_off')} cut off.",
        f"Wording {row.get('template')}, {row.get('shots')} examples shown"
        f"{', held to the options' if row.get('constrained') else ''}"
        f"{', by the odds of the options' if row.get('log_odds') else ''}. "
        f"Baselines know {row.get('baselines_know')}.",
        *([f"Mended while reading: {repairs}."] if repairs else []),
    ]
    table = table_of(
        ["figure", "value"], [("", cells) for _, cells in (*figures, *bases)], label=str(row.get("name"))
    )
    return (
        f'<section id="{safe(_target(row))}"><h2>{safe(row.get("name"))}</h2>'
        f"{''.join(f'<p class=lead>{safe(line)}</p>' for line in told)}{table}</section>"
    )


def _plotted(sets: Sequence[Row]) -> str:
    drawn = "".join(
        f'<div class="{kind}">{_plot(sets, size)}</div>'
        for kind, size in (("wide", WIDE), ("narrow", NARROW))
    )
    return (
        '<section><h2>At a glance</h2><p class="lead">Dots are main figures with intervals, diamonds best '
        f'baselines. A dot leads to its set.</p><div class="plot">{drawn}</div></section>'
    )


def _plot(sets: Sequence[Row], width: float) -> str:
    """A row for each set on a scale from 0 to 1; on a narrow page the name stands above its row."""
    narrow = width < WIDE
    left, line = (NARROW_LEFT, LINE * 1.5) if narrow else (LEFT, LINE)
    height = line * len(sets) + 34

    def x(value: float) -> float:
        return left + (width - left - RIGHT) * min(max(value, 0.0), 1.0)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="group" aria-label="Main figures by set">'
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="6" y2="{height - 26:g}"/>'
        )
        parts.append(f'<text class="tick middle" x="{x(tick):.1f}" y="{height - 8:g}">{tick:g}</text>')
    for place, row in enumerate(sets):
        y = 6 + line * (place + (0.72 if narrow else 0.5))
        name = str(row.get("name"))
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\u2026"
        spot = (left, y - 13, "") if narrow else (left - 12, y + 4, ' class="last"')
        parts.append(f'<text{spot[2]} x="{spot[0]:g}" y="{spot[1]:.1f}">{safe(short)}</text>')
        parts.append(_knot(row, x, y))
    return "".join([*parts, "</svg>"])


def _knot(row: Row, x: Scale, y: float) -> str:
    figure = _table(_main(row))
    base = _table(_table(row.get("baselines")).get(str(row.get("best_baseline")))).get("value")
    than = f", best baseline {base:.3f}" if isinstance(base, float) else ""
    about = f"{row.get('name')}: {row.get('metric')} {shown(figure)}{than}"
    found = ""
    if isinstance(base, float):
        left, top = f"{x(base):.1f}", f"{y - 6:.1f}"
        found += f'<g class="negative"><path class="disc" d="M{left} {top}l6 6l-6 6l-6 -6z"/></g>'
    value, low, high = (figure.get(key) for key in ("value", "low", "high"))
    if isinstance(value, float) and isinstance(low, float) and isinstance(high, float):
        found += (
            f'<line class="whiskers" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<a class="knot" href="#{safe(_target(row))}" aria-label="{safe(about)}">'
            f"<title>{safe(about)}</title>"
            f'<circle class="touch" cx="{x(value):.1f}" cy="{y:.1f}" r="13"/>'
            f'<circle class="disc" cx="{x(value):.1f}" cy="{y:.1f}" r="5"/></a>'
        )
    return found


def _target(row: Row) -> str:
    return "set-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in str(row.get("name")))


def _broken(text: str) -> str:
    """A figure above its interval."""
    head, bracket, rest = text.partition(" (")
    return f"{safe(head)}<small>{safe(rest.rstrip(')'))}</small>" if bracket else safe(text)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
