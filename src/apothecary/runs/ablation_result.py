"""What an ablation found, as ``ablation.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from apothecary.metrics.bootstrap import CountIntervals
from apothecary.metrics.counts import Counts
from apothecary.runs.ledger import Spent
from apothecary.tasks.ablation import PruneOptions, Round, Variant, removable, scenario_names
from apothecary.tasks.schema import Scenario, Schema

__all__ = ["SIGN", "AblationResult", "Confirmation", "scenarios_of"]

SIGN = "with the scenario less without it: positive helps, negative harms"


@dataclass(frozen=True)
class Confirmation:
    """The full and the pruned schema on documents that had no say in the pruning.

    `full_intervals` and `pruned_intervals` are those of the figures; `delta` is full less pruned, so a
    negative one says that the pruning gained.
    """

    full: Counts
    pruned: Counts
    full_intervals: CountIntervals
    pruned_intervals: CountIntervals
    delta: CountIntervals
    spent: Spent


@dataclass(frozen=True)
class AblationResult:
    """How an ablation ended.

    `status` is that of a run; a stopped one has the rounds that were over and no confirmation. `spent` is
    by round and `total` all of it; `documents` and `confirming` are the sizes of the two parts, `problems`
    counts questions without a usable answer. `identity` is what the measurements depend on.
    """

    status: str
    schema: Schema
    evaluator: str
    options: PruneOptions
    documents: int
    confirming: int
    rounds: tuple[Round, ...]
    spent: tuple[Spent, ...]
    total: Spent
    identity: Mapping[str, object]
    confirmation: Confirmation | None = None
    problems: int = 0
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def removed(self) -> tuple[str, ...]:
        """The scenarios that were removed, first to last."""
        return tuple(each.removed for each in self.rounds if each.removed is not None)

    @property
    def idle(self) -> tuple[str, ...]:
        """The scenarios that changed no answer in the last round and were kept."""
        last = self.rounds[-1] if self.rounds else None
        effects = last.effects if last else ()
        return tuple(each.scenario for each in effects if each.idle and each.scenario not in self.after)

    @property
    def after(self) -> Variant:
        """The scenarios that were removed, in the order of the schema."""
        return self.rounds[-1].after if self.rounds else ()

    @property
    def unspared(self) -> tuple[str, ...]:
        """What could not be left out at the end: the last of its kind in a template that was pruned."""
        spared = {*removable(self.schema, self.after), *self.after}
        pruned = (t for t in self.schema.templates if t.name in (self.options.templates or (t.name,)))
        names = (f"{template.name}/{each.id}" for template in pruned for each in template.scenarios)
        return tuple(name for name in names if name not in spared)

    def to_record(self) -> dict[str, object]:
        """The contents of ``ablation.json``."""
        scenarios = scenarios_of(self.schema)
        return {
            "status": self.status,
            "reason": self.reason,
            "schema": self.schema.name,
            "evaluator": self.evaluator,
            "delta": SIGN,
            "options": asdict(self.options),
            "documents": {"selection": self.documents, "confirmation": self.confirming},
            "removed": list(self.removed),
            "idle": list(self.idle),
            "not_spared": list(self.unspared),
            "rounds": [
                _round(number, each, spent, scenarios)
                for number, (each, spent) in enumerate(zip(self.rounds, self.spent, strict=True), start=1)
            ],
            "confirmation": _confirmation(self.confirmation),
            "spent": _cost(self.total),
            "problems": self.problems,
            "notes": list(self.notes),
            "identity": dict(self.identity),
        }


def scenarios_of(schema: Schema) -> dict[str, Scenario]:
    """Every scenario under its full name, ``template/scenario``."""
    every = (each for template in schema.templates for each in template.scenarios)
    return dict(zip(scenario_names(schema), every, strict=True))


def _round(number: int, each: Round, spent: Spent, scenarios: Mapping[str, Scenario]) -> dict[str, object]:
    return {
        "round": number,
        "without": list(each.without),
        "base": each.base.figures(),
        "effects": [
            {
                "scenario": effect.scenario,
                "polarity": scenarios[effect.scenario].polarity,
                **effect.delta.as_dict(),
                "idle": effect.idle,
            }
            for effect in each.effects
        ],
        "removed": each.removed,
        "spent": _cost(spent),
    }


def _confirmation(found: Confirmation | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "full": found.full.figures() | {"interval": found.full_intervals.as_dict()},
        "pruned": found.pruned.figures() | {"interval": found.pruned_intervals.as_dict()},
        "delta": found.delta.as_dict(),
        "spent": _cost(found.spent),
    }


def _cost(spent: Spent) -> dict[str, object]:
    return asdict(spent) | {"seconds": round(spent.seconds, 3)}
