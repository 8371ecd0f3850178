"""RDF as Turtle: every edge a statement that is described, never asserted, with what it rests on.

    <urn:apothecary:edge/KEY> a rdf:Statement, biolink:Association ;       # what is stated
        rdf:subject ... ; rdf:predicate biolink:causes ; rdf:object ... ;
        biolink:has_confidence_score 0.93 ;
        prov:wasDerivedFrom <.../pubmed/1> ;                               # who says so
        apo:statement <urn:apothecary:edge/KEY/statement/1> .              # where: document, quote, offsets

As in a nanopublication, assertion, provenance and evidence are kept apart; that an edge is in the file does
not make it true, so the triple itself is not written. What has not two arguments has no subject and object:
its arguments, as those of every edge, are nodes with a role. Offsets are those of the text as it was read,
code points, end-exclusive (oa:TextPositionSelector); oa:TextQuoteSelector has the words. No node is blank.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from apothecary.store.biolink import (
    NAMESPACE,
    aspect_of,
    category_of,
    curie_of,
    iri_of,
    predicate_of,
    publication_of,
)
from apothecary.store.edge_rows import Edge, Statement

__all__ = ["write_rdf"]

_PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "prov": "http://www.w3.org/ns/prov#",
    "oa": "http://www.w3.org/ns/oa#",
    "biolink": "https://w3id.org/biolink/vocab/",
    "apo": f"{NAMESPACE}vocabulary/",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile('[\\\\"\\x00-\\x1f\\x7f]')
Pairs = list[tuple[str, str]]


def write_rdf(
    concepts: Iterable[tuple[str, str, str, list[str]]], edges: Iterable[Edge], path: Path
) -> Counter[str]:
    """Write a file; `concepts` are id, kind, name and other names. Counts what was written."""
    counts: Counter[str] = Counter(concepts=0, edges=0, evidence=0)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(f"@prefix {name}: <{iri}> .\n" for name, iri in _PREFIXES.items())
        for concept, kind, name, others in concepts:
            named = [
                ("rdfs:label", _literal(name)),
                *(("biolink:synonym", _literal(each)) for each in others),
            ]
            stream.write(_block(_iri(iri_of(curie_of(concept))), [("a", category_of(kind)), *named]))
            counts["concepts"] += 1
        for edge in edges:
            blocks = list(_blocks(edge))
            stream.writelines(blocks)
            counts.update(edges=1, evidence=sum(len(said.evidence) for said in edge.statements))
    return counts


def _blocks(edge: Edge) -> Iterator[str]:
    node = f"{NAMESPACE}edge/{edge.edge}"
    about: Pairs = [("a", "rdf:Statement"), ("a", "biolink:Association"), *_terms(edge)]
    about += [
        ("apo:type", _literal(edge.type)),
        ("biolink:has_confidence_score", f'"{edge.belief}"^^xsd:double'),
        ("biolink:evidence_count", str(edge.documents)),
        ("apo:against", str(edge.against)),
        ("apo:contradicted", str(edge.contradicted).lower()),
    ]
    about += [
        ("apo:argument", _iri(f"{node}/argument/{place}")) for place in range(1, len(edge.arguments) + 1)
    ]
    documents = dict.fromkeys(publication_of(said.document) for said in edge.supporting())
    about += [("prov:wasDerivedFrom", _iri(iri_of(each))) for each in documents]
    about += [
        ("apo:statement", _iri(f"{node}/statement/{place}")) for place in range(1, len(edge.statements) + 1)
    ]
    yield _block(_iri(node), about)
    for place, party in enumerate(edge.arguments, 1):
        filled = [("apo:role", _literal(party.role)), ("apo:concept", _iri(iri_of(curie_of(party.concept))))]
        yield _block(_iri(f"{node}/argument/{place}"), filled)
    for place, said in enumerate(edge.statements, 1):
        yield from _said(f"{node}/statement/{place}", said)


def _terms(edge: Edge) -> Pairs:
    if len(edge.arguments) != 2:
        return []
    one, other = sorted(edge.arguments, key=lambda each: each.role == "tail")
    aspect, direction = aspect_of(edge.type)
    terms = [
        ("rdf:subject", _iri(iri_of(curie_of(one.concept)))),
        ("rdf:predicate", predicate_of(edge.type)),
        ("rdf:object", _iri(iri_of(curie_of(other.concept)))),
    ]
    terms += [("biolink:object_aspect_qualifier", _literal(aspect))] if aspect else []
    terms += [("biolink:object_direction_qualifier", _literal(direction))] if direction else []
    return terms


def _said(node: str, said: Statement) -> Iterator[str]:
    document = _iri(iri_of(publication_of(said.document)))
    about: Pairs = [
        ("prov:wasDerivedFrom", document),
        ("prov:wasAttributedTo", _iri(iri_of(f"apothecary:source/{said.source}"))),
        ("apo:polarity", _literal(said.polarity)),
        ("apo:setting", _literal(said.setting)),
    ]
    about += [("apo:verdict", _literal(said.verdict))] if said.verdict else []
    about += [("apo:confidence", f'"{said.confidence}"^^xsd:double')] if said.confidence is not None else []
    about += [("apo:condition", _literal(f"{each.type}: {each.text}")) for each in said.conditions]
    about += [("apo:evidence", _iri(f"{node}/{place}")) for place in range(1, len(said.evidence) + 1)]
    yield _block(_iri(node), about)
    for place, quote in enumerate(said.evidence, 1):
        here = f"{node}/{place}"
        selectors = [("oa:hasSelector", _iri(f"{here}/quote")), ("oa:hasSelector", _iri(f"{here}/position"))]
        yield _block(_iri(here), [("a", "oa:SpecificResource"), ("oa:hasSource", document), *selectors])
        yield _block(
            _iri(f"{here}/quote"), [("a", "oa:TextQuoteSelector"), ("oa:exact", _literal(quote.quote))]
        )
        ends = [("oa:start", str(quote.start)), ("oa:end", str(quote.end))]
        yield _block(_iri(f"{here}/position"), [("a", "oa:TextPositionSelector"), *ends])


def _block(subject: str, pairs: Pairs) -> str:
    return f"{subject}\n    " + " ;\n    ".join(f"{name} {value}" for name, value in pairs) + " .\n"


def _iri(address: str) -> str:
    return f"<{address}>"


def _literal(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0], f"\\u{ord(found[0]):04X}")
