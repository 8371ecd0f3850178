"""Scores of predicted conditions against gold ones, from 0 to 100.

``reference`` is the score of the release: the plain mean over instances of their F1, greedy matching, and
answers that are read as a whole or not at all. ``strict`` is ours, to be read first: the largest possible
matching, answers read by `answers.read_output`, and 0 for a malformed one, which the release rewards where
there are no conditions to find. What else ``strict`` holds says where a system is right: ``micro`` and
``by_type`` (soft pairs; under ``hard`` the same for hard ones), ``nonempty`` (without the instances whose
gold is empty), ``empty_detection`` and ``without_salvage`` (as if what had to be salvaged had been lost).
``callback`` is the score by which the release chooses a checkpoint (`metrics.condition_match`).

An instance without a prediction counts as an empty answer. Intervals are 95 % bootstraps over documents, not
over pairs: the pairs of one abstract share their text. Rates and shares are 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from apothecary.metrics.condition_match import VIEWS, Rule, View, callback_score, match
from apothecary.metrics.counts import Counts, by_label, total
from apothecary.metrics.resampling import Table, drawn_sums, interval
from apothecary.tasks.conditions.labels import TYPES
from apothecary.tasks.conditions.scored import Scored, Tally, tally
from apothecary.tasks.conditions.sums import FIGURES, MICRO, Figure, document_sums, empty_counts
from apothecary.tasks.flow import ScoreOptions

__all__ = ["score", "table"]

LONGEST_TYPE = 40
"""Characters of a type that a table shows."""

HEADINGS = ["", "precision", "recall", "F1", "95 % interval", "gold"]


def score(rows: Iterable[Scored], options: ScoreOptions, rule: Rule | None = None) -> dict[str, object]:
    """All figures of the instances. `rule` bends ``strict``; its threshold is that of the release, too.

    Of `options` the bootstrap counts, and `list_errors`, which adds every condition missed or wrong (as soft
    pairs) under ``differences``. Without an instance only their number is told.
    """
    rule = rule or Rule()
    tallies = [tally(row, rule) for row in rows]
    counted: dict[str, object] = {
        "documents": len({each.row.document for each in tallies}),
        "instances": len(tallies),
        "predicted_instances": sum(each.row.predicted is not None for each in tallies),
        "gold_conditions": sum(len(each.row.gold) for each in tallies),
        "scale": 100,
        "settings": {"seed": options.seed, "resamples": options.resamples, **asdict(rule)},
    }
    if not tallies:
        return counted
    return {
        "reference": {view: 100 * _mean([each.reference[view] for each in tallies]) for view in VIEWS},
        "strict": _strict(tallies, options),
        "callback": _callback(tallies, rule),
        "grounding": _grounding(tallies),
        **counted,
    } | ({"differences": _differences(tallies, rule)} if options.list_errors else {})


def table(found: Mapping[str, object]) -> list[list[str]]:
    """A score as rows of text, headings first."""
    strict, reference = _mapping(found.get("strict")), _mapping(found.get("reference"))
    if not strict:
        return [HEADINGS]
    nonempty = _mapping(strict["nonempty"])
    hard, lost = _mapping(strict["hard"]), _mapping(strict["without_salvage"])
    named = [
        ("micro: soft pair", strict["micro"]),
        ("micro: hard pair", hard["micro"]),
        ("no conditions", strict["empty_detection"]),
        *((f"type: {_shown(name)}", each) for name, each in _mapping(strict["by_type"]).items()),
    ]
    return [
        HEADINGS,
        *_mean_rows("mean F1", strict),
        *_mean_rows("mean F1, gold not empty", nonempty),
        *([name, *_cells(_mapping(each))] for name, each in named),
        *(_mean_rows("mean F1, salvaged as lost", lost) if strict["salvaged_rate"] else []),
        *_mean_rows("mean F1 as released", reference),
        *(
            [f"{name}: {100 * rate:.1f} % of answers", "", "", "", "", ""]
            for name, rate in (("malformed", strict["malformed_rate"]), ("salvaged", strict["salvaged_rate"]))
            if isinstance(rate, float)
        ),
        *([f"not by the usual rule: {each}", "", "", "", "", ""] for each in _bent(found)),
    ]


def _strict(tallies: Sequence[Tally], options: ScoreOptions) -> dict[str, object]:
    sums = document_sums(tallies)
    drawn = drawn_sums(sums.tolist(), resamples=options.resamples, seed=options.seed)
    everything = sums.sum(axis=0, keepdims=True)
    answered = [each.row.predicted for each in tallies if each.row.predicted is not None]
    found = {name: _with_intervals(figures, everything, drawn) for name, figures in FIGURES.items()}
    micro = {name: _counted([each.counts[name] for each in tallies]) | found[name] for name in MICRO}
    types = {name: _by_type(tallies, name) for name in MICRO}
    size = max(len(answered), 1)
    return {
        **found["all"],
        "micro": micro["soft_pair"],
        "by_type": types["soft_pair"],
        "hard": {"micro": micro["hard_pair"], "by_type": types["hard_pair"]},
        "nonempty": {"instances": sum(bool(each.row.gold) for each in tallies), **found["nonempty"]},
        "empty_detection": _counted([empty_counts(each) for each in tallies]) | found["empty"],
        "without_salvage": {
            view: 100 * _mean([0.0 if _is_salvaged(each) else each.f1[view] for each in tallies])
            for view in VIEWS
        },
        "malformed_rate": sum(each.status == "malformed" for each in answered) / size,
        "salvaged_rate": sum(each.status == "salvaged" for each in answered) / size,
        "dropped_items": sum(each.dropped for each in answered),
    }


def _with_intervals(figures: Mapping[str, Figure], everything: Table, drawn: Table) -> dict[str, object]:
    values = {name: 100 * float(figure(everything)[0]) for name, figure in figures.items()}
    bounds = {name: interval(values[name], 100 * figure(drawn)).as_dict() for name, figure in figures.items()}
    return {**values, "interval": bounds}


def _counted(counts: Iterable[Counts]) -> dict[str, object]:
    """The sums, and precision, recall and F1 of them."""
    pooled = total(counts)
    shares = {"precision": pooled.precision, "recall": pooled.recall, "f1": pooled.f1}
    return {**asdict(pooled), **{name: 100 * share for name, share in shares.items()}}


def _by_type(tallies: Sequence[Tally], view: View) -> dict[str, dict[str, object]]:
    """The six types, whether they occur or not, and behind them those that are none."""
    rows = by_label(each.by_type[view] for each in tallies)
    counts = {name: rows.get(name, Counts()) for name in (*TYPES, *rows)}
    return {name: _counted([each]) | {"support": each.tp + each.fn} for name, each in counts.items()}


def _callback(tallies: Sequence[Tally], rule: Rule) -> dict[str, object]:
    found = callback_score(
        ((each.row.gold_as_reference, each.row.as_reference) for each in tallies), rule.threshold
    )
    labels = {name: _counted([counts]) for name, counts in found.by_label.items()}
    return {**_counted([found.overall]), "by_label": labels}


def _grounding(tallies: Sequence[Tally]) -> dict[str, object]:
    """How many predicted spans stand in their text as they are; the share of none is None."""
    spans = [item.span in each.row.text for each in tallies for item in each.row.said if each.row.text]
    return {
        "spans": len(spans),
        "verbatim": sum(spans),
        "share": sum(spans) / len(spans) if spans else None,
    }


def _differences(tallies: Sequence[Tally], rule: Rule) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = []
    for each in tallies:
        sides = each.row.gold, each.row.said
        gold, said = ([(item.span, item.type) for item in side] for side in sides)
        matched = match(gold, said, "soft_pair", rule)
        for kind, items, used in (
            ("fn", sides[0], {number for number, _ in matched}),
            ("fp", sides[1], {place for _, place in matched}),
        ):
            listed += [
                {"id": each.row.id, "kind": kind, "span": item.span, "type": item.type}
                for place, item in enumerate(items)
                if place not in used
            ]
    return listed


def _bent(found: Mapping[str, object]) -> list[str]:
    """The settings in which the rule of a score is not the usual one."""
    usual, settings = asdict(Rule()), _mapping(found.get("settings"))
    return [f"{name} = {settings[name]}" for name in usual if settings.get(name, usual[name]) != usual[name]]


def _is_salvaged(each: Tally) -> bool:
    return each.row.predicted is not None and each.row.predicted.status == "salvaged"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _mean_rows(name: str, figures: Mapping[str, object]) -> list[list[str]]:
    bounds = _mapping(figures.get("interval"))
    return [
        [
            f"{name}: {view.replace('_', ' ')}",
            *("", "", _share(figures[view])),
            _bounds(_mapping(bounds.get(view))),
            "",
        ]
        for view in reversed(VIEWS)
    ]


def _shown(name: str) -> str:
    """A type as one short line: a model may have written anything for one."""
    line = "".join(character if character.isprintable() else " " for character in name)
    return line if len(line) <= LONGEST_TYPE else f"{line[: LONGEST_TYPE - 3]}..."


def _cells(figures: Mapping[str, object]) -> list[str]:
    shares = [_share(figures.get(key)) for key in ("precision", "recall", "f1")]
    bounds = _mapping(_mapping(figures.get("interval")).get("f1"))
    support = figures.get("support")
    return [*shares, _bounds(bounds), "" if support is None else str(support)]


def _bounds(bounds: Mapping[str, object]) -> str:
    return f"{_share(bounds['low'])}-{_share(bounds['high'])}" if bounds else ""


def _share(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
