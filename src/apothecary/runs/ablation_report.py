"""The report of an ablation: one HTML file without a script, in which every word from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apothecary.metrics.bootstrap import CountIntervals, Interval
from apothecary.metrics.counts import Counts
from apothecary.runs.ablation_result import SIGN, AblationResult, Confirmation, scenarios_of
from apothecary.runs.bubbles import Bubble, Frame, bubble_plot
from apothecary.runs.ledger import Spent
from apothecary.runs.pages import MEDICAL, framed, headed, safe, table_of
from apothecary.tasks.ablation import Effect, Round
from apothecary.tasks.schema import Scenario

__all__ = ["ablation_page"]

WIDE, NARROW = (860.0, 470.0, 26.0), (344.0, 400.0, 19.0)
"""Width, height and largest radius of a plot, in pixels: for a desk and for a phone."""
FIGURES = ("precision", "recall", "F1")


def ablation_page(result: AblationResult, *, title: str) -> str:
    """The page as text: what was removed, whether it holds, and every effect of every round."""
    body = [_head(result, title), "<main>", _removed(result)]
    if result.confirmation is not None:
        body.append(_held(result.confirmation, result.confirming))
    body += [_round(result, number) for number in range(len(result.rounds))]
    body += [_cost(result), "</main>"]
    return framed(title, ("report.css", "ablation.css"), "".join(body))


def _head(result: AblationResult, title: str) -> str:
    done = "good" if result.status == "complete" else "bad"
    counts = {
        "documents to choose on": result.documents,
        "to confirm on": result.confirming,
        "rounds": len(result.rounds),
        "removed": len(result.removed),
    }
    lead = (
        f'<div class="bar"><h1>{safe(title)}</h1>'
        f'<span class="badge {done}">{safe(result.status)}</span></div>'
        f'<p class="quiet">{safe(_about(result))}</p>'
        f'<p class="quiet">{MEDICAL} \u0394 is the figure '
        f"{safe(SIGN)}. In percentage points, with 95&#8239;% bootstrap intervals over documents.</p>"
    )
    return headed(lead, counts, _notices(result))


def _notices(result: AblationResult) -> list[str]:
    said = [f"{result.reason}; the same command goes on from here."] if result.reason else []
    if result.problems:
        said.append(f"{result.problems} questions had no usable answer; they count as no relation.")
    return [*said, *(f"Note: {note}." for note in result.notes)]


def _about(result: AblationResult) -> str:
    engines = result.identity.get("engines")
    named = [each.get("name") for each in engines.values()] if isinstance(engines, Mapping) else []
    names = ", ".join(sorted({str(name) for name in named if name}))
    parts = [f"Schema {result.schema.name}", f"evaluator {result.evaluator}", names]
    return " \u00b7 ".join(part for part in parts if part)


def _removed(result: AblationResult) -> str:
    rows = []
    for number, each in enumerate(result.rounds, start=1):
        effect = next((effect for effect in each.effects if effect.scenario == each.removed), None)
        if effect is not None:
            name = f'<a href="#{_target(number, each.effects.index(effect))}">{safe(effect.scenario)}</a>'
            rows.append(("", [f"round {number}", name, *_deltas(effect.delta), _figures(each.base)]))
    if not rows:
        told = "Nothing: every scenario that could be spared is worth its place, or changes no answer."
        table = f"<p>{told if result.rounds else 'No round is over yet.'}</p>"
    else:
        table = table_of(["", "scenario", *_delta_heads(), "P / R / F1 before"], rows, names=2)
    kept = [
        (result.idle, "change no answer and were kept (remove them with --drop-idle)"),
        (
            result.unspared,
            "could not be left out: the last positive, the last negative or the last of a relation type",
        ),
    ]
    more = "".join(
        f'<p class="quiet lead">{safe(", ".join(names))}: {told}.</p>' for names, told in kept if names
    )
    return f"<section><h2>What was removed</h2>{table}{more}</section>"


def _held(found: Confirmation, documents: int) -> str:
    rows = [
        ("", ["full schema", *map(_figure, _intervals(found.full_intervals)), _counted(found.full)]),
        ("", ["pruned schema", *map(_figure, _intervals(found.pruned_intervals)), _counted(found.pruned)]),
        ("", ["\u0394 full \u2212 pruned", *_deltas(found.delta), ""]),
    ]
    heads = ["", *FIGURES, "right \u00b7 wrong \u00b7 missed"]
    return (
        "<section><h2>Does it hold?</h2>"
        f'<p class="lead">On {documents} documents that had no say in what was removed.</p>'
        f"{table_of(heads, rows)}</section>"
    )


def _round(result: AblationResult, place: int) -> str:
    each, number, scenarios = result.rounds[place], place + 1, scenarios_of(result.schema)
    short = len(result.schema.templates) == 1
    bubbles = [
        _bubble(effect, scenarios[effect.scenario], _target(number, row), each.removed, short=short)
        for row, effect in enumerate(each.effects)
    ]
    rows = [
        (_target(number, row), [_name(effect, scenarios[effect.scenario], each), *_deltas(effect.delta)])
        for row, effect in enumerate(each.effects)
    ]
    gone = f"Without {', '.join(each.without)}. " if each.without else "The full schema. "
    ended = f"{each.removed} was removed." if each.removed else "Nothing was removed."
    plot = _plot(bubbles, number) if bubbles else ""
    return (
        f"<section><h2>Round {number}</h2>"
        f'<p class="lead">{safe(gone)}P / R / F1 {_figures(each.base)}. {safe(ended)}</p>{plot}'
        f"{table_of(['scenario', *_delta_heads()], rows)}</section>"
    )


def _bubble(effect: Effect, scenario: Scenario, target: str, removed: str | None, *, short: bool) -> Bubble:
    mark = "+" if scenario.polarity == "positive" else "\u2212"
    figures = (effect.delta.precision.value, effect.delta.recall.value, effect.delta.f1.value)
    said = ", ".join(f"\u0394 {name} {_points(value)}" for name, value in zip(FIGURES, figures, strict=True))
    gone = effect.scenario == removed
    return Bubble(
        x=100 * figures[0],
        y=100 * figures[1],
        size=abs(figures[2]),
        label=f"{mark} {scenario.id if short else effect.scenario}",
        description=f"{effect.scenario}, {scenario.polarity}: {said}{'; removed' if gone else ''}",
        kind=f"{scenario.polarity} gone" if gone else scenario.polarity,
        target=target,
    )


def _plot(bubbles: Sequence[Bubble], number: int) -> str:
    drawn = "".join(
        f'<div class="{name}">{bubble_plot(bubbles, _frame(size, number))}</div>'
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    )
    keys = (
        '<li><span class="dot positive"></span>+ positive scenario</li>'
        '<li><span class="dot negative"></span>\u2212 negative scenario</li>'
        '<li><span class="dot out"></span>removed in this round</li>'
        "<li>area: |\u0394 F1|; right and up: the scenario helps</li>"
    )
    return f'<div class="plot">{drawn}<ul class="keys">{keys}</ul></div>'


def _frame(size: tuple[float, float, float], number: int) -> Frame:
    title = f"Effects of round {number}, one bubble for each scenario; the table below holds the same figures"
    return Frame(*size, "\u0394 precision, points", "\u0394 recall, points", title)


def _name(effect: Effect, scenario: Scenario, each: Round) -> str:
    badges = [
        ("removed", "bad") if effect.scenario == each.removed else None,
        ("changes no answer", "") if effect.idle else None,
    ]
    shown = "".join(f'<span class="badge {kind}">{text}</span>' for text, kind in filter(None, badges))
    return (
        f'<span class="dot {safe(scenario.polarity)}"></span>'
        f"<strong>{safe(effect.scenario)}</strong>{shown}"
        f'<span class="text">{safe(scenario.polarity)}: {safe(scenario.text)}</span>'
    )


def _cost(result: AblationResult) -> str:
    named = [(f"round {number}", spent) for number, spent in enumerate(result.spent, start=1)]
    if result.confirmation is not None:
        named.append(("confirmation", result.confirmation.spent))
    rows = [("", [name, *_spent(spent)]) for name, spent in [*named, ("all", result.total)]]
    heads = ["", "calls", "from reply cache", "prompt tokens", "new tokens", "seconds"]
    return f"<section><h2>What it took</h2>{table_of(heads, rows)}</section>"


def _spent(spent: Spent) -> list[str]:
    counts = (spent.calls, spent.cache_hits, spent.prompt_tokens, spent.completion_tokens)
    return [*(f"{count:,}" for count in counts), f"{spent.seconds:,.1f}"]


def _deltas(delta: CountIntervals) -> list[str]:
    cells = []
    for each in _intervals(delta):
        kind = "helps" if each.low > 0 else "harms" if each.high < 0 else ""
        bounds = f"{_points(each.low)} to {_points(each.high)}"
        cells.append(f'<span class="{kind}">{_points(each.value)}</span><small>{bounds}</small>')
    return cells


def _figure(each: Interval) -> str:
    return f"{100 * each.value:.1f}<small>{100 * each.low:.1f} to {100 * each.high:.1f}</small>"


def _intervals(each: CountIntervals) -> tuple[Interval, Interval, Interval]:
    return each.precision, each.recall, each.f1


def _figures(counts: Counts) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in (counts.precision, counts.recall, counts.f1))


def _counted(counts: Counts) -> str:
    return f"{counts.tp} \u00b7 {counts.fp} \u00b7 {counts.fn}"


def _points(value: float) -> str:
    # A difference that rounds to nothing has no sign.
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "\u2212")


def _delta_heads() -> list[str]:
    return [f"\u0394 {name}" for name in FIGURES]


def _target(number: int, row: int) -> str:
    return f"r{number}-{row}"
