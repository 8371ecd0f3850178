"""Part of the pocket benchmark: F1 against the questions that a language model is asked."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Sequence
from functools import partial

from apothecary.documents import Document
from apothecary.engines.cascade import Cascade
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.engines.scripted import Scripted
from apothecary.messages import (
    Choices,
    Engine,
    LabelPair,
    LabelProbabilities,
    Message,
    Outcome,
    Reply,
    Request,
)
from apothecary.metrics.calibration import probability
from apothecary.metrics.counts import Counts
from apothecary.tasks.relations.thresholds import find_thresholds
from benchmarks.pocket_figures import SEED, Record, Results, figures, gold_pairs

SURES = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01)


def measure_hybrid(documents: Sequence[Document], arguments: argparse.Namespace) -> Results:
    """F1 with gold mentions against the questions that a second engine is asked.

    The made-up engine reads all documents, the language model a sample of them.
    """
    found: Results = {"strong": curve(documents, arguments.engine, strong_engine(documents, 0.9))}
    if arguments.language_model:
        sample = random.Random(SEED).sample(list(documents), min(len(documents), arguments.language_sample))
        model = open_engine(arguments.language_model, EngineOptions())
        found[arguments.language_model] = curve(sample, arguments.engine, model)
    return found


def curve(documents: Sequence[Document], pocket: str, second: Engine) -> list[Record]:
    """One point for each degree of certainty below which the second engine is asked."""
    first = open_engine(pocket, EngineOptions())
    least = find_thresholds("", "pocket", "").pairs.get("CID", 0.0)
    answers: dict[object, Outcome] = {}
    asked = dict.fromkeys(SURES, 0)
    counts: dict[float, list[Counts]] = {sure: [] for sure in SURES}

    def answer(request: Request, sure: float) -> Outcome:
        asked[sure] += 1
        if request.messages not in answers:
            (answers[request.messages],) = second.answer([request])
        return answers[request.messages]

    for document in documents:
        pairs = cid_pairs(document)
        gold = gold_pairs(document)
        for sure in SURES:
            engine = Cascade(first, Scripted(partial(answer, sure=sure)), sure)
            outcomes = engine.answer([request for _, request in pairs])
            given = [
                key for (key, _), outcome in zip(pairs, outcomes, strict=True) if says_yes(outcome, least)
            ]
            hits = sum(key in gold for key in given)
            counts[sure].append(Counts(hits, len(given) - hits, len(gold) - hits))
    return [
        {"sure": sure, "asked_per_document": asked[sure] / len(documents), "micro": figures(counts[sure])}
        for sure in SURES
    ]


def cid_pairs(document: Document) -> list[tuple[tuple[str, str], Request]]:
    """A request for every pair of gold concepts."""

    def spans(places: Iterable[int]) -> tuple[tuple[int, int], ...]:
        return tuple((document.mentions[i].start, document.mentions[i].end) for i in places)

    found = []
    for head in document.concepts:
        for tail in document.concepts:
            if head.type == "Chemical" and tail.type == "Disease" and head.mentions and tail.mentions:
                given = LabelPair(document.text, spans(head.mentions), spans(tail.mentions), ("CID", "none"))
                question = f"Does {head.names[0]} induce {tail.names[0]}? 1: it does. 0: it does not."
                request = Request(
                    (Message("user", f"{document.text}\n\n{question}"),),
                    "relations.pairs",
                    given,
                    Choices(("1", "0")),
                    want_logprobs=True,
                )
                found.append(((head.id, tail.id), request))
    return found


def says_yes(outcome: Outcome, least: float) -> bool:
    """The decision of either engine: the pocket's at its fitted log-odds, the other's at even odds."""
    if not isinstance(outcome, Reply):
        return False
    if isinstance(outcome.value, LabelProbabilities):
        return outcome.value.probabilities["CID"] >= probability(least, 1.0, 0.0)
    if outcome.logprobs:
        return outcome.logprobs["1"] >= outcome.logprobs["0"]
    return outcome.text == "1"


def strong_engine(documents: Sequence[Document], right: float) -> Scripted:
    """A made-up language model that answers a share of all pairs rightly, whichever they are (seeded)."""
    truth = {}
    for document in documents:
        gold = gold_pairs(document)
        for key, request in cid_pairs(document):
            truth[request.messages] = key in gold

    def answer(request: Request) -> Outcome:
        flips = random.Random(request.messages[0].content).random() >= right
        return Reply(str(int(truth[request.messages] != flips)))

    return Scripted(answer)
