"""The run folder of any engine -> settings that train a pocket model on what it predicted.

A teacher's answers are not gold: the model learns its mistakes too, and its development figure says how
well it imitates the teacher, not how right it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from apothecary.documents import Document
from apothecary.errors import DataError, UsageError
from apothecary.formats.inputs import read_inputs
from apothecary.training.settings import HeadSettings, PocketSettings, Source

__all__ = ["settings_from_runs"]

LEAST_DOCUMENTS = 10


def settings_from_runs(runs: Sequence[Path]) -> PocketSettings:
    """One model for what the runs predicted: mentions, and where there are any, relations and names.

    Documents are split by a digest of their ids, six parts training and one part development. Raises
    UsageError for a folder without predictions, and for too few documents.
    """
    paths = [_predictions(run) for run in runs]
    documents = [item for path in paths for item in read_inputs([path]) if not isinstance(item, DataError)]
    if len(documents) < LEAST_DOCUMENTS:
        raise UsageError(
            f"{len(documents)} predicted documents are too few to learn from (least: {LEAST_DOCUMENTS})",
            where=", ".join(str(run) for run in runs),
        )
    train = tuple(Source(str(path.resolve()), part="train") for path in paths)
    dev = tuple(Source(str(path.resolve()), part="dev") for path in paths)
    heads = []
    types = _types(documents)
    if types:
        steps = ("mentions.tag", "relations.mentions")
        heads.append(HeadSettings("mentions", "spans", types, train, dev, steps))
    labels, pair_types = _relations(documents)
    if labels:
        heads.append(HeadSettings("pairs", "pairs", labels, train, dev, ("relations.pairs",), pair_types))
        heads.append(HeadSettings("names", "names", ("=",), train, dev, ("relations.names",), judge=0.0))
    if not heads:
        raise UsageError("the runs predicted nothing to learn", where=", ".join(str(run) for run in runs))
    return PocketSettings(name="distilled", head=tuple(heads))


def _predictions(run: Path) -> Path:
    path = run / "predictions.jsonl"
    if not path.is_file():
        raise UsageError("is no run folder: it holds no predictions.jsonl", where=str(run))
    return path


def _types(documents: Iterable[Document]) -> tuple[str, ...]:
    return tuple(sorted({mention.type for document in documents for mention in document.mentions}))


def _relations(documents: Iterable[Document]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    labels: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for document in documents:
        types = {concept.id: concept.type for concept in document.concepts}
        for relation in document.relations:
            if len(relation.arguments) == 2:
                labels.add(relation.type)
                one, two = (types[argument.concept] for argument in relation.arguments)
                pairs.add((one, two))
    return tuple(sorted(labels)), tuple(sorted(pairs))
