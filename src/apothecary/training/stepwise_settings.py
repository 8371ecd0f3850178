"""What a user writes to train an editor of lists step by step: one TOML file, checked before use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.errors import UsageError
from apothecary.formats.toml_settings import checked, toml_table
from apothecary.networks.list_editor import Terms
from apothecary.networks.list_features import Harm
from apothecary.training.advantages import Estimator, Rule
from apothecary.training.recommender_settings import RecommenderSettings

__all__ = ["AdvantageSettings", "EditorSettings", "StepwiseSettings", "read_stepwise_settings"]

Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class AdvantageSettings:
    """How an edit is judged among those of its group, as `advantages.Rule`.

    With `stop_counts` stopping is a step like others, which earns 0; without it stopping gets what the whole
    episode did, as the end of a text does.
    """

    estimator: Estimator = "return_to_go"
    weight: NotNegative = 0.5
    deviation: Literal["population", "sample"] = "population"
    epsilon: NotNegative = 1e-4
    stop_counts: bool = True

    @property
    def rule(self) -> Rule:
        """The same without stopping."""
        return Rule(self.estimator, self.weight, self.deviation, self.epsilon)


@dataclass(frozen=True, kw_only=True)
class EditorSettings:
    """The editor and how it learns.

    Lists: at most `budget` edits; lists begin with the drugs from `threshold` on (None: that of the scorer)
    or empty (`start`). What is to be earned is the Jaccard index with the list that was given, less safety x
    `harm`, in which interactions count alike or by their `severity`; for each episode the safety is 0 (a
    share of `without_safety`) or drawn between the two of `drawn`, small ones as often as large ones by their
    logarithm. So one editor serves every safety.

    Network: `hidden` is its width. It begins as the greedy editor, softened: edits are drawn by
    ``exp(sharpness * rise)`` of the expected potential.

    Learning: `generations` episodes for each of `visits_per_step` visits make a step, from which the network
    learns in `passes`; ratios are clipped at 1 +- `clip`, `beta` weighs the divergence from the policy that
    the learning began with, `entropy` what is left open. `average` is the decay of the running mean of the
    weights, which is what is judged and kept (0: the last weights).

    Choice: before the training, each of the first `judged_parts` inner parts is kept out in turn, and the
    training on the others is judged on it after every `judge_every` steps at all of `safeties`, by the area
    under the curve of Jaccard index over interactions. The number of steps that is best over all of these
    parts, 0 included, is that of the training on all visits (0 parts: all `steps`). `save_every` is in
    steps: what a kill can cost.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42
    budget: Annotated[int, Field(ge=1, le=1000)] = 10
    start: Literal["threshold", "empty"] = "threshold"
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    harm: Harm = field(default_factory=Harm)
    severity: bool = False
    safeties: Annotated[tuple[NotNegative, ...], Field(min_length=1)] = (0.0, 0.5, 1.0, 2.0, 4.0)
    drawn: tuple[Positive, Positive] = (0.1, 4.0)
    without_safety: Annotated[float, Field(ge=0, le=1)] = 0.2
    hidden: Annotated[int, Field(ge=1, le=1024)] = 32
    sharpness: Positive = 600.0
    steps: Count = 120
    visits_per_step: Count = 16
    generations: Annotated[int, Field(ge=2)] = 8
    passes: Count = 1
    advantage: AdvantageSettings = field(default_factory=AdvantageSettings)
    clip: Share = 0.2
    beta: NotNegative = 0.0
    entropy: NotNegative = 0.0
    learning_rate: Positive = 5e-4
    warm_up: Number = 10
    weight_decay: NotNegative = 0.01
    max_gradient: Positive = 1.0
    average: Share = 0.95
    judged_parts: Number = 3
    judge_every: Count = 40
    save_every: Count = 25

    @property
    def terms(self) -> Terms:
        """What they say of lists."""
        threshold = Terms().threshold if self.threshold is None else self.threshold
        return Terms(self.harm, self.budget, self.start, threshold, self.severity)


@dataclass(frozen=True, kw_only=True)
class StepwiseSettings(EditorSettings):
    """An editor with what it learns from.

    `scorer` is what ``train recommender`` reads: the visits, and the scorer whose probabilities are edited.
    `interactions` are tables of interactions, relative to the folder of the file as the visits are; a scorer
    that learns from interactions learns from these.
    """

    scorer: RecommenderSettings
    interactions: Annotated[tuple[str, ...], Field(min_length=1)]


_ADAPTER = TypeAdapter(StepwiseSettings)


def read_stepwise_settings(path: Path) -> StepwiseSettings:
    """Read and check a configuration. Raises UsageError, FormatError."""
    settings = checked(_ADAPTER, toml_table(path), str(path))
    low, high = settings.drawn
    if low > high:
        raise UsageError(f"drawn: {low:g} is above {high:g}", where=str(path))
    if settings.scorer.folds < 2:
        problem = "scorer.folds: scores for learning come from inner parts, of which there is one"
        raise UsageError(problem, where=str(path), hint="folds = 5")
    if settings.scorer.interactions:
        raise UsageError("scorer.interactions: those of the file serve the scorer, too", where=str(path))
    if settings.judged_parts > settings.scorer.folds:
        raise UsageError("judged_parts: there are no more than scorer.folds", where=str(path))
    return settings
