"""A gold document and its prediction record, read into what the scores compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apothecary.documents import Document, Relation
from apothecary.errors import DataError, FormatError
from apothecary.metrics import pairs_ddi, release_nary
from apothecary.metrics.release_nary import AnswerErrors
from apothecary.tasks.combinations.answers import normal_name
from apothecary.tasks.combinations.labels import DDI, DRUGCOMB, LabelSet, label_set
from apothecary.tasks.flow import Pairs

__all__ = ["Row", "Said", "read_rows"]

Places = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Said:
    """A combination of gold or of a prediction: its type, and its drugs by normal name, sorted.

    `places` are the mentions it names, start and end in the document, None where nothing tells;
    `context_needed` is None where gold does not say, and in predictions.
    """

    type: str
    drugs: tuple[str, ...]
    places: Places | None = None
    context_needed: bool | None = None


@dataclass(frozen=True)
class Row:
    """One document. `silent`: the prediction is empty or absent; `answered`: there is a record.

    `predicted` lacks the faulty items, which `errors` counts, and holds NO_COMB where it was given.
    `located`: at least one item says which mentions it means.
    """

    id: str
    gold: tuple[Said, ...]
    predicted: tuple[Said, ...]
    errors: AnswerErrors
    silent: bool
    answered: bool
    located: bool = False


def read_rows(pairs: Pairs) -> tuple[LabelSet, list[Row]]:
    """All documents with their predictions, and the labels of their corpus.

    Raises DataError when there is no document, when one says of no corpus that it is a row of it, when two
    corpora are mixed and for a gold type of neither; FormatError for a prediction without a list of relations
    and for mentions that are no places.
    """
    corpus: LabelSet | None = None
    rows: list[Row] = []
    for document, record in pairs:
        labels = _labels(document)
        if corpus is not None and labels is not corpus:
            raise DataError(
                f"is a row of {labels.name}, others of {corpus.name}",
                where=f"document {document.id}",
                hint="score each corpus by itself",
            )
        corpus = labels
        rows.append(_row(document, record, labels))
    if corpus is None:
        raise DataError("no gold document to score", hint="give DrugComb or DDI rows as JSON Lines")
    return corpus, rows


def _labels(document: Document) -> LabelSet:
    name = document.attributes.get("corpus", "")
    if name not in (DRUGCOMB.name, DDI.name):
        raise DataError(
            "is no row of a corpus of drug combinations",
            where=f"document {document.id}",
            hint="give DrugComb or DDI rows as JSON Lines",
        )
    return label_set(name)


def _row(document: Document, record: Mapping[str, object] | None, labels: LabelSet) -> Row:
    gold = tuple(_gold(document, relation, labels) for relation in document.relations)
    if record is None:
        return Row(document.id, gold, (), AnswerErrors(), silent=True, answered=False)
    if "relations" not in record:
        raise FormatError(
            "relations is missing",
            where=f"document {document.id}",
            hint='write "relations": [{"type": "POS", "drugs": ["a", "b"]}], or [] for no combination',
        )
    relations = record["relations"]
    if not isinstance(relations, list):
        return Row(document.id, gold, (), AnswerErrors(structural=1), silent=False, answered=True)
    predicted: list[Said] = []
    errors = AnswerErrors()
    for index, item in enumerate(relations):
        found, wrong = _predicted(item, labels, where=f"document {document.id}: relations[{index}]")
        errors += wrong
        predicted += found
    located = any(each.places is not None for each in predicted)
    if located:
        predicted = [_located(each, document) for each in predicted]
    return Row(
        document.id, gold, tuple(predicted), errors, silent=not relations, answered=True, located=located
    )


def _gold(document: Document, relation: Relation, labels: LabelSet) -> Said:
    if relation.type not in labels.types:
        raise DataError(
            f"gold holds the unknown type {relation.type!r}",
            where=f"document {document.id}",
            hint=f"types of {labels.name}: {', '.join(labels.types)}",
        )
    concepts = [document.concept(each.concept) for each in relation.arguments]
    names = [normal_name(each.names[0]) for each in concepts if each.names]
    positions = relation.attributes.get("mentions")
    context = relation.attributes.get("context_needed")
    return Said(
        relation.type,
        # The score of DDI pairs compares names as they are listed, that of DrugComb sets.
        tuple(sorted(names if labels is DDI else set(names))),
        None if positions is None else _gold_places(document, positions),
        None if context is None else context == "true",
    )


def _gold_places(document: Document, positions: str) -> Places:
    mentions = document.mentions
    try:
        chosen = [mentions[int(each)] for each in positions.split()]
    except (ValueError, IndexError) as error:
        raise DataError(
            f"gold names the mentions {positions!r}, which are not there", where=f"document {document.id}"
        ) from error
    return frozenset((each.start, each.end) for each in chosen)


def _predicted(item: object, labels: LabelSet, *, where: str) -> tuple[list[Said], AnswerErrors]:
    """One item by the rules of the release, which are the strictest: a faulty one is counted and left out."""
    row: object = item
    places = None
    if isinstance(item, Mapping):
        row = {"type": item.get("type"), "ent_set": item.get("drugs", item.get("ent_set"))}
        places = _places(item.get("mentions"), where)
    read = pairs_ddi.read_predicted if labels is DDI else release_nary.read_predicted
    found, errors = read([row])
    return [Said(type_, drugs, places) for type_, drugs in found], errors


def _places(value: object, where: str) -> Places | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise FormatError("mentions is not a list of [start, end]", where=where)
    return frozenset(_place(each, where) for each in value)


def _place(value: object, where: str) -> tuple[int, int]:
    numbers: Sequence[object] = value if isinstance(value, list) else ()
    match numbers:
        case [int(start), int(end)] if not isinstance(start, bool) and not isinstance(end, bool):
            return start, end
    raise FormatError("mentions is not a list of [start, end]", where=where)


def _located(said: Said, document: Document) -> Said:
    """An item that names no mentions means all mentions of its drugs."""
    if said.places is not None:
        return said
    places = frozenset(
        (each.start, each.end) for each in document.mentions if normal_name(each.text) in said.drugs
    )
    return Said(said.type, said.drugs, places)
