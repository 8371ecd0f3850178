"""Schemas that ship and schemas to start from: sound, in own words, and one of them run to a score."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from apothecary import api
from apothecary.corpora import biored, drugprot
from apothecary.documents import Document
from apothecary.formats.inputs import read_gold
from apothecary.tasks.scenarios_lint import lint
from apothecary.tasks.schema import Schema, load_schema, schema_names

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "examples" / "schemas"
FILES = sorted(GALLERY.glob("*.toml"))
ALL = [*schema_names(), *map(str, FILES)]
DATA = Path(os.environ.get("APOTHECARY_DATA", ROOT.parent / "shared" / "data"))
WORDS = 5

# What a perfect model answers about the pairs that hold; about all others "0".
GENERAL = [
    ("Person: Mira Tonnesk", "Company: Harbour Loaf", "5"),
    ("Company: Harbour Loaf", "Place: Velmouth", "1"),
    ("Person: Mira Tonnesk", "Place: Ostrand", "1"),
    ("Company: Kestrel Lines", "Company: Norrby Ferries", "1"),
    ("Person: Pell Idarsen", "Company: Norrby Ferries", "1"),
    ("Company: Norrby Ferries", "Place: Ostrand", "2"),
    ("Company: Kestrel Lines", "Place: Velmouth", "1"),
    ("Person: Anna Quill", "Place: Hollin", "2"),
    ("Company: Tarn Optics", "Place: Hollin", "1"),
    ("Person: Bo Strand", "Company: Tarn Optics", "4"),
]


def words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"\w+", text)]


def runs_of_words(text: str) -> Iterator[tuple[str, ...]]:
    found = words(text)
    return zip(*(found[start:] for start in range(WORDS)), strict=False)


def strings(schema: Schema) -> Iterator[str]:
    yield from (label.description for label in schema.labels)
    for template in schema.templates:
        yield from (template.requirement, *template.assumptions)
        yield from (scenario.text for scenario in template.scenarios)


def corpora() -> Iterator[Document]:
    for name in ("cdr/train.pubtator", "cdr/dev.pubtator", "biored/train.pubtator", "biored/dev.pubtator"):
        yield from read_gold(DATA / name)
    yield from read_gold(DATA / "chemdisgene_dev")
    yield from drugprot.CORPUS.read(DATA / "drugprot_dev", "dev")


def test_the_gallery_is_complete() -> None:
    assert [file.stem for file in FILES] == ["adverse-event", "drug-drug", "gene-phenotype", "general"]
    assert all(file.name in (GALLERY / "README.md").read_text() for file in FILES)


@pytest.mark.parametrize("name", ALL, ids=lambda name: Path(name).stem)
def test_a_schema_is_sound_and_named_like_its_file(name: str) -> None:
    schema, _ = load_schema(name)
    assert schema.name == Path(name).stem
    assert [str(each) for each in lint(schema) if each.level == "error"] == []


@pytest.mark.parametrize("name", ALL, ids=lambda name: Path(name).stem)
def test_every_relation_type_is_asserted_by_synonym_and_by_form(name: str) -> None:
    for template in load_schema(name)[0].templates:
        for relation in template.relations:
            principles = {s.principle for s in template.scenarios if relation in s.relations}
            assert principles == {4, 5}, (template.name, relation)
        assert template.scenarios[-1].id == "unrelated"
        assert len(template.codes) == len(template.scenarios) <= 14


@pytest.mark.skipif(not DATA.is_dir(), reason="corpora absent: set APOTHECARY_DATA to their folder")
def test_no_schema_shares_five_words_in_a_row_with_a_document() -> None:
    own = {run for name in ALL for text in strings(load_schema(name)[0]) for run in runs_of_words(text)}
    shared = {run for document in corpora() for run in runs_of_words(document.text) if run in own}
    assert shared == set()


def test_chemdisgene_has_the_fourteen_scored_types_and_asks_eight_questions() -> None:
    schema, _ = load_schema("chemdisgene")
    kinds = [relation.split(":")[0] for template in schema.templates for relation in template.relations]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "chem_disease": 2,
        "gene_disease": 2,
        "chem_gene": 10,
    }
    assert len(schema.templates) == 8


@pytest.mark.skipif(not (DATA / "biored").is_dir(), reason="BioRED absent: set APOTHECARY_DATA to its folder")
def test_biored_asks_about_all_relations_of_its_training_part_but_eight() -> None:
    schema, _ = load_schema("biored")
    asked = {(frozenset((t.head, t.tail)), relation) for t in schema.templates for relation in t.relations}
    assert not any(template.directed for template in schema.templates)
    left = 0
    for document in biored.CORPUS.read(DATA / "biored", "train"):
        for relation in document.relations:
            sides = [document.concept(argument.concept) for argument in relation.arguments]
            kinds = frozenset(side.type for side in sides)
            left += sides[0] == sides[1] or (kinds, relation.type) not in asked
    assert left == 8


def test_the_general_schema_runs_from_text_to_score(tmp_path: Path) -> None:
    lines = [{"contains": [one, f"{other}\nAnswer"], "reply": code} for one, other, code in GENERAL]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"reply": "0"}]))
    summary = api.extract(
        GALLERY / "general.pubtator",
        "relations",
        engine=f"scripted:{script}",
        settings={"schema": str(GALLERY / "general.toml"), "oracle_mentions": True},
        out=tmp_path / "run",
        options=api.ExtractOptions(cache=""),
    )
    result = api.score("relations", GALLERY / "general.pubtator", tmp_path / "run" / "predictions.jsonl")
    evaluators = result["evaluators"]
    assert isinstance(evaluators, dict)
    assert (summary.failed, result["gold_pairs"]) == (0, 11)
    assert {table["micro"]["f1"] for table in evaluators.values()} == {1.0}
