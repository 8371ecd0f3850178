"""Two sets of predicted relations against the same gold: is the difference more than chance?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apothecary.documents import Document
from apothecary.errors import DataError
from apothecary.metrics import paired
from apothecary.metrics.counts import Counts, total
from apothecary.tasks.flow import Pairs, ScoreOptions
from apothecary.tasks.relations.evaluators import gold_relations, undirected_types
from apothecary.tasks.relations.score import EVALUATORS, document_counts, read_predictions

__all__ = ["compare"]


def compare(a: Pairs, b: Pairs, options: ScoreOptions) -> dict[str, dict[str, object]]:
    """For each evaluator ``{"f1": {"value", "low", "high"}, "p": ...}``: micro F1 of `a` less that of `b`.

    Both hold the same gold documents in the same order, each with its prediction record. What the figures
    mean: see `apothecary.metrics.paired`. All evaluators are resampled with the same seed, hence with the
    same documents. Raises DataError when the documents differ or there is none, and whatever `score` raises.
    """
    columns: dict[str, tuple[list[Counts], list[Counts]]] = {name: ([], []) for name in EVALUATORS}
    ids: tuple[list[str], list[str]] = ([], [])
    for system, pairs in enumerate((a, b)):
        for document, counts in _counts(pairs, options):
            ids[system].append(document)
            for name in EVALUATORS:
                columns[name][system].append(counts[name])
    if ids[0] != ids[1]:
        raise DataError("the two were scored on other documents", hint="score both on the same gold")
    return {
        name: paired.compare(*both, seed=options.seed, resamples=options.resamples)
        for name, both in columns.items()
    }


def _counts(
    pairs: Iterable[tuple[Document, Mapping[str, object] | None]], options: ScoreOptions
) -> Iterable[tuple[str, Mapping[str, Counts]]]:
    for document, record in pairs:
        found = [] if record is None else read_predictions(document.id, record)
        if options.broader == "drop":
            found = [each for each in found if not (each.head.broader or each.tail.broader)]
        gold = gold_relations(document, undirected_types(document.id, record))
        rows = document_counts(gold, found, excuse_broader=options.excuse_broader)
        yield document.id, {name: total(rows[name].values()) for name in EVALUATORS}
