"""Figures of an evaluation: by set, task, language and family, with baselines and another run beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apothecary.errors import AnswerError, UsageError
from apothecary.examples import TaskName
from apothecary.metrics.resampling import interval
from apothecary.runs.evaluation_baselines import baseline_answer
from apothecary.runs.evaluation_items import Item, Loaded
from apothecary.runs.evaluation_suite import Suite
from apothecary.tasks.instruct_records import parse_reply
from apothecary.tasks.instruct_refusals import is_refusal
from apothecary.tasks.instruct_score import (
    Judged,
    Rule,
    Sampled,
    default_rules,
    difference,
    measured,
    rule_of,
)
from apothecary.tasks.instruct_templates import chance

__all__ = ["FAMILY", "Compared", "figures_of"]

FAMILY: Mapping[TaskName, str] = {
    "mentions": "extraction",
    "relations": "extraction",
    "triples": "extraction",
    "events": "extraction",
    "classification": "classification",
    "choice": "questions",
    "text_pairs": "text pairs",
    "generation": "text",
    "dialogue": "text",
}
"""Families that results are averaged over."""

Replies = Mapping[str, Mapping[str, object]]
"""Rows of ``predictions.jsonl`` by id."""
Figures = dict[str, object]


@dataclass(frozen=True)
class Compared:
    """Another run to compare with: how it is called, and its rows by id."""

    name: str
    replies: Replies


@dataclass(frozen=True)
class _Main:
    """What averages are made of: the main figure of a set, that of its best baseline, the difference to
    another run."""

    record: Figures
    sampled: Sampled
    baseline: float | None
    difference: Sampled | None


def figures_of(
    parts: Sequence[Loaded], replies: Replies, suite: Suite, against: Compared | None = None
) -> Figures:
    """All figures as JSON values. Raises UsageError where there is nothing to pair with.

    A figure with an interval is ``{"value", "low", "high"}``, 95 % by a bootstrap over items; averages draw
    the items of each set apart. `gain` is the main figure less that of the best baseline; `difference` of an
    average is there where every set of it was compared.
    """
    mains = [_set(loaded, replies, suite, against) for loaded in parts]
    records = [main.record for main in mains]
    if against is not None and not any(record.get("against") for record in records):
        raise UsageError(
            "has no item of this suite", where=against.name, hint="evaluate it on the same suite"
        )
    return {
        "suite": suite.name,
        "seed": suite.seed,
        "resamples": suite.resamples,
        "against": against.name if against else None,
        "counts": _summed(records),
        "sets": records,
        "by_task": _grouped(mains, lambda record: str(record["task"])),
        "by_language": _grouped(mains, lambda record: str(record["language"])),
        "by_family": _grouped(mains, lambda record: str(record["family"])),
        "macro": _average(mains),
    }


def _set(loaded: Loaded, replies: Replies, suite: Suite, against: Compared | None) -> _Main:
    first = loaded.items[0]
    seed = int(chance(suite.seed, "bootstrap", loaded.part.name) * 2**32)
    rules = [rule_of(name) for name in loaded.part.metrics or default_rules(first.gold)]
    judged, counts, repairs = _judged(loaded.items, replies)
    found = {
        name: sampled
        for rule in rules
        for name, sampled in measured(rule, judged, resamples=suite.resamples, seed=seed).items()
    }
    main = next(iter(found))
    baselines = _baselines(loaded, rules[0], suite, seed)
    best = max(baselines, key=lambda name: baselines[name][0].value or 0.0, default=None)
    record: Figures = {
        "name": loaded.part.name,
        "task": first.task,
        "family": FAMILY[first.task],
        "language": first.language,
        "split": loaded.part.split,
        "items": len(loaded.items),
        "left_out": {"held_out": loaded.held_out, "bad": loaded.bad, "unasked": loaded.unasked},
        "fitting": loaded.fitting,
        "shots": first.shots,
        "template": first.template,
        "constrained": loaded.constrained,
        "log_odds": loaded.log_odds,
        **counts,
        "repairs": dict(sorted(repairs.items())),
        "metric": main,
        "figures": {name: sampled.record() for name, sampled in found.items()},
        "baselines": {name: sampled.record() for name, (sampled, _) in baselines.items()},
        "baselines_know": _known(loaded),
        "best_baseline": best,
        "gain": _gain(rules[0], judged, baselines[best][1], suite, seed) if best else None,
    }
    gap = None
    if against is not None:
        record["against"], gap = _paired(loaded.items, judged, rules[0], against, suite)
    return _Main(record, found[main], baselines[best][0].value if best else None, gap)


def _known(loaded: Loaded) -> str:
    count = loaded.known.examples
    return f"the {count} evaluated items" if loaded.own else f"{count} other examples of {loaded.taught}"


def _judged(items: Iterable[Item], replies: Replies) -> tuple[list[Judged], dict[str, int], Counter[str]]:
    """Items with what their replies say, and the counts.

    answered: a reply is there; unread: it could not be read as an answer, of which refused: it declines;
    cut_off: it reached its bound; missing: there is none.
    """
    counts = dict.fromkeys(("answered", "missing", "unread", "refused", "cut_off"), 0)
    repairs: Counter[str] = Counter()
    judged = []
    for item in items:
        row = replies.get(item.id)
        answer = None
        if row is None:
            counts["missing"] += 1
        else:
            reply = str(row.get("reply", ""))
            counts["answered"] += 1
            counts["cut_off"] += row.get("finish") == "length"
            try:
                parsed = parse_reply(item.gold, reply)
                answer = parsed.value
                repairs.update(parsed.repairs)
                # Free text is always read: that it declines is all that can be known of it.
                counts["refused"] += item.gold.task == "generation" and is_refusal(reply)
            except AnswerError:
                counts["unread"] += 1
                counts["refused"] += is_refusal(reply)
        judged.append(Judged(item.gold, answer, item.language, item.text, _spans(row)))
    return judged, counts, repairs


def _spans(row: Mapping[str, object] | None) -> tuple[tuple[int, int, str], ...] | None:
    listed = row.get("spans") if row else None
    if not isinstance(listed, list):
        return None
    found = []
    for each in listed:
        match each:
            case [int(start), int(end), str(type_)]:
                found.append((start, end, type_))
    return tuple(found)


def _baselines(
    loaded: Loaded, rule: Rule, suite: Suite, seed: int
) -> dict[str, tuple[Sampled, list[Judged]]]:
    """The main figure of each baseline that there is, and its answers."""
    found = {}
    for name in loaded.baselines:
        judged = [
            Judged(
                item.gold,
                baseline_answer(name, loaded.known, item.gold, item.text, key=(suite.seed, item.id)),
                item.language,
                item.text,
            )
            for item in loaded.items
        ]
        sampled = measured(rule, judged, resamples=suite.resamples, seed=seed)
        found[name] = (next(iter(sampled.values())), judged)
    return found


def _gain(rule: Rule, a: Sequence[Judged], b: Sequence[Judged], suite: Suite, seed: int) -> object:
    return difference(rule, a, b, resamples=suite.resamples, seed=seed).record()


def _paired(
    items: Sequence[Item], judged: Sequence[Judged], rule: Rule, against: Compared, suite: Suite
) -> tuple[Figures | None, Sampled | None]:
    """The difference to the other run on the items that both have; None where there is none."""
    places = [place for place, item in enumerate(items) if item.id in against.replies]
    if not places:
        return None, None
    other, _, _ = _judged([items[place] for place in places], against.replies)
    mine = [judged[place] for place in places]
    seed = int(chance(suite.seed, "paired", items[0].part) * 2**32)
    figure = next(iter(measured(rule, other, resamples=1, seed=seed).values()))
    gap = difference(rule, mine, other, resamples=suite.resamples, seed=seed)
    return {"items": len(places), "value": figure.value, "difference": gap.record()}, gap


def _grouped(mains: Sequence[_Main], key: Callable[[Figures], str]) -> dict[str, Figures]:
    groups: dict[str, list[_Main]] = {}
    for main in mains:
        groups.setdefault(key(main.record), []).append(main)
    return {name: _average(group) for name, group in sorted(groups.items())}


def _average(mains: Sequence[_Main]) -> Figures:
    """Unweighted means of main figures, best baselines and differences; what is not defined counts 0.0."""
    known = [main.baseline for main in mains]
    bases = [value for value in known if value is not None]
    gaps = [main.difference for main in mains if main.difference is not None]
    return {
        **_mean([main.sampled for main in mains]),
        "sets": len(mains),
        **_summed([main.record for main in mains]),
        "best_baseline": sum(bases) / len(bases) if len(bases) == len(known) else None,
        "difference": _mean(gaps) if len(gaps) == len(mains) else None,
    }


def _mean(figures: Sequence[Sampled]) -> dict[str, float]:
    value = sum(figure.value or 0.0 for figure in figures) / len(figures)
    samples = np.mean([np.nan_to_num(figure.samples) for figure in figures], axis=0)
    return interval(value, samples).as_dict()


def _summed(records: Sequence[Figures]) -> dict[str, int]:
    names = ("items", "answered", "missing", "unread", "refused", "cut_off")
    return {name: sum(n for r in records if isinstance(n := r[name], int)) for name in names}
