"""Part of the pocket benchmark: pairs and sets with gold mentions of the corpora beside CDR."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from apothecary.engines.open import EngineOptions, open_engine
from apothecary.messages import LabelPair, LabelProbabilities, LabelSet, Reply, Request, SetProbabilities
from apothecary.metrics.bootstrap import bootstrap
from apothecary.metrics.counts import Counts
from apothecary.metrics.nary import pooled, score_documents
from apothecary.metrics.thresholds import fit_threshold
from apothecary.networks.sets import choose_sets
from apothecary.training.examples import Example, load
from apothecary.training.settings import read_settings
from benchmarks.pocket_figures import DATA, ROOT, SEED, Record, Results, figures


def development_examples(arguments: argparse.Namespace, head: str) -> tuple[list[Example], tuple[str, ...]]:
    """Development examples of a head of the relator's configuration, and its labels."""
    settings = read_settings(ROOT / "examples" / "pocket" / "relator.toml")
    _, dev, _ = load(settings, DATA)
    (labels,) = (each.labels for each in settings.head if each.name == head)
    chosen = [example for example in dev if example.head == head]
    return chosen[: arguments.limit], labels


def measure_pairs(head: str, arguments: argparse.Namespace) -> Results:
    """Pairs with gold mentions of another corpus, with a cross-fitted threshold for all labels."""
    examples, labels = development_examples(arguments, head)
    engine = open_engine(arguments.engine, EngineOptions())
    rows: list[list[tuple[dict[str, float], frozenset[int]]]] = []
    for example in examples:
        asked = [
            Request((), "relations.pairs", LabelPair(example.text, item.head, item.tail, (*labels, "none")))
            for item in example.pairs
        ]
        values = [reply.value for reply in engine.answer(asked) if isinstance(reply, Reply)]
        rows.append(
            [
                (dict(value.probabilities), item.labels)
                for value, item in zip(values, example.pairs, strict=True)
                if isinstance(value, LabelProbabilities)
            ]
        )
    counts: list[Counts] = []
    by_label = dict.fromkeys(labels, Counts())
    for mine, other in ((0, 1), (1, 0)):
        # One for all labels, whose probabilities are calibrated: the best micro F1 has one threshold.
        threshold = fit_threshold(
            [
                (p[label], i in true)
                for row in rows[other::2]
                for p, true in row
                for i, label in enumerate(labels)
            ]
        ).value
        for row, example in zip(rows[mine::2], examples[mine::2], strict=True):
            given = [(i, true) for p, true in row for i, label in enumerate(labels) if p[label] >= threshold]
            hits = sum(i in true for i, true in given)
            gold = sum(len(true) for _, true in row) + example.missed
            counts.append(Counts(hits, len(given) - hits, gold - hits))
            for i, label in enumerate(labels):
                right = sum(of == i and i in true for of, true in given)
                false = sum(of == i and i not in true for of, true in given)
                by_label[label] += Counts(right, false, sum(i in true for _, true in row) - right)
    return {
        "micro": figures(counts),
        "by_label": {
            label: {"f1": found.f1, "gold": found.tp + found.fn} for label, found in by_label.items()
        },
        "documents": len(examples),
    }


def measure_sets(arguments: argparse.Namespace) -> Results:
    """DrugComb's development split by the official scorer, over names, beside its all-drugs floor."""
    examples, labels = development_examples(arguments, "combinations")
    engine = open_engine(arguments.engine, EngineOptions())
    gold, floor = {}, {}
    rows: dict[str, list[dict[str, float]]] = {}
    for example in examples:
        item = example.set
        assert item is not None
        gold[example.id] = [(frozenset(chosen), labels[label]) for chosen, label in item.gold]
        everyone = frozenset(range(len(item.names)))
        floor[example.id] = [(everyone, "POS")] if len(everyone) > 1 else []
        asked = LabelSet(example.text, item.spans, item.candidates, labels)
        (reply,) = engine.answer([Request((), "combinations.sets", asked)])
        assert isinstance(reply, Reply)
        assert isinstance(reply.value, SetProbabilities)
        rows[example.id] = [dict(each.probabilities) for each in reply.value.sets]

    def predicted(chosen: Sequence[Example], threshold: float) -> dict[str, list[tuple[frozenset[int], str]]]:
        found = {}
        for example in chosen:
            assert example.set is not None
            given = rows[example.id]
            taken = choose_sets(example.set.candidates, [1 - row[labels[0]] for row in given], threshold)
            found[example.id] = [
                (frozenset(example.set.candidates[i]), max(labels[1:], key=given[i].__getitem__))
                for i in taken
            ]
        return found

    def exact(chosen: Sequence[Example], threshold: float) -> float:
        units = score_documents({e.id: gold[e.id] for e in chosen}, predicted(chosen, threshold))
        return sum(pooled(row[view] for row in units.values()).f1 for view in ("positive_exact", "any_exact"))

    crossed: dict[str, list[tuple[frozenset[int], str]]] = {}
    for mine, other in ((examples[::2], examples[1::2]), (examples[1::2], examples[::2])):
        threshold = max((step / 20 for step in range(1, 20)), key=lambda t: exact(other, t))
        crossed |= predicted(mine, threshold)
    return {"pocket": official(gold, crossed), "floor": official(gold, floor), "documents": len(examples)}


def official(
    gold: Mapping[str, list[tuple[frozenset[int], str]]],
    found: Mapping[str, list[tuple[frozenset[int], str]]],
) -> Record:
    """The four official F1 with intervals over documents."""
    units = list(score_documents(gold, found).values())
    result = {}
    for view in ("positive_exact", "positive_partial", "any_exact", "any_partial"):
        interval = bootstrap([row[view] for row in units], lambda rows: pooled(rows).f1, seed=SEED)
        result[view] = {
            "value": pooled(row[view] for row in units).f1,
            "low": interval.low,
            "high": interval.high,
        }
    return result
