"""Which pairs of drug and disease a document is asked about: its own, or those that a run of relations found.

A pair is a relation of a type that means treatment between one drug and one disease. A document of
`formats.condition_rows` stands for one pair, whatever the settings say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from apothecary.documents import Concept, Document, Relation
from apothecary.errors import UsageError
from apothecary.formats.condition_rows import CORPUS, RELATION
from apothecary.formats.jsonl import placed_rows
from apothecary.formats.lines import sha256_of
from apothecary.formats.records import from_record

__all__ = ["Found", "Kinds", "Pair", "PairRun", "is_row", "pairs_of", "read_pair_run"]

_SOURCE = "relations"
_HINT = "give the folder of a run: apothecary extract ... --task relations --out FOLDER"


@dataclass(frozen=True)
class Kinds:
    """What makes a relation a pair: its type, and the types of its sides; all in lower case."""

    relations: frozenset[str]
    drugs: frozenset[str]
    diseases: frozenset[str]


@dataclass(frozen=True)
class Pair:
    """A relation of two arguments, with the concepts of its drug and its disease. Both have names."""

    relation: Relation
    drug: Concept
    disease: Concept

    @property
    def name(self) -> str:
        """How a problem calls it."""
        return f"{self.drug.names[0]} - {self.disease.names[0]}"


@dataclass(frozen=True)
class Found:
    """The pairs of a document in its order, and relations of a wanted type that are none: id and reason."""

    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PairRun:
    """What a run of relations found, by document id, and the digest of its predictions."""

    documents: Mapping[str, Found]
    digest: str


def is_row(document: Document) -> bool:
    """Does the document stand for one instance, which names its pair?"""
    return document.attributes.get("corpus") == CORPUS


def pairs_of(document: Document, kinds: Kinds) -> Found:
    """The pairs of a document's own relations; of several relations between the same two the first."""
    found: dict[tuple[str, str], Pair] = {}
    left_out: list[tuple[str, str]] = []
    concepts = {concept.id: concept for concept in document.concepts}
    for relation in document.relations:
        wanted = relation.id == RELATION if is_row(document) else relation.type.casefold() in kinds.relations
        if not wanted:
            continue
        pair = _pair(relation, concepts, kinds)
        if isinstance(pair, Pair):
            found.setdefault((pair.drug.id, pair.disease.id), pair)
        else:
            left_out.append((relation.id, pair))
    return Found(tuple(found.values()), tuple(left_out))


def read_pair_run(folder: str, kinds: Kinds) -> PairRun:
    """The pairs that a run of relations found.

    Raises UsageError for a folder that is missing, unreadable or that of another task, and FormatError, with
    file and line, for a record that is none.
    """
    path = Path(folder)
    try:
        if not path.is_dir():
            raise UsageError("is no run folder", where=f"setting pairs: {folder}", hint=_HINT)
        task = _task_of(path / "manifest.json")
        predictions = path / "predictions.jsonl"
        stat = predictions.stat()
    except (OSError, ValueError, RecursionError) as error:
        reason = (error.strerror or "") if isinstance(error, OSError) else "its manifest cannot be read"
        raise UsageError(
            f"is no run folder: {reason}", where=f"setting pairs: {folder}", hint=_HINT
        ) from error
    if task != _SOURCE:
        raise UsageError(
            f"holds a run of {task}, not of {_SOURCE}", where=f"setting pairs: {folder}", hint=_HINT
        )
    return _read(predictions, (stat.st_size, stat.st_mtime_ns), kinds)


def _task_of(manifest: Path) -> str:
    value = json.loads(manifest.read_text(encoding="utf-8"))
    return str(value.get("task")) if isinstance(value, dict) else "nothing"


@lru_cache(maxsize=2)
def _read(path: Path, _: tuple[int, int], kinds: Kinds) -> PairRun:
    """Cached: a run binds its settings twice. Its texts are not kept."""
    documents: dict[str, Found] = {}
    for where, record in placed_rows(path):
        document = from_record(record, where=where)
        documents[document.id] = pairs_of(document, kinds)
    return PairRun(documents, sha256_of(path))


def _pair(relation: Relation, concepts: Mapping[str, Concept], kinds: Kinds) -> Pair | str:
    """The pair that a relation is, or why it is none."""
    sides = [(argument, concepts[argument.concept]) for argument in relation.arguments]
    drugs = [side for side in sides if _is(side[0].role, "drug", side[1], kinds.drugs)]
    diseases = [side for side in sides if _is(side[0].role, "disease", side[1], kinds.diseases)]
    if len(drugs) != 1 or len(diseases) != 1 or drugs == diseases:
        return "not between one drug and one disease"
    (drug_argument, drug), (disease_argument, disease) = drugs[0], diseases[0]
    if not (_named(drug) and _named(disease)):
        return "a side has no name"
    return Pair(replace(relation, arguments=(drug_argument, disease_argument)), drug, disease)


def _is(role: str, wanted: str, concept: Concept, types: frozenset[str]) -> bool:
    return role == wanted or concept.type.casefold() in types


def _named(concept: Concept) -> bool:
    return bool(concept.names) and bool(concept.names[0].strip())
