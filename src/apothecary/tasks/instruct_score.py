"""Figures of instruction tasks: what was answered against the gold of instruction records.

A rule turns each item into a row of numbers and figures into functions of their sums; so a bootstrap draws
items and never looks at a text again. A reply that could not be read, and a question without one, count as an
empty answer: nothing is found, nothing is right. Nothing is rounded.

Departures from the published evaluation (Taiyi, Luo et al. 2024): every figure has an interval; spans are
recovered by a declared search (`metrics.found_spans`); names compare with their case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError, UsageError
from apothecary.examples import Language
from apothecary.metrics.correlation import ranks
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.facts import argument_counts, fact_counts, name_counts, trigger_counts
from apothecary.metrics.found_spans import greedy_spans
from apothecary.metrics.labels import label_counts
from apothecary.metrics.resampling import Table, drawn_sums
from apothecary.metrics.spans import TypedSpan, strict_span_counts
from apothecary.metrics.text import BleuCounts, ChrfCounts, bleu_counts, chrf_counts, rouge_l
from apothecary.tasks.instruct_answers import Answer, Facts, Gold, Labels, Names, Prose, Score, Sections

__all__ = [
    "RULES",
    "Judged",
    "Rule",
    "Sampled",
    "default_rules",
    "difference",
    "measured",
    "rule_of",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """An item: its gold and what was answered, None where that could not be read or is not there.

    `text` is what the spans of the gold lie in. `spans` are those an engine gave itself; without them spans
    are looked for.
    """

    gold: Gold
    answer: Answer | None
    language: Language
    text: str = ""
    spans: tuple[TypedSpan, ...] | None = None


@dataclass(frozen=True)
class Rule:
    """How items become figures: rows of numbers that are added up, and figures of such sums, the main one
    first. `of` are the shapes of gold that it can judge."""

    name: str
    of: tuple[type, ...]
    rows: Callable[[Sequence[Judged]], list[tuple[float, ...]]]
    figures: Mapping[str, Callable[[Table], Floats]]


@dataclass(frozen=True)
class Sampled:
    """A figure of all items and of each resample; None and not a number where it is not defined."""

    value: float | None
    samples: Floats

    def record(self) -> dict[str, float] | None:
        """The figure with a 95 % percentile interval; None where it is not defined."""
        if self.value is None:
            return None
        known = self.samples[np.isfinite(self.samples)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (self.value, self.value)
        return {"value": self.value, "low": float(low), "high": float(high)}


def rule_of(name: str) -> Rule:
    """The rule of a name. Raises UsageError with the names there are."""
    if name not in RULES:
        raise UsageError(f"there is no metric '{name}'", hint=f"metrics: {', '.join(RULES)}")
    return RULES[name]


def default_rules(gold: Gold) -> tuple[str, ...]:
    """What items of this kind are judged by, the main rule first."""
    if gold.kind == "generation.translation":
        return ("bleu", "chrf")
    if isinstance(gold.answer, Score):
        return ("pearson", "spearman")
    if isinstance(gold.answer, Labels):
        return {"classification": ("label", "label_macro", "accuracy")}.get(
            gold.task, ("accuracy", "label_macro") if gold.kind != "choice.choice" else ("accuracy",)
        )
    if isinstance(gold.answer, Names):
        return ("mention_set", "mention_span")
    if isinstance(gold.answer, Facts):
        return ("argument", "trigger") if gold.task == "events" else ("fact", "fact_any_name")
    return ("rouge_l", "chrf")


def measured(
    rule: Rule, items: Sequence[Judged], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Sampled]:
    """The figures of a rule by name, resampled by item.

    Equal seeds and equal rows give equal resamples. Raises DataError without an item and for gold that the
    rule cannot judge.
    """
    rows = _rows(rule, items)
    drawn = drawn_sums(rows, resamples=resamples, seed=seed)
    sums = np.asarray(rows, np.float64).sum(axis=0, keepdims=True)
    return {name: _sampled(figure(sums), figure(drawn)) for name, figure in rule.figures.items()}


def difference(
    rule: Rule, a: Sequence[Judged], b: Sequence[Judged], *, resamples: int = 1000, seed: int = 0
) -> Sampled:
    """The main figure of `a` less that of `b` over the same items, both of a resample from the same draw.

    Raises as `measured`, and DataError when the two are not as many.
    """
    if len(a) != len(b):
        raise DataError(f"{len(a)} and {len(b)} items cannot be paired")
    left, right = _rows(rule, a), _rows(rule, b)
    both = [(*x, *y) for x, y in zip(left, right, strict=True)]
    figure = next(iter(rule.figures.values()))

    def gap(sums: Table) -> Floats:
        first, second = np.hsplit(sums, 2)
        return figure(first) - figure(second)

    drawn = drawn_sums(both, resamples=resamples, seed=seed)
    return _sampled(gap(np.asarray(both, np.float64).sum(axis=0, keepdims=True)), gap(drawn))


def _rows(rule: Rule, items: Sequence[Judged]) -> list[tuple[float, ...]]:
    if not items:
        raise DataError("no items to score")
    for item in items:
        if not isinstance(item.gold.answer, rule.of):
            raise DataError(f"the metric {rule.name} cannot judge {item.gold.kind}")
    return rule.rows(items)


def _sampled(value: Floats, samples: Floats) -> Sampled:
    found = float(value[0])
    return Sampled(found if np.isfinite(found) else None, samples)


# --- rows of one item -----------------------------------------------------------------------------


def _each(row: Callable[[Judged], Sequence[float]]) -> Callable[[Sequence[Judged]], list[tuple[float, ...]]]:
    return lambda items: [tuple(row(item)) for item in items]


def _pooled(counts: Mapping[str, Counts]) -> tuple[float, ...]:
    pooled = total(counts.values())
    return (pooled.tp, pooled.fp, pooled.fn)


def _names(answer: Answer | None) -> tuple[tuple[str, str], ...]:
    return answer.names if isinstance(answer, Names) else ()


def _triples(answer: Answer | None) -> list[tuple[str, tuple[str, ...]]]:
    return [(fact.type, fact.names) for fact in answer.facts] if isinstance(answer, Facts) else []


def _events(answer: Answer | None) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(fact.type, fact.arguments) for fact in answer.facts] if isinstance(answer, Facts) else []


def _labels(answer: Answer | None) -> tuple[str, ...]:
    return answer.labels if isinstance(answer, Labels) else ()


def _mention_set(item: Judged) -> tuple[float, ...]:
    return _pooled(name_counts(_names(item.gold.answer), _names(item.answer)))


def _mention_span(item: Judged) -> tuple[float, ...]:
    spans = item.spans
    if spans is None:
        spans = tuple(greedy_spans(item.text, _names(item.answer)))
    return _pooled(strict_span_counts(item.gold.spans, spans))


def _facts(item: Judged, *, any_name: bool) -> tuple[float, ...]:
    return _pooled(
        fact_counts(
            _triples(item.gold.answer),
            _triples(item.answer),
            symmetric=item.gold.symmetric,
            same=item.gold.same if any_name else (),
        )
    )


def _triggers(item: Judged) -> tuple[float, ...]:
    return _pooled(trigger_counts(_events(item.gold.answer), _events(item.answer)))


def _arguments(item: Judged) -> tuple[float, ...]:
    return _pooled(argument_counts(_events(item.gold.answer), _events(item.answer)))


def _label(item: Judged) -> tuple[float, ...]:
    return _pooled(label_counts(_labels(item.gold.answer), _labels(item.answer)))


def _by_label(items: Sequence[Judged]) -> list[tuple[float, ...]]:
    """Three columns for each label that any item offers."""
    known = sorted({option for item in items for option in item.gold.options})
    rows = []
    for item in items:
        counts = label_counts(_labels(item.gold.answer), _labels(item.answer))
        each = (counts.get(label, Counts()) for label in known)
        rows.append(tuple(float(n) for found in each for n in (found.tp, found.fp, found.fn)))
    return rows


def _right(item: Judged) -> tuple[float, float]:
    return (float(item.answer == item.gold.answer), 1.0)


def _texts(item: Judged) -> tuple[list[str], str]:
    references = [_text(item.gold.answer), *item.gold.references]
    return references, "" if item.answer is None else _text(item.answer)


def _text(answer: Answer) -> str:
    if isinstance(answer, Prose):
        return answer.text
    if isinstance(answer, Sections):
        return "\n".join(f"{heading}: {text}" for heading, text in answer.sections)
    return ""


def _bleu(item: Judged) -> tuple[float, ...]:
    references, text = _texts(item)
    counts = bleu_counts(references, text, _written(item))
    return (*counts.right, *counts.said, counts.length, counts.reference_length)


def _chrf(item: Judged) -> tuple[float, ...]:
    counts = chrf_counts(*_texts(item))
    return (*counts.said, *counts.gold, *counts.right)


def _rouge(item: Judged) -> tuple[float, float]:
    return (rouge_l(*_texts(item), _written(item)).f1, 1.0)


def _written(item: Judged) -> Language:
    """The language of the answer, which of a translation is not that of the question."""
    zh, en = get_args(Language)[::-1]
    gold = _text(item.gold.answer)
    found: Language = zh if sum("\u4e00" <= c <= "\u9fff" for c in gold) * 4 > len(gold) else en
    return found


def _numbers(items: Sequence[Judged], *, ranked: bool) -> list[tuple[float, ...]]:
    """Sums of which a correlation is made. An item without a number gets the mean of the others.

    Ranks are those among all items, in a resample too.
    """
    gold = [item.gold.answer.value for item in items if isinstance(item.gold.answer, Score)]
    said = [item.answer.value if isinstance(item.answer, Score) else None for item in items]
    known = [value for value in said if value is not None]
    middle = sum(known) / len(known) if known else 0.0
    found = [middle if value is None else value for value in said]
    if ranked:
        gold, found = ranks(gold), ranks(found)
    x, y = (np.asarray(side, np.float64) for side in (gold, found))
    x, y = (side - side.mean() for side in (x, y))
    return list(zip(np.ones(len(x)), x, y, x * x, y * y, x * y, strict=True))


# --- figures of sums ------------------------------------------------------------------------------


def _over(above: Floats, below: Floats) -> Floats:
    result = np.zeros_like(above, np.float64)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _f1(sums: Table) -> Floats:
    tp, fp, fn = sums.T
    return _over(2 * tp, 2 * tp + fp + fn)


def _precision(sums: Table) -> Floats:
    return _over(sums[:, 0], sums[:, 0] + sums[:, 1])


def _recall(sums: Table) -> Floats:
    return _over(sums[:, 0], sums[:, 0] + sums[:, 2])


def _macro_f1(sums: Table) -> Floats:
    """The mean over labels that occur on either side."""
    counts = sums.reshape(len(sums), -1, 3)
    there = counts.sum(axis=2) > 0
    each = np.stack([_f1(counts[:, place]) for place in range(counts.shape[1])], axis=1)
    return _over((each * there).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _mean(sums: Table) -> Floats:
    return _over(sums[:, 0], sums[:, 1])


def _correlation(sums: Table) -> Floats:
    n, x, y, xx, yy, xy = sums.T
    above = xy - x * y / n
    below = np.sqrt(np.maximum(xx - x * x / n, 0.0) * np.maximum(yy - y * y / n, 0.0))
    # What is left of a constant side by rounding is no spread.
    whole = np.sqrt(np.maximum(xx * yy, 1e-300))
    result = np.full_like(above, np.nan)
    np.divide(above, below, out=result, where=below > 1e-12 * whole)
    found: Floats = np.clip(result, -1.0, 1.0)
    return found


def _whole(row: Floats) -> tuple[int, ...]:
    return tuple(round(float(value)) for value in row)


def _bleu_score(sums: Table) -> Floats:
    return np.asarray([BleuCounts(_whole(r[:4]), _whole(r[4:8]), *_whole(r[8:])).score for r in sums])


def _chrf_score(sums: Table) -> Floats:
    return np.asarray([ChrfCounts(*(_whole(part) for part in np.split(r, 3))).score for r in sums])


def _three(name: str) -> dict[str, Callable[[Table], Floats]]:
    return {f"{name}_f1": _f1, f"{name}_precision": _precision, f"{name}_recall": _recall}


_ALL = (
    Rule("mention_set", (Names,), _each(_mention_set), _three("mention_set")),
    Rule("mention_span", (Names,), _each(_mention_span), _three("mention_span")),
    Rule("fact", (Facts,), _each(lambda item: _facts(item, any_name=False)), _three("fact")),
    Rule("fact_any_name", (Facts,), _each(lambda item: _facts(item, any_name=True)), _three("fact_any_name")),
    Rule("trigger", (Facts,), _each(_triggers), _three("trigger")),
    Rule("argument", (Facts,), _each(_arguments), _three("argument")),
    Rule("label", (Labels,), _each(_label), _three("label")),
    Rule("label_macro", (Labels,), _by_label, {"label_macro_f1": _macro_f1}),
    Rule("accuracy", (Labels,), _each(_right), {"accuracy": _mean}),
    Rule("pearson", (Score,), lambda items: _numbers(items, ranked=False), {"pearson": _correlation}),
    Rule("spearman", (Score,), lambda items: _numbers(items, ranked=True), {"spearman": _correlation}),
    Rule("bleu", (Prose, Sections), _each(_bleu), {"bleu": _bleu_score}),
    Rule("chrf", (Prose, Sections), _each(_chrf), {"chrf": _chrf_score}),
    Rule("rouge_l", (Prose, Sections), _each(_rouge), {"rouge_l": _mean}),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}
"""Every rule by its name. Figures lie in 0-1, correlations in -1 to 1."""
