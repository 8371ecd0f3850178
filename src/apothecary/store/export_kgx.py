"""KGX: ``nodes.tsv`` and ``edges.tsv`` in the words of the Biolink model (`biolink.toml`).

A relation of a head and a tail is an edge from one to the other, a combination of two drugs an edge between
them. What has more arguments (three drugs together) cannot be an edge: it becomes a node, of category
biolink:Treatment with its drugs in `has_drug` where all are drugs, and an edge biolink:has_participant leads
to each argument. Columns with names of our own are `relation_type`, `role` and `contradicted`.

Format: https://github.com/biolink/kgx/blob/master/docs/kgx_format.md. A list is joined by ``|``, for which a
text has no escape: within a text it becomes ``/``, and tabs and line breaks become blanks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from apothecary.store.biolink import aspect_of, category_of, curie_of, predicate_of, publication_of
from apothecary.store.edge_rows import Edge, Filled

__all__ = ["EDGE_COLUMNS", "NODE_COLUMNS", "write_kgx"]

NODE_COLUMNS = ("id", "category", "name", "synonym", "has_drug", "provided_by", "relation_type")
EDGE_COLUMNS = (
    *("id", "subject", "predicate", "object", "category", "qualified_predicate", "object_aspect_qualifier"),
    *("object_direction_qualifier", "knowledge_level", "agent_type", "primary_knowledge_source"),
    *("publications", "has_confidence_score", "evidence_count", "supporting_text", "contradicted"),
    *("relation_type", "role"),
)
MOST_QUOTES = 10
Cells = Mapping[str, object]
_UNWRITABLE = str.maketrans("\t\n\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029|", " " * 12 + "/")


def write_kgx(
    concepts: Iterable[tuple[str, str, str, list[str]]], edges: Iterable[Edge], folder: Path, source: str
) -> Counter[str]:
    """Write both tables; `concepts` are id, kind, name and other names. Counts their rows."""
    counts: Counter[str] = Counter(nodes=0, edges=0)
    with (
        (folder / "nodes.tsv").open("w", encoding="utf-8", newline="") as nodes,
        (folder / "edges.tsv").open("w", encoding="utf-8", newline="") as links,
    ):
        nodes.write("\t".join(NODE_COLUMNS) + "\n")
        links.write("\t".join(EDGE_COLUMNS) + "\n")
        for concept, kind, name, others in concepts:
            cells: Cells = {
                "id": curie_of(concept),
                "category": category_of(kind),
                "name": name,
                "synonym": others,
            }
            counts["nodes"] += _write(nodes, NODE_COLUMNS, {**cells, "provided_by": source})
        for edge in edges:
            if not _is_binary(edge):
                counts["nodes"] += _write(nodes, NODE_COLUMNS, {**_node(edge), "provided_by": source})
            for link in _links(edge):
                counts["edges"] += _write(links, EDGE_COLUMNS, link)
    return counts


def _write(stream: TextIO, columns: Iterable[str], cells: Cells) -> int:
    stream.write("\t".join(_cell(cells.get(name, "")) for name in columns) + "\n")
    return 1


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "|".join(_cell(each) for each in value)
    return str(value).translate(_UNWRITABLE)


def _is_binary(edge: Edge) -> bool:
    return len(edge.arguments) == 2


def _node(edge: Edge) -> Cells:
    drugs = all(each.kind == "drug" for each in edge.arguments)
    return {
        "id": f"apothecary:edge/{edge.edge}",
        "category": "biolink:Treatment" if drugs else "biolink:NamedThing",
        "name": " + ".join(each.name for each in edge.arguments),
        "has_drug": [curie_of(each.concept) for each in edge.arguments] if drugs else [],
        "relation_type": edge.type,
    }


def _links(edge: Edge) -> Iterator[Cells]:
    about = _about(edge)
    if _is_binary(edge):
        subject, object_ = _ends(edge)
        aspect, direction = aspect_of(edge.type)
        yield about | {
            "id": f"apothecary:edge/{edge.edge}",
            "subject": curie_of(subject.concept),
            "predicate": predicate_of(edge.type),
            "object": curie_of(object_.concept),
            # Read with its qualifiers: "causes increased expression of".
            "qualified_predicate": "biolink:causes" if direction else "",
            "object_aspect_qualifier": aspect,
            "object_direction_qualifier": direction,
        }
        return
    for place, party in enumerate(edge.arguments, 1):
        yield about | {
            "id": f"apothecary:edge/{edge.edge}/{place}",
            "subject": f"apothecary:edge/{edge.edge}",
            "predicate": "biolink:has_participant",
            "object": curie_of(party.concept),
            "role": party.role,
        }


def _ends(edge: Edge) -> tuple[Filled, Filled]:
    """Head and tail; of an edge without a direction the arguments in their order."""
    one, other = edge.arguments
    return (other, one) if (one.role, other.role) == ("tail", "head") else (one, other)


def _about(edge: Edge) -> dict[str, object]:
    supporting = edge.supporting()
    quotes = dict.fromkeys(quote.quote for said in supporting for quote in said.evidence)
    return {
        "category": "biolink:Association",
        "knowledge_level": "knowledge_assertion" if edge.accepted else "not_provided",
        "agent_type": "manual_validation_of_automated_agent" if edge.accepted else "text_mining_agent",
        # No registered name: whoever publishes the graph puts theirs.
        "primary_knowledge_source": "infores:apothecary",
        "publications": list(dict.fromkeys(publication_of(said.document) for said in supporting)),
        "has_confidence_score": edge.belief,
        "evidence_count": edge.documents,
        "supporting_text": list(quotes)[:MOST_QUOTES],
        "contradicted": edge.contradicted,
        "relation_type": edge.type,
    }
