"""BioRED as published: counts, and the traps its module names."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.corpora.biored import CORPUS
from apothecary.documents import Document

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data")) / "biored"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="BioRED absent: set APOTHECARY_DATA to the folder that holds biored/"
)


@pytest.fixture(scope="module")
def train() -> list[Document]:
    return list(CORPUS.read(DATA, "train"))


@pytest.fixture(scope="module")
def dev() -> list[Document]:
    return list(CORPUS.read(DATA, "dev"))


def test_relations_of_train_by_type_and_novelty(train: list[Document]) -> None:
    relations = [relation for document in train for relation in document.relations]
    assert Counter(relation.type for relation in relations) == {
        "Association": 2192,
        "Positive_Correlation": 1089,
        "Negative_Correlation": 763,
        "Bind": 61,
        "Cotreatment": 31,
        "Comparison": 28,
        "Drug_Interaction": 11,
        "Conversion": 3,
    }
    novelty = Counter(relation.attributes["novelty"] for relation in relations)
    assert novelty == {"Novel": 2838, "No": 1340}


def test_relations_of_dev_by_type_and_novelty(dev: list[Document]) -> None:
    relations = [relation for document in dev for relation in document.relations]
    assert Counter(relation.type for relation in relations) == {
        "Association": 560,
        "Positive_Correlation": 352,
        "Negative_Correlation": 216,
        "Bind": 19,
        "Cotreatment": 10,
        "Comparison": 5,
    }
    assert Counter(relation.attributes["novelty"] for relation in relations) == {"Novel": 835, "No": 327}


def test_documents_mentions_and_relations(train: list[Document], dev: list[Document]) -> None:
    for part, expected in ((train, (400, 13351, 4178)), (dev, (100, 3533, 1162))):
        counts = (
            len(part),
            sum(len(document.mentions) for document in part),
            sum(len(document.relations) for document in part),
        )
        assert counts == expected


def test_a_pair_of_concepts_has_one_type_only(train: list[Document], dev: list[Document]) -> None:
    for document in train + dev:
        pairs = [frozenset(a.concept for a in relation.arguments) for relation in document.relations]
        assert len(pairs) == len(set(pairs))


def test_mentions_by_type(train: list[Document], dev: list[Document]) -> None:
    counts = {
        kind: tuple(sum(m.type == kind for d in part for m in d.mentions) for part in (train, dev))
        for kind in ("GeneOrGeneProduct", "DiseaseOrPhenotypicFeature", "ChemicalEntity", "SequenceVariant")
    }
    assert counts == {
        "GeneOrGeneProduct": (4430, 1087),
        "DiseaseOrPhenotypicFeature": (3646, 982),
        "ChemicalEntity": (2853, 822),
        "SequenceVariant": (890, 250),
    }


def test_composite_and_unlinked_mentions(train: list[Document], dev: list[Document]) -> None:
    mentions = [[mention for document in part for mention in document.mentions] for part in (train, dev)]
    assert [sum(len(m.ids) > 1 for m in part) for part in mentions] == [367 + 3, 77]
    assert [sum(not m.ids for m in part) for part in mentions] == [31, 20]
    assert not any(i != i.strip() for part in mentions for m in part for i in m.ids)


def test_ids_of_variants_stay_whole(train: list[Document], dev: list[Document]) -> None:
    variants = [m for d in train + dev for m in d.mentions if m.type == "SequenceVariant"]
    assert max(len(m.ids) for m in variants) == 1
    assert any("|" in m.ids[0] for m in variants if m.ids)


def test_joined_ids_of_relations_have_no_mention(train: list[Document]) -> None:
    without = {c.id for d in train for c in d.concepts if not c.mentions}
    assert without == {"D015458|D016399", "D017180|D014693"}
    named = [a.concept for d in train for r in d.relations for a in r.arguments if a.concept in without]
    assert len(named) == 4


def test_some_relations_lead_back_to_their_own_concept(train: list[Document], dev: list[Document]) -> None:
    counts = [
        sum(relation.argument("head") == relation.argument("tail") for d in part for relation in d.relations)
        for part in (train, dev)
    ]
    assert counts == [3, 1]
