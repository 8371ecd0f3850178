"""The development figure of each head: what chooses the epoch, the thresholds and the calibration.

Thresholds are fitted on the same development part, so figures here are a little kind to pairs and sets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from apothecary.metrics.nary import score_combinations
from apothecary.metrics.thresholds import fit_threshold
from apothecary.networks.features import pair_inputs, set_inputs
from apothecary.networks.sets import choose_sets
from apothecary.networks.spans import Rule, Span, best_tags, read_spans, settled
from apothecary.training.batches import Text
from apothecary.training.examples import Example
from apothecary.training.settings import PocketSettings

__all__ = ["Reader", "Scores", "Tagged", "figures", "figures_of", "fit_rule", "judge"]

Floats = NDArray[np.float32]

LEASTS = (None, 0.5, 1.0, 1.5, 2.0, 2.5)
REPEATS = (None, 1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Tagged:
    """One text, what was tagged in it, and what is right (start, end, label)."""

    text: Text
    found: Sequence[Span]
    gold: frozenset[tuple[int, int, int]]

    def told(self, rule: Rule) -> list[tuple[Span, bool]]:
        """The spans that a rule tells, and whether each is right."""
        source = self.text.examples[0].text
        spans = settled(self.text.encoded, source, self.found, rule)
        return [(span, span[:3] in self.gold) for span in spans]


@dataclass
class Scores:
    """What one head said of its development part.

    `spans` holds per text what was tagged in it; `pairs` per label the logits and whether they hold;
    `sets` per text the probabilities of each candidate. `gold` counts what there was to find, by label,
    that which no candidate stands for included.
    """

    spans: list[Tagged] = field(default_factory=list)
    pairs: dict[int, list[tuple[float, bool]]] = field(default_factory=dict)
    sets: list[tuple[Example, list[list[float]]]] = field(default_factory=list)
    gold: dict[int, int] = field(default_factory=dict)


class Reader(Protocol):
    """A model that can be asked about a text: the one in training, or the exported one."""

    def states(self, text: Text) -> Floats:
        """Tokens by width."""
        ...

    def run(self, head: str, inputs: Mapping[str, Floats]) -> Floats:
        """What a head says of its named inputs."""
        ...


def figures(scores: Mapping[str, Scores], settings: PocketSettings) -> dict[str, dict[str, float]]:
    """Figures of each head that was judged; `f1` is the one that counts."""
    heads = {head.name: head for head in settings.head}
    return {
        name: figures_of(found, heads[name].kind, heads[name].labels)
        for name, found in sorted(scores.items())
    }


def judge(reader: Reader, texts: Sequence[Text], heads: Collection[str]) -> dict[str, Scores]:
    """All that the given heads say of the texts."""
    scores: dict[str, Scores] = {}
    for text in texts:
        examples = [example for example in text.examples if example.head in heads]
        states = reader.states(text) if examples else np.zeros((0, 0), np.float32)
        for example in examples:
            take = scores.setdefault(example.head, Scores())
            if example.set is not None:
                _judge_set(reader, example, text, states, take)
            elif example.kind == "spans":
                _judge_spans(reader, example, text, states, take)
            else:
                _judge_pairs(reader, example, text, states, take)
    return scores


def _judge_spans(reader: Reader, example: Example, text: Text, states: Floats, take: Scores) -> None:
    found = reader.run(example.head, {"states": states[text.encoded.words]})
    gold = frozenset(example.spans)
    take.spans.append(Tagged(text, read_spans(text.encoded, best_tags(found), found), gold))
    for _, _, label in gold:
        take.gold[label] = take.gold.get(label, 0) + 1


def _judge_pairs(reader: Reader, example: Example, text: Text, states: Floats, take: Scores) -> None:
    take.gold[-1] = take.gold.get(-1, 0) + example.missed
    if not example.pairs:
        return
    sides = [(item.head, item.tail) for item in example.pairs]
    inputs = {"states": states, **pair_inputs(text.encoded, example.text, sides)}
    for item, row in zip(example.pairs, reader.run(example.head, inputs).tolist(), strict=True):
        for label, logit in enumerate(row):
            take.pairs.setdefault(label, []).append((logit, label in item.labels))
            take.gold[label] = take.gold.get(label, 0) + (label in item.labels)


def _judge_set(reader: Reader, example: Example, text: Text, states: Floats, take: Scores) -> None:
    rows: list[list[float]] = []
    if example.set and example.set.candidates:
        inputs = set_inputs(text.encoded, example.text, example.set.spans, example.set.candidates)
        logits = reader.run(example.head, {"states": states, **inputs})
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows = (exponents / exponents.sum(axis=1, keepdims=True)).tolist()
    take.sets.append((example, rows))


def figures_of(scores: Scores, kind: str, labels: Sequence[str]) -> dict[str, float]:
    """Precision, recall and F1 of what a head said (micro over labels for spans and pairs)."""
    if kind == "spans":
        rule = fit_rule(scores)
        overall = _span_figures(scores, rule)
        for label, name in enumerate(labels):
            mine = [hit for tagged in scores.spans for span, hit in tagged.told(rule) if span[2] == label]
            overall[f"f1 {name}"] = _f1(sum(mine), len(mine), scores.gold.get(label, 0))["f1"]
        return {**overall, "f1 as tagged": _span_figures(scores, Rule())["f1"]}
    if kind == "sets":
        return _set_figures(scores, labels)
    right = given = 0
    by_label: dict[str, float] = {}
    # One threshold for all labels: the best micro F1 has one, and rare labels are too few to fit theirs.
    threshold = fit_threshold([row for rows in scores.pairs.values() for row in rows]).value
    for label, rows in scores.pairs.items():
        accepted = [holds for logit, holds in rows if logit >= threshold]
        hits, taken = sum(accepted), len(accepted)
        right, given = right + hits, given + taken
        by_label[f"f1 {labels[label]}"] = _f1(hits, taken, scores.gold.get(label, 0))["f1"]
    return {**_f1(right, given, sum(scores.gold.values())), "threshold": threshold, **by_label}


def _span_figures(scores: Scores, rule: Rule) -> dict[str, float]:
    hits = [hit for tagged in scores.spans for _, hit in tagged.told(rule)]
    return _f1(sum(hits), len(hits), sum(scores.gold.values()))


def fit_rule(scores: Scores) -> Rule:
    """The rule with the best F1 over the texts; of equals, the one that changes least."""
    rules = [Rule(least, repeat) for repeat in REPEATS for least in LEASTS]
    return max(rules, key=lambda rule: _span_figures(scores, rule)["f1"])


def _f1(right: int, given: int, gold: int) -> dict[str, float]:
    return {
        "precision": right / given if given else 0.0,
        "recall": right / gold if gold else 0.0,
        "f1": 2 * right / (given + gold) if given + gold else 0.0,
    }


def _set_figures(scores: Scores, labels: Sequence[str]) -> dict[str, float]:
    """The official figures at the threshold that makes the mean of positive and any exact F1 best."""
    gold = {example.id: _named(example.set.gold, labels) for example, _ in scores.sets if example.set}
    best: dict[str, float] = {"f1": -1.0}
    for step in range(2, 20):
        threshold = step / 20
        predicted = {}
        for example, rows in scores.sets:
            if example.set is None:
                continue
            chosen = choose_sets(example.set.candidates, [1 - row[0] for row in rows], threshold)
            sets = [(example.set.candidates[i], _top(rows[i])) for i in chosen]
            predicted[example.id] = _named(sets, labels)
        found = official(gold, predicted)
        found["f1"] = (found["positive_exact"] + found["any_exact"]) / 2
        if found["f1"] > best["f1"]:
            best = {**found, "threshold": threshold}
    return best


def _top(row: Sequence[float]) -> int:
    return max(range(1, len(row)), key=lambda label: row[label])


def _named(
    sets: Sequence[tuple[tuple[int, ...], int]], labels: Sequence[str]
) -> list[tuple[frozenset[int], str]]:
    return [(frozenset(chosen), labels[label]) for chosen, label in sets]


def official(
    gold: Mapping[str, Sequence[tuple[frozenset[int], str]]],
    predicted: Mapping[str, Sequence[tuple[frozenset[int], str]]],
) -> dict[str, float]:
    """F1 of the four official views."""
    return {name: value.f1 for name, value in score_combinations(gold, predicted).items()}
