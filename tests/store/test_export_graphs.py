"""KGX in the words of Biolink, and RDF as rdflib reads it."""

import csv
import json
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.store.biolink import curie_of, iri_of
from apothecary.store.edge_rows import Edge, Filled, Quote, Statement
from apothecary.store.export import export
from apothecary.store.export_kgx import EDGE_COLUMNS, NODE_COLUMNS
from apothecary.store.export_rdf import write_rdf
from apothecary.store.opening import opened
from tests.store.export_base import CID, NEG, TEXTS, TRIPLE, made_base

BIOLINK = json.loads((Path(__file__).parent / "biolink-4.4.6.json").read_text())
TABLE = tomllib.loads(files("apothecary.store").joinpath("biolink.toml").read_text())
OA = rdflib.Namespace("http://www.w3.org/ns/oa#")
APO = rdflib.Namespace("urn:apothecary:vocabulary/")
BIO = rdflib.Namespace("https://w3id.org/biolink/vocab/")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_table_of_biolink_names_what_there_is() -> None:
    assert set(TABLE["categories"].values()) <= set(BIOLINK["categories"])
    assert set(TABLE["predicates"].values()) <= set(BIOLINK["predicates"])
    aspects, directions = zip(*TABLE["aspects"].values(), strict=True)
    assert set(aspects) <= set(BIOLINK["aspects"])
    assert set(directions) <= {*BIOLINK["directions"], ""}


def test_every_relation_type_of_the_schemas_has_a_predicate() -> None:
    unlisted = set()
    for path in files("apothecary.tasks").joinpath("schemas").iterdir():
        templates = tomllib.loads(path.read_text(encoding="utf-8"))["templates"]
        scenarios = [each for template in templates for each in template["scenarios"]]
        unlisted |= {name for each in scenarios for name in each.get("relations", ())} - set(
            TABLE["predicates"]
        )
    # No Biolink predicate says that two drugs were compared, or given together without an effect.
    assert unlisted == {"Comparison", "Cotreatment"}


def test_columns_are_those_of_biolink_but_for_three() -> None:
    assert set(NODE_COLUMNS) - set(BIOLINK["node_slots"]) == {"relation_type"}
    assert set(EDGE_COLUMNS) - set(BIOLINK["edge_slots"]) == {"relation_type", "role", "contradicted"}


@pytest.fixture(scope="module")
def kgx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kgx")
    return export(made_base(folder / "kb.duckdb", accepted=NEG), folder / "out", "kgx").path


def test_every_edge_joins_nodes_that_are_there(kgx: Path) -> None:
    nodes, links = rows(kgx / "nodes.tsv"), rows(kgx / "edges.tsv")
    known = {node["id"] for node in nodes}
    assert len(known) == len(nodes)
    assert {end for link in links for end in (link["subject"], link["object"])} <= known
    assert {link["predicate"] for link in links} <= set(BIOLINK["predicates"])
    assert {node["category"] for node in nodes} <= set(BIOLINK["categories"])
    assert not any("|" in row["id"] or " " in row["id"] for row in (*nodes, *links))


def test_two_drugs_are_an_edge_and_three_a_node(kgx: Path) -> None:
    links = {link["id"]: link for link in rows(kgx / "edges.tsv")}
    pair = links[f"apothecary:edge/{NEG}"]
    assert pair["predicate"] == "biolink:pharmacologically_interacts_with"
    assert (pair["has_confidence_score"], pair["publications"]) == ("0.81", "PMID:101")
    assert pair["agent_type"] == "manual_validation_of_automated_agent"
    (node,) = (each for each in rows(kgx / "nodes.tsv") if each["category"] == "biolink:Treatment")
    assert node["has_drug"].split("|")[0] == "MESH:D1"
    assert sum(link["subject"] == node["id"] for link in links.values()) == 3


def test_what_a_document_denies_is_no_publication_for_it(kgx: Path) -> None:
    link = next(each for each in rows(kgx / "edges.tsv") if each["id"].endswith(CID))
    assert (link["publications"], link["contradicted"]) == ("PMID:101", "true")


def test_rdflib_reads_every_statement_whole(tmp_path: Path) -> None:
    done = export(made_base(tmp_path / "kb.duckdb"), tmp_path / "kb.ttl", "rdf")
    graph = rdflib.Graph().parse(done.path)
    kinds = Counter(graph.objects(None, rdflib.RDF.type))
    assert kinds[rdflib.RDF.Statement] == kinds[BIO.Association] == 3
    assert kinds[OA.TextQuoteSelector] == kinds[OA.TextPositionSelector] == done.counts["evidence"] == 3
    node = rdflib.URIRef(f"urn:apothecary:edge/{CID}")
    mesh = "http://id.nlm.nih.gov/mesh/"
    assert graph.value(node, rdflib.RDF.subject) == rdflib.URIRef(f"{mesh}D1")
    assert graph.value(node, rdflib.RDF.predicate) == BIO.causes
    assert graph.value(node, rdflib.RDF.object) == rdflib.URIRef(f"{mesh}D9")
    assert float(str(graph.value(node, BIO.has_confidence_score))) == 0.4
    # Nothing is asserted: the triple itself is not in the graph.
    assert not list(graph.triples((rdflib.URIRef(f"{mesh}D1"), BIO.causes, None)))
    (evidence,) = (e for s in graph.objects(node, APO.statement) for e in graph.objects(s, APO.evidence))
    places = {
        str(p): o for s in graph.objects(evidence, OA.hasSelector) for p, o in graph.predicate_objects(s)
    }
    start, end = (int(str(places[str(OA[name])])) for name in ("start", "end"))
    assert TEXTS["101"][start:end] == str(places[str(OA.exact)])
    participants = graph.objects(rdflib.URIRef(f"urn:apothecary:edge/{TRIPLE}"), APO.argument)
    assert len(list(participants)) == 3


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_text_comes_back_from_turtle(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("ttl") / "kb.ttl"
    said = Statement(text, "", text, 0.5, "asserted", "unknown", "", (Quote(0, len(text), text),))
    drugs = (Filled("drug", f"drug:{text}", text, "drug"), Filled(text, "MESH:D1", "b", "drug"))
    edge = Edge("e", "combinations", text, 0.5, 1, 0, False, 0, 0, drugs, (said,))
    write_rdf([(f"drug:{text}", "drug", text, [])], [edge], path)
    graph = rdflib.Graph().parse(path)
    assert str(next(graph.objects(None, OA.exact))) == text
    assert unquote(iri_of(curie_of(f"drug:{text}"))) == f"urn:apothecary:drug:{text}"


def test_no_text_breaks_a_row_of_kgx(tmp_path: Path) -> None:
    base = made_base(tmp_path / "kb.duckdb")
    with opened(base, write=True) as connection:
        connection.execute("UPDATE concepts SET name = 'a\tb\r\n\"c|d\u2028e' WHERE concept = 'MESH:D1'")
    nodes = rows(export(base, tmp_path / "kgx", "kgx").path / "nodes.tsv")
    assert next(node["name"] for node in nodes if node["id"] == "MESH:D1") == 'a b  "c/d e'
