"""Four ways to decide whether a predicted relation is right, all over one document.

| evaluator | a gold item is | a prediction is |
|---|---|---|
| ``concept`` | a pair of vocabulary ids | the id pairs it maps to; one wrong item if a side maps to none |
| ``concept_mapped`` | the same | the same, but nothing if a side maps to none |
| ``string_pair`` | a pair of strings that name a gold id pair | every pair of its head and tail strings |
| ``cluster_overlap`` | a pair of vocabulary ids | right when one of its string pairs names a gold pair |

Strings are lower-cased and stripped before they are compared. A side maps to the ids it gives; without
ids, to the ids of every gold mention of a type fit for that side (`SIDES`) whose text, or the name of
whose part, equals one of its strings. Ids compare without the prefixes ``MESH:``, ``OMIM:`` and
``NCBIGene:``. Ids that a prediction gives are taken as they are, in the document or not.

A pair of a relation type is compared unordered, (a, b) being (b, a), when the type is one of BioRED's
(`UNDIRECTED`), or when the prediction record of the document lists it under ``undirected``, as a run does for
the templates of its schema that are not directed. Types whose two sides differ in kind (`SIDES`) are always
ordered, so no record can soften the comparison on CDR or ChemDisGene.

Example. Gold: aspirin (D001241), also called ASA, induces ulcer (D014456). Predicted: ASA -> ulcer and
ASA -> ulcers, where "ulcers" is no gold mention. Right, wrong and missing are 1, 1, 0 under ``concept``;
1, 0, 0 under ``concept_mapped``; 1, 1, 1 under ``string_pair`` (aspirin -> ulcer is missing); 1, 1, 0 under
``cluster_overlap``.

Sources: BioCreative V CDR (pairs of ids); Zhao et al. 2025 (arXiv 2505.01077), released scorer. Departures:

1. ``cluster_overlap`` compares strings where the release compares sentence and token positions, so a string
   that occurs twice is right at either place, and one that the release could not place can be right.
2. Its gold groups keep every id of a composite mention; the release keeps the first.
3. Wrong predictions with a flagged side count unless `excuse_broader` is set; then the flag of either
   side excuses, where the release reads one row of a cluster pair.
4. A side without strings stands for the gold strings of its ids, and an id without any gold string for
   itself, so that predictions by id alone can be compared by string.
5. Gold of a relation type that is never predicted stays in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.metrics.counts import Counts, of_sets

__all__ = [
    "SIDES",
    "UNDIRECTED",
    "ConceptOutcome",
    "GoldRelations",
    "Pair",
    "Prediction",
    "Side",
    "bare_id",
    "cluster_overlap_counts",
    "concept_outcomes",
    "gold_relations",
    "linked_ids",
    "normalised",
    "string_pair_counts",
    "undirected_types",
]

SIDES: Mapping[str, tuple[str, str]] = {
    "CID": ("Chemical", "Disease"),
    "chem_disease": ("Chemical", "Disease"),
    "chem_gene": ("Chemical", "Gene"),
    "gene_disease": ("Gene", "Disease"),
}
"""Mention types of head and tail, by what stands before the colon of a relation type
(``chem_gene:increases^activity``). For other relation types mentions of any type fit."""

UNDIRECTED = frozenset(
    {
        "Association",
        "Bind",
        "Comparison",
        "Conversion",
        "Cotreatment",
        "Drug_Interaction",
        "Negative_Correlation",
        "Positive_Correlation",
    }
)
"""The relation types of BioRED, none of which has a direction although the files have two columns."""

PREFIXES = ("mesh:", "omim:", "ncbigene:")
UNLINKED = frozenset({"", "-", "-1"})
ANY = ""

Pair = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Side:
    """Head or tail of a prediction: normalised strings, bare ids, and whether it is flagged as broader."""

    texts: frozenset[str]
    ids: frozenset[str]
    broader: bool = False


@dataclass(frozen=True)
class Prediction:
    """One predicted relation. Equal predictions are the same prediction."""

    type: str
    head: Side
    tail: Side


@dataclass(frozen=True)
class GoldRelations:
    """What the evaluators need of a gold document.

    `pairs` holds the id pairs of each relation type, `names` the original texts of each id,
    `named` the ids that a (mention type, string) may stand for; the type `ANY` joins all types;
    `undirected` the relation types whose pairs are compared unordered: these stand sorted in `pairs`.
    """

    document_id: str
    pairs: Mapping[str, frozenset[Pair]]
    names: Mapping[str, frozenset[str]]
    named: Mapping[tuple[str, str], frozenset[str]]
    undirected: frozenset[str] = UNDIRECTED

    def comparable(self, type_: str, heads: Iterable[str], tails: Collection[str]) -> frozenset[Pair]:
        """Every pair of a head and a tail, in the order in which pairs of that type are compared."""
        return _product(heads, tails, sort=type_ in self.undirected)

    def strings(self, identifier: str) -> frozenset[str]:
        """The normalised texts of an id; the id itself when no mention carries it."""
        return frozenset(map(normalised, self.names.get(identifier, ()))) or frozenset({identifier})

    def string_pairs(self, type_: str, pair: Pair) -> frozenset[Pair]:
        """Every pair of strings that names an id pair."""
        return self.comparable(type_, self.strings(pair[0]), self.strings(pair[1]))

    def mapped_ids(self, prediction: Prediction) -> tuple[frozenset[str], frozenset[str]]:
        """The ids of head and tail; empty for a side that maps to none."""
        head_type, tail_type = SIDES.get(prediction.type.partition(":")[0], (ANY, ANY))
        return self._ids(prediction.head, head_type), self._ids(prediction.tail, tail_type)

    def predicted_string_pairs(self, prediction: Prediction) -> frozenset[Pair]:
        """Every pair of a head string and a tail string."""
        return self.comparable(prediction.type, self._texts(prediction.head), self._texts(prediction.tail))

    def _ids(self, side: Side, mention_type: str) -> frozenset[str]:
        if side.ids:
            return side.ids
        return _union(self.named.get((mention_type, text), frozenset()) for text in side.texts)

    def _texts(self, side: Side) -> frozenset[str]:
        return side.texts or _union(self.strings(identifier) for identifier in side.ids)


@dataclass(frozen=True)
class ConceptOutcome:
    """One relation type of one document under ``concept``.

    `predicted` maps each predicted id pair to the predictions it came from; `unmapped` holds the
    predictions of which a side has no id, each with the ids of its two sides.
    """

    gold: frozenset[Pair]
    predicted: Mapping[Pair, Sequence[Prediction]]
    unmapped: Mapping[Prediction, tuple[frozenset[str], frozenset[str]]]

    def counts(self, *, mapped_only: bool) -> Counts:
        """Counts of ``concept``, or of ``concept_mapped``, which ignores `unmapped`."""
        return of_sets(self.gold, self.predicted) + Counts(fp=0 if mapped_only else len(self.unmapped))


def normalised(text: str) -> str:
    """Lower-case without outer blanks: the form in which strings are compared."""
    return text.lower().strip()


def bare_id(identifier: str) -> str:
    """A vocabulary id without outer blanks and without a known prefix, whatever the prefix's case.

    >>> bare_id("MESH:D014262"), bare_id("D014262"), bare_id("CVCL:1")
    ('D014262', 'D014262', 'CVCL:1')
    """
    identifier = identifier.strip()
    for prefix in PREFIXES:
        if identifier.lower().startswith(prefix):
            return identifier[len(prefix) :]
    return identifier


def linked_ids(identifiers: Iterable[str]) -> frozenset[str]:
    """Bare ids without the marks that corpora write for "not linked"."""
    return frozenset(map(bare_id, identifiers)) - UNLINKED


def undirected_types(document_id: str, record: Mapping[str, object] | None) -> frozenset[str]:
    """The relation types that are compared unordered in a document, given its prediction record.

    Raises FormatError when its ``undirected`` is no list of strings.
    """
    named = [] if record is None else record.get("undirected", [])
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise FormatError(
            "undirected is not a list of strings",
            where=f"document {document_id}",
            hint='write "undirected": ["Bind"]',
        )
    return UNDIRECTED | {each for each in named if each.partition(":")[0] not in SIDES}


def gold_relations(document: Document, undirected: frozenset[str] = UNDIRECTED) -> GoldRelations:
    """Index the gold of a document; `undirected` as `undirected_types` gives it.

    An argument counts under each vocabulary id of its concept. An id that says "not linked" stays a
    gold item that no prediction can reach. Raises DataError for a relation without one head and one tail.
    """
    names: dict[str, set[str]] = {}
    named: dict[tuple[str, str], set[str]] = {}
    for mention in document.mentions:
        ids = linked_ids(mention.ids)
        for identifier in ids:
            names.setdefault(identifier, set()).add(mention.text)
        for text in (mention.text, *mention.individual_names):
            for type_ in (mention.type, ANY):
                named.setdefault((type_, normalised(text)), set()).update(ids)
    return GoldRelations(
        document.id,
        pairs=_gold_pairs(document, undirected),
        names={key: frozenset(texts) for key, texts in names.items()},
        named={key: frozenset(ids) for key, ids in named.items()},
        undirected=undirected,
    )


def concept_outcomes(gold: GoldRelations, predictions: Iterable[Prediction]) -> dict[str, ConceptOutcome]:
    """The outcome of each relation type of gold or predictions, types sorted."""
    grouped = _by_type(predictions)
    outcomes = {}
    for type_ in sorted(gold.pairs.keys() | grouped.keys()):
        predicted: dict[Pair, list[Prediction]] = {}
        unmapped = {}
        for prediction in grouped.get(type_, ()):
            heads, tails = gold.mapped_ids(prediction)
            if not heads or not tails:
                unmapped[prediction] = (heads, tails)
            for pair in gold.comparable(type_, heads, tails):
                predicted.setdefault(pair, []).append(prediction)
        outcomes[type_] = ConceptOutcome(gold.pairs.get(type_, frozenset()), predicted, unmapped)
    return outcomes


def string_pair_counts(gold: GoldRelations, predictions: Iterable[Prediction]) -> dict[str, Counts]:
    """Counts of ``string_pair`` by relation type."""
    grouped = _by_type(predictions)
    return {
        type_: of_sets(
            _union(gold.string_pairs(type_, pair) for pair in gold.pairs.get(type_, ())),
            _union(gold.predicted_string_pairs(prediction) for prediction in grouped.get(type_, ())),
        )
        for type_ in sorted(gold.pairs.keys() | grouped.keys())
    }


def cluster_overlap_counts(
    gold: GoldRelations, predictions: Iterable[Prediction], *, excuse_broader: bool
) -> dict[str, Counts]:
    """Counts of ``cluster_overlap`` by relation type.

    True positives are counted on the gold side, false positives on the predicted side: two predicted
    clusters that hit one gold pair are one true positive. With `excuse_broader` a wrong prediction with a
    flagged side is not counted, while a right one is (the released scorer's rule, which flatters).
    """
    grouped = _by_type(predictions)
    counts = {}
    for type_ in sorted(gold.pairs.keys() | grouped.keys()):
        groups = [gold.string_pairs(type_, pair) for pair in gold.pairs.get(type_, ())]
        clusters = {each: gold.predicted_string_pairs(each) for each in grouped.get(type_, ())}
        expected, predicted = _union(groups), _union(clusters.values())
        found = sum(not group.isdisjoint(predicted) for group in groups)
        wrong = sum(
            pairs.isdisjoint(expected)
            and not (excuse_broader and (prediction.head.broader or prediction.tail.broader))
            for prediction, pairs in clusters.items()
        )
        counts[type_] = Counts(found, wrong, len(groups) - found)
    return counts


def _gold_pairs(document: Document, undirected: frozenset[str]) -> dict[str, frozenset[Pair]]:
    ids = {concept.id: concept.ids or (concept.id,) for concept in document.concepts}
    pairs: dict[str, set[Pair]] = {}
    for relation in document.relations:
        try:
            head, tail = relation.argument("head"), relation.argument("tail")
        except KeyError as error:
            raise DataError(
                f"relation {relation.id} of type {relation.type} has not exactly one {error.args[0]}",
                where=f"document {document.id}",
                hint="the relations score compares pairs; give every relation a head and a tail",
            ) from None
        sides = [bare_id(each) for each in ids[head]], [bare_id(each) for each in ids[tail]]
        found = _product(*sides, sort=relation.type in undirected)
        pairs.setdefault(relation.type, set()).update(found)
    return {type_: frozenset(members) for type_, members in pairs.items()}


def _product(heads: Iterable[str], tails: Collection[str], *, sort: bool) -> frozenset[Pair]:
    pairs = ((head, tail) for head in heads for tail in tails)
    return frozenset((min(pair), max(pair)) for pair in pairs) if sort else frozenset(pairs)


def _by_type(predictions: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    grouped: dict[str, list[Prediction]] = {}
    for prediction in dict.fromkeys(predictions):
        grouped.setdefault(prediction.type, []).append(prediction)
    return grouped


def _union(sets: Iterable[frozenset[T]]) -> frozenset[T]:
    return frozenset().union(*sets)
