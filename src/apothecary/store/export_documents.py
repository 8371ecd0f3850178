"""Documents as the base sees them: what all runs found in a text, merged.

- A mention that several runs found in one place, of one concept, is one; its type is that of the surest.
- Concepts are those of the base: their ids are CURIEs where one is known.
- A relation is an edge, with its key as id: the evidence of all runs that state it, the status and confidence
  of the surest, and `belief` and `documents` of the edge as attributes. One that reviewers reject in the
  document is left out, and so is all that a retracted document states.
- A condition that several runs found in one place is one.

When not all edges are wanted, only documents that state one of those are given.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from apothecary.documents import (
    Alignment,
    Argument,
    Concept,
    Condition,
    Document,
    Evidence,
    Mention,
    Passage,
    Polarity,
    Relation,
    Setting,
    Span,
    Status,
)
from apothecary.store.edge_rows import VERDICTS, Chosen, Row, batches, rows

if TYPE_CHECKING:
    import duckdb

__all__ = ["documents"]

BATCH = 500
_DOCUMENTS = """
    SELECT document, text, passages, attributes FROM documents
    WHERE ? OR document IN (SELECT unnest(?)) ORDER BY document
"""
_MENTIONS = """
    SELECT m.document, m.spans, m."start", m."end", m.text, m.type, m.alignment, m.confidence, m.concept,
        coalesce(c.linked, '') IN ('given', 'dictionary')
    FROM mentions m LEFT JOIN concepts c USING (concept) WHERE m.document IN (SELECT unnest(?))
    ORDER BY m.document, m."start", m."end", m.concept, m.confidence DESC NULLS LAST, m.run, m.position
"""
_RELATIONS = f"""
    SELECT r.document, r.edge, r.type, r.polarity, r.setting, r.confidence, e.belief, e.documents, r.relation
    FROM relations r JOIN edges e USING (edge) JOIN documents d USING (document)
        LEFT JOIN ({VERDICTS}) v ON v.document = r.document AND v.edge = r.edge
    WHERE r.document IN (SELECT unnest(?)) AND NOT d.retracted AND e.documents > 0 AND e.belief >= ?
        AND v.verdict IS DISTINCT FROM 'reject' AND (NOT ? OR v.verdict = 'accept')
    ORDER BY r.document, r.edge, r.confidence DESC NULLS LAST, r.relation
"""  # noqa: S608 - a constant
_ARGUMENTS = """
    SELECT a.edge, a.role, a.concept, coalesce(c.name, a.concept), coalesce(c.kind, 'other'),
        coalesce(c.linked, '') IN ('given', 'dictionary')
    FROM edge_arguments a LEFT JOIN concepts c USING (concept)
    WHERE a.edge IN (SELECT edge FROM relations WHERE document IN (SELECT unnest(?)))
    ORDER BY a.edge, a.position
"""
_EVIDENCE = """
    SELECT e.relation, e."start", e."end", e.quote FROM evidence e JOIN relations r USING (relation)
    WHERE r.document IN (SELECT unnest(?)) ORDER BY e.relation, e.position
"""
_CONDITIONS = """
    SELECT c.document, c.type, c."start", c."end", c.text, c.alignment, c.polarity, c.confidence,
        coalesce(r.edge, '')
    FROM conditions c LEFT JOIN relations r USING (relation) WHERE c.document IN (SELECT unnest(?))
    ORDER BY c.document, c."start", c."end", c.type, c.confidence DESC NULLS LAST, c.condition
"""


class _Stated(NamedTuple):
    """A relation of one run, of an edge that is wanted."""

    edge: str
    type: str
    polarity: Polarity
    setting: Setting
    confidence: float | None
    belief: float
    documents: int
    relation: str


class _Party(NamedTuple):
    role: str
    concept: str
    name: str
    kind: str
    linked: bool


def documents(
    connection: duckdb.DuckDBPyConnection,
    chosen: Chosen,
    *,
    negated: bool = True,
    ids: Collection[str] | None = None,
) -> Iterator[Document]:
    """The documents, or those of some `ids`, a batch in memory, in the order of their ids.

    Without `negated`, relations that a document denies are left out: for formats that would assert them.
    """
    for some in rows(connection, _DOCUMENTS, [ids is None, sorted(ids or ())], size=BATCH):
        these = [[row[0] for row in some]]
        mentions = batches(connection, _MENTIONS, these)
        relations = batches(connection, _RELATIONS, [*these, chosen.min_belief, chosen.accepted_only])
        arguments = batches(connection, _ARGUMENTS, these)
        evidence = batches(connection, _EVIDENCE, these)
        conditions = batches(connection, _CONDITIONS, these)
        for row in some:
            stated = [_Stated(*each) for each in relations.get(row[0], ())]
            stated = [each for each in stated if negated or each.polarity != "negated"]
            if not stated and not chosen.everything:
                continue
            parties = {
                each.edge: [_Party(*party) for party in arguments.get(each.edge, ())] for each in stated
            }
            yield _document(
                row,
                mentions.get(row[0], ()),
                _relations(stated, parties, evidence),
                [party for some in parties.values() for party in some],
                conditions.get(row[0], ()),
            )


def _document(
    row: Row,
    mentions: Sequence[Row],
    relations: tuple[Relation, ...],
    parties: Iterable[_Party],
    conditions: Sequence[Row],
) -> Document:
    document, text, passages, attributes = row
    found, of_concepts = _mentions(mentions, len(text))
    return Document(
        id=document,
        text=text,
        passages=tuple(Passage(**each) for each in json.loads(passages)),
        mentions=tuple(found),
        concepts=_concepts(found, of_concepts, parties),
        relations=relations,
        conditions=_conditions(conditions, {each.id for each in relations}),
        attributes=json.loads(attributes),
    )


def _mentions(found: Sequence[Row], length: int) -> tuple[list[Mention], dict[str, list[int]]]:
    """The mentions, and by concept their places; a concept is linked when its mentions have ids."""
    merged: dict[tuple[tuple[Span, ...], str], Mention] = {}
    for spans, start, end, text, type_, alignment, confidence, concept, linked in found:
        pairs = json.loads(spans) if spans else [[start, end]]
        places = tuple(Span(*pair) for pair in pairs)
        ids = tuple(concept.split("|")) if linked else ()
        mention = Mention(places, text, type_, ids, (), _alignment(alignment), confidence)
        # Rows of one place and concept come surest first.
        merged.setdefault((places, concept), mention)
    of_concepts: dict[str, list[int]] = {}
    for place, (_, concept) in enumerate(merged):
        of_concepts.setdefault(concept, []).append(place)
    return list(merged.values()), of_concepts


def _alignment(text: str) -> Alignment:
    known: Mapping[str, Alignment] = {
        "exact": "exact", "normalised": "normalised", "fuzzy": "fuzzy", "mismatch": "mismatch"
    }  # fmt: skip
    return known.get(text, "mismatch")


def _concepts(
    mentions: Sequence[Mention], of_concepts: Mapping[str, Sequence[int]], parties: Iterable[_Party]
) -> tuple[Concept, ...]:
    concepts = {
        concept: Concept(
            concept,
            mentions[places[0]].type,
            tuple(places),
            tuple(dict.fromkeys(mentions[place].text for place in places)),
            mentions[places[0]].ids,
        )
        for concept, places in of_concepts.items()
    }
    for party in parties:
        # An argument that no run marked in this text.
        ids = tuple(party.concept.split("|")) if party.linked else ()
        concepts.setdefault(party.concept, Concept(party.concept, party.kind, (), (party.name,), ids))
    return tuple(concepts.values())


def _relations(
    stated: Iterable[_Stated],
    parties: Mapping[str, Sequence[_Party]],
    evidence: Mapping[object, Sequence[Row]],
) -> tuple[Relation, ...]:
    relations = []
    for edge, group in groupby(stated, key=attrgetter("edge")):
        said = list(group)
        surest = said[0]
        quotes = {row for each in said for row in evidence.get(each.relation, ())}
        relations.append(
            Relation(
                edge,
                surest.type,
                tuple(Argument(party.role, party.concept) for party in parties[edge]),
                tuple(Evidence(Span(start, end), quote) for start, end, quote in sorted(quotes)),
                Status(surest.polarity, surest.setting),
                surest.confidence,
                attributes={"belief": f"{surest.belief:.4f}", "documents": str(surest.documents)},
            )
        )
    return tuple(sorted(relations, key=_place))


def _place(relation: Relation) -> tuple[int, str]:
    return min((each.span.start for each in relation.evidence), default=-1), relation.id


def _conditions(found: Sequence[Row], relations: set[str]) -> tuple[Condition, ...]:
    merged: dict[tuple[str, int, int, str], Condition] = {}
    for type_, start, end, text, alignment, polarity, confidence, edge in found:
        relation = edge if edge in relations else ""
        condition = Condition(
            type_, Span(start, end), text, relation, _alignment(alignment), Status(polarity), confidence
        )
        merged.setdefault((type_, start, end, relation), condition)
    return tuple(merged.values())
