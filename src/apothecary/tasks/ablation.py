"""Which scenarios of a schema earn their place: leave each out, compare, remove the worst, begin again.

A scenario's effect is what it adds: the figure with it less the figure without it. Positive: it helps;
negative: removing it would be a gain. Source: Zhao et al. 2025 (arXiv 2505.01077), scenario evaluation, which
gives the difference and the rule "remove scenarios whose effect on F1 is not positive". Departures:

1. One scenario is removed in a round, the most harmful one, and the others are measured again without it: of
   two scenarios that say the same, neither is missed while the other is there.
2. Every effect has a bootstrap interval over documents, the same documents for both sides.
3. A scenario whose removal changes no answer at all is kept unless the caller wants it gone.
4. A template keeps at least one positive and one negative scenario, and of every relation type one that
   asserts it: pruning must not change what a schema can say.

Here is no I/O: `prune` says what is to be measured and is told the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from apothecary.documents import Document
from apothecary.errors import UsageError
from apothecary.metrics.bootstrap import CountIntervals, Interval, paired_difference
from apothecary.metrics.counts import Counts, total
from apothecary.tasks.schema import Schema, Template

__all__ = [
    "Ablatable",
    "Asked",
    "Effect",
    "Measured",
    "PruneOptions",
    "Round",
    "Variant",
    "difference",
    "most_variants",
    "prune",
    "removable",
    "scenario_names",
]

Variant = tuple[str, ...]
"""A schema less some scenarios: those left out, each as ``template/scenario``, in the order of the schema."""


@dataclass(frozen=True)
class Ablatable:
    """What a task tells so that its scenarios can be ablated.

    `steps` are those whose prompts hold the scenarios. `count` compares the record of one document (None:
    nothing predicted) with its annotation under one of `evaluators`, the first of which is the default;
    `answers` stands for what the engine answered in that document: equal when no answer differs. `held`
    gives, from the settings of a job, those that go by the wording of a prompt (setting -> text of the file
    that fixes it): all variants must be decided by the same, or more than a scenario would differ.
    """

    steps: tuple[str, ...]
    evaluators: tuple[str, ...]
    count: Callable[[Document, Mapping[str, object] | None, str], Counts]
    answers: Callable[[Mapping[str, object] | None], str]
    held: Callable[[Mapping[str, object]], Mapping[str, str]]


@dataclass(frozen=True)
class PruneOptions:
    """When a scenario goes: when its effect on F1 (0-1) is at most `margin`.

    `rounds` is the most rounds (None: until nothing is left to remove), `templates` the ones that may lose
    scenarios (none named: all), `drop_idle` removes scenarios that change no answer, whatever the margin.
    `resamples` and `seed` are those of the intervals, which decide nothing.
    """

    margin: float = 0.0
    rounds: int | None = None
    drop_idle: bool = False
    templates: tuple[str, ...] = ()
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """One variant over the documents of a part, both in the order of the documents."""

    counts: tuple[Counts, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """What one scenario adds: `delta` is with it less without it, positive when it helps.

    `idle` says that no answer in any document differs without it.
    """

    scenario: str
    delta: CountIntervals
    idle: bool


@dataclass(frozen=True)
class Round:
    """One round: what had been removed before it, the counts with all others, and the effect of each.

    `removed` is the scenario that went at its end, None when none had to; `after` are all that are gone then.
    """

    without: Variant
    base: Counts
    effects: tuple[Effect, ...]
    removed: str | None
    after: Variant


@dataclass(frozen=True)
class Asked:
    """The variants to measure next, in an order of no meaning, and the rounds that are over."""

    variants: tuple[Variant, ...]
    finished: tuple[Round, ...]


Pruning = Generator[Asked, Sequence[Measured], tuple[Round, ...]]


def prune(schema: Schema, options: PruneOptions) -> Pruning:
    """The loop: yields variants, is sent one `Measured` for each, returns all rounds.

    It ends after a round that removes nothing, after `rounds`, or when no scenario can be spared. Of equally
    harmful scenarios the first in the schema goes. No variant is asked for twice. Raises UsageError for a
    template that there is not or a schema without any.
    """
    _check(schema, options)
    known: dict[Variant, Measured] = {}
    rounds: tuple[Round, ...] = ()
    gone: Variant = ()
    while options.rounds is None or len(rounds) < options.rounds:
        variants = {name: _joined(schema, gone, name) for name in removable(schema, gone, options.templates)}
        wanted = tuple(each for each in (gone, *variants.values()) if each not in known)
        if wanted:
            measured = yield Asked(wanted, rounds)
            known |= dict(zip(wanted, measured, strict=True))
        effects = tuple(
            _effect(name, known[gone], known[variant], options) for name, variant in variants.items()
        )
        worst = _worst(effects, options)
        after = gone if worst is None else variants[worst]
        rounds += (Round(gone, total(known[gone].counts), effects, worst, after),)
        if worst is None:
            break
        gone = after
    return rounds


def removable(schema: Schema, gone: Variant, templates: Sequence[str] = ()) -> tuple[str, ...]:
    """The scenarios that can be spared once `gone` are removed, in the order of the schema."""
    return tuple(
        name
        for template in schema.templates
        if not templates or template.name in templates
        for name in _spare(template, set(gone))
    )


def scenario_names(schema: Schema) -> tuple[str, ...]:
    """Every scenario as ``template/scenario``, in the order of the schema."""
    return tuple(f"{template.name}/{each.id}" for template in schema.templates for each in template.scenarios)


def most_variants(schema: Schema, options: PruneOptions) -> int:
    """The most variants that `prune` may ask for. Raises UsageError as `prune`."""
    _check(schema, options)
    size = len(removable(schema, (), options.templates))
    rounds = size if options.rounds is None else min(size, options.rounds)
    return 1 + sum(size - done for done in range(rounds))


def difference(base: Measured, other: Measured, options: PruneOptions) -> CountIntervals:
    """Figures of `base` less those of `other` over the same documents, with paired intervals.

    Raises DataError without documents.
    """

    def of(figure: Callable[[Counts], float]) -> Interval:
        return paired_difference(
            base.counts,
            other.counts,
            lambda units: figure(total(units)),
            resamples=options.resamples,
            seed=options.seed,
        )

    return CountIntervals(of(lambda c: c.precision), of(lambda c: c.recall), of(lambda c: c.f1))


def _effect(name: str, base: Measured, other: Measured, options: PruneOptions) -> Effect:
    return Effect(name, difference(base, other, options), base.answers == other.answers)


def _worst(effects: Sequence[Effect], options: PruneOptions) -> str | None:
    """The scenario whose removal gains most, among those that may go; the first of equals."""
    may_go = [
        each
        for each in effects
        if (options.drop_idle if each.idle else each.delta.f1.value <= options.margin)
    ]
    return min(may_go, key=lambda each: each.delta.f1.value).scenario if may_go else None


def _spare(template: Template, gone: set[str]) -> list[str]:
    left = [each for each in template.scenarios if f"{template.name}/{each.id}" not in gone]
    polarities = Counter(each.polarity for each in left)
    asserted = Counter(relation for each in left for relation in each.relations)
    return [
        f"{template.name}/{each.id}"
        for each in left
        if polarities[each.polarity] > 1 and all(asserted[relation] > 1 for relation in each.relations)
    ]


def _joined(schema: Schema, gone: Variant, name: str) -> Variant:
    wanted = {*gone, name}
    return tuple(each for each in scenario_names(schema) if each in wanted)


def _check(schema: Schema, options: PruneOptions) -> None:
    names = [template.name for template in schema.templates]
    if not names:
        raise UsageError(
            f"schema {schema.name} has no templates, so there is nothing to leave out",
            hint="choose a schema of relations",
        )
    for name in options.templates:
        if name not in names:
            raise UsageError(
                f"schema {schema.name} has no template '{name}'", hint=f"templates: {', '.join(names)}"
            )
