"""Relation scores: the published vectors, rules by hand, properties, hostile records, floors on CDR."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.inputs import read_gold
from apothecary.metrics.counts import Counts, total
from apothecary.tasks.relations.evaluators import bare_id, gold_relations
from apothecary.tasks.relations.score import EVALUATORS, document_counts, error_row, errors, score
from apothecary.tasks.relations.score import read_predictions as read

REPOSITORY = Path(__file__).parents[3]
DATA = Path(os.environ.get("APOTHECARY_DATA", REPOSITORY.parent / "shared" / "data"))
VECTORS = DATA.parent / "vectors" / "relation_eval.json"
NAMES_IN_VECTORS = ("concept_id_strict", "concept_id_mapped_only", "string_pair")
ROLES = ("Chemical", "Disease")
Record = dict[str, Any]


def document(id_: str, mentions: list[Mention], relations: list[tuple[str, str, str]]) -> Document:
    ids = dict.fromkeys(each for mention in mentions for each in mention.ids)
    ids |= dict.fromkeys(each for _, *pair in relations for each in pair)
    concepts = tuple(Concept(each, "", (), (), (each,)) for each in ids)
    found = tuple(
        Relation(str(number), type_, (Argument("head", head), Argument("tail", tail)))
        for number, (type_, head, tail) in enumerate(relations)
    )
    return Document(id_, " " * 5000, mentions=tuple(mentions), concepts=concepts, relations=found)


def mention(text: str, type_: str, *ids: str, parts: tuple[str, ...] = (), start: int = 0) -> Mention:
    return Mention((Span(start, start + len(text)),), text, type_, ids, parts)


def side(*texts: str, ids: tuple[str, ...] = (), broader: bool = False) -> Record:
    return {"texts": list(texts), "ids": list(ids), "broader": broader}


def relation(head: Record, tail: Record, type_: str = "CID") -> Record:
    return {"type": type_, "head": head, "tail": tail}


def evaluate(gold: Document, *relations: Record, **options: Any) -> dict[str, Counts]:
    predictions = read(gold.id, {"relations": [*relations]})
    found = document_counts(gold_relations(gold), predictions, **options)
    return {name: total(row.values()) for name, row in found.items()}


GOLD = document(
    "1",
    [
        mention("Aspirin", "Chemical", "D001241"),
        mention("ASA", "Chemical", "D001241"),
        mention("lead", "Chemical", "D007854"),
        mention("lead", "Disease", "D007855"),
        mention("ulcer", "Disease", "D014456"),
        mention("gastric or renal cyst", "Disease", "D01", "D02", parts=("gastric cyst", "renal cyst")),
        mention("something odd", "Disease", "-1"),
    ],
    [("CID", "D001241", "D014456")],
)
"""Aspirin, also called ASA, induces ulcer; nothing else is related."""


def test_the_worked_example_of_the_docstring() -> None:
    counts = evaluate(GOLD, relation(side("ASA"), side("ulcer")), relation(side("ASA"), side("ulcers")))
    assert counts == {
        "concept": Counts(1, 1, 0),
        "concept_mapped": Counts(1, 0, 0),
        "string_pair": Counts(1, 1, 1),
        "cluster_overlap": Counts(1, 1, 0),
    }


@pytest.mark.parametrize("identifier", ["D001241", "MESH:D001241", "mesh:D001241 "])
def test_ids_compare_with_or_without_their_prefix(identifier: str) -> None:
    counts = evaluate(GOLD, relation(side(ids=(identifier,)), side("ULCER ")))
    assert counts["concept"] == Counts(1, 0, 0)


def test_gold_ids_may_carry_the_prefix() -> None:
    gold = document("1", [mention("x", "Gene", "NCBIGene:7")], [("own", "NCBIGene:7", "OMIM:1")])
    assert evaluate(gold, relation(side("x"), side(ids=("OMIM:1",)), "own"))["concept"] == Counts(1, 0, 0)
    assert bare_id("CVCL:7") == "CVCL:7"


def test_given_ids_take_the_place_of_texts() -> None:
    counts = evaluate(GOLD, relation(side("ASA", ids=("D009",)), side("ulcer")))
    assert counts["concept"] == counts["concept_mapped"] == Counts(0, 1, 1)


def test_strings_map_through_mentions_of_the_right_type_alone() -> None:
    wrong = errors(GOLD, {"relations": [relation(side("lead"), side("lead"))]})
    assert [(each.head_ids, each.tail_ids) for each in wrong if each.kind == "fp"] == [
        (("D007854",), ("D007855",))
    ]


def test_other_relation_types_map_through_any_mention() -> None:
    assert evaluate(GOLD, relation(side("lead"), side("ulcer"), "own"))["concept_mapped"] == Counts(0, 2, 1)


@pytest.mark.parametrize("name", ["gastric cyst", "gastric or renal cyst"])
def test_a_composite_mention_maps_to_all_its_ids(name: str) -> None:
    assert evaluate(GOLD, relation(side("asa"), side(name)))["concept"] == Counts(0, 2, 1)


def test_unlinked_mentions_never_map() -> None:
    counts = evaluate(
        GOLD, relation(side("ASA"), side("something odd")), relation(side("ASA"), side("x", ids=("-1",)))
    )
    assert (counts["concept"].fp, counts["concept_mapped"].fp) == (2, 0)


def test_predictions_by_id_alone_have_strings_to_compare() -> None:
    counts = evaluate(GOLD, relation(side(ids=("D001241",)), side(ids=("D014456",))))
    assert counts["string_pair"] == Counts(2, 0, 0)
    absent = evaluate(GOLD, relation(side(ids=("D009",)), side(ids=("D014456",))))
    assert absent["string_pair"] == Counts(0, 1, 2)
    assert absent["cluster_overlap"] == Counts(0, 1, 1)


def test_undirected_pairs_match_either_way_round() -> None:
    gold = document(
        "1", [mention("x", "A", "1"), mention("y", "B", "2")], [("Bind", "1", "2"), ("own", "1", "2")]
    )
    reverse = [relation(side("y"), side("x"), type_) for type_ in ("Bind", "own")]
    assert set(evaluate(gold, *reverse).values()) == {Counts(1, 1, 1)}
    both = [relation(side("z"), side("x"), "Bind"), relation(side("x"), side("z"), "Bind")]
    assert evaluate(gold, *both)["concept"] == Counts(0, 1, 2)


def test_a_record_says_which_further_types_have_no_direction() -> None:
    gold = document("1", [mention("x", "A", "1"), mention("y", "B", "2")], [("own", "1", "2")])
    record: Record = {"relations": [relation(side("y"), side("x"), "own")]}
    found: Any = [score([(gold, record | more)], resamples=2) for more in ({}, {"undirected": ["own"]})]
    assert [result["evaluators"]["string_pair"]["micro"]["f1"] for result in found] == [0.0, 1.0]
    assert [result["undirected"] for result in found] == [[], ["own"]]
    assert errors(gold, record | {"undirected": ["own"]}) == []


@pytest.mark.parametrize("type_", ["CID", "chem_gene:affects^binding"])
def test_no_record_takes_the_direction_from_a_type_that_has_one(type_: str) -> None:
    gold = document("1", [mention("x", "Chemical", "1"), mention("y", "Gene", "2")], [(type_, "1", "2")])
    turned = relation(side(ids=("2",)), side(ids=("1",)), type_)
    result: Any = score([(gold, {"relations": [turned], "undirected": [type_]})], resamples=2)
    assert (result["evaluators"]["concept"]["micro"]["tp"], result["undirected"]) == (0, [])


@pytest.mark.parametrize("undirected", ["Bind", [1], None, {}])
def test_undirected_types_that_are_no_names_are_refused(undirected: object) -> None:
    with pytest.raises(FormatError, match="document 1: undirected is not a list of strings"):
        score([(GOLD, {"relations": [], "undirected": undirected})], resamples=1)


def test_flagged_wrong_predictions_are_excused_on_request_alone() -> None:
    flagged = relation(side("lead"), side("ulcer", broader=True))
    assert evaluate(GOLD, flagged)["cluster_overlap"] == Counts(0, 1, 1)
    excused = evaluate(GOLD, flagged, excuse_broader=True)
    assert excused["cluster_overlap"] == Counts(0, 0, 1)
    assert excused["concept"] == Counts(0, 1, 1)


def test_two_clusters_on_one_gold_pair_are_one_hit_and_no_error() -> None:
    counts = evaluate(
        GOLD, relation(side("ASA"), side("ulcer")), relation(side("aspirin"), side("ulcer", "ulcers"))
    )
    assert counts["cluster_overlap"] == Counts(1, 0, 0)


def test_an_invented_type_is_wrong_and_lowers_the_macro_mean() -> None:
    pairs = [relation(side("ASA"), side("ulcer")), relation(side("ASA"), side("ulcer"), "invented")]
    result = json.loads(json.dumps(score([(GOLD, {"relations": pairs})], resamples=5)))
    assert result["evaluators"]["concept"]["macro"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert result["evaluators"]["concept"]["by_type"]["invented"]["fp"] == 1


def test_documents_without_gold_and_prediction_leave_the_document_mean() -> None:
    empty = document("2", [], [])
    right: Record = {"relations": [relation(side("ASA"), side("ulcer"))]}
    tables: Any = score([(GOLD, right), (empty, None)], resamples=5)["evaluators"]
    assert tables["concept"]["macro_by_document"]["f1"] == 1.0


def test_the_output_has_the_shape_of_the_contract() -> None:
    result: Any = score([(GOLD, None), (GOLD, {"relations": []})], resamples=5, list_errors=True)
    assert (result["documents"], result["predicted_documents"], result["gold_pairs"]) == (2, 1, 2)
    assert result["settings"] == {"excuse_broader": False, "broader": "keep", "seed": 0, "resamples": 5}
    assert tuple(result["evaluators"]) == EVALUATORS
    for table in result["evaluators"].values():
        assert set(table) == {"micro", "macro", "macro_by_document", "by_type"}
        assert set(table["micro"]["interval"]) == {"precision", "recall", "f1"}
    assert len(result["errors"]) == 2


def test_errors_name_what_is_wrong_missing_and_unmapped() -> None:
    record = {"relations": [relation(side("lead"), side("ulcer")), relation(side("Tin"), side("ulcer"))]}
    rows = [error_row(each) for each in errors(GOLD, record)]
    assert [(each["kind"], each["head_names"], each["head_ids"]) for each in rows] == [
        ("fn", ["ASA", "Aspirin"], ["D001241"]),
        ("fp", ["lead"], ["D007854"]),
        ("unmapped", ["tin"], []),
    ]
    assert json.loads(json.dumps(rows)) == rows


# The vectors


def vector_documents() -> list[Record]:
    if not VECTORS.exists():
        return []
    documents: list[Record] = json.loads(VECTORS.read_text(encoding="utf-8"))["documents"]
    return documents


def from_vector(vector: Record) -> tuple[Document, Record]:
    mentions = [
        mention(
            each["text"], each["type"], *each["ids"], parts=tuple(each["individual"]), start=each["start"]
        )
        for each in vector["mentions"]
    ]
    relations = [
        relation(
            side(*each["head_strings"], broader=each["head_flagged_broader"]),
            side(*each["tail_strings"], broader=each["tail_flagged_broader"]),
        )
        for each in vector["predictions"]
    ]
    gold = document(
        vector["pmid"], mentions, [("CID", head, tail) for head, tail in vector["gold_relations"]]
    )
    return gold, {"id": vector["pmid"], "relations": relations}


def micro(result: Any, evaluator: str) -> Counts:
    entry = result["evaluators"][evaluator]["micro"]
    return Counts(entry["tp"], entry["fp"], entry["fn"])


needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="shared/vectors/relation_eval.json is absent")


@needs_vectors
@pytest.mark.parametrize("vector", vector_documents(), ids=lambda each: each["pmid"])
@pytest.mark.parametrize(("broader", "column"), [("keep", "keep_all"), ("drop", "drop_broader")])
def test_each_vector_document_is_matched(vector: Record, broader: Any, column: str) -> None:
    result = score([from_vector(vector)], broader=broader, resamples=1)
    for evaluator, name in zip(EVALUATORS[:3], NAMES_IN_VECTORS, strict=True):
        assert micro(result, evaluator) == Counts(**vector["expected"][name][column])


@needs_vectors
@pytest.mark.parametrize(("broader", "column"), [("keep", "keep_all"), ("drop", "drop_broader")])
def test_the_sum_over_the_vectors_is_matched(broader: Any, column: str) -> None:
    vectors = vector_documents()
    result = score(map(from_vector, vectors), broader=broader, resamples=1)
    for evaluator, name in zip(EVALUATORS[:3], NAMES_IN_VECTORS, strict=True):
        assert micro(result, evaluator) == total(Counts(**each["expected"][name][column]) for each in vectors)


@needs_vectors
@pytest.mark.parametrize(("column", "excuse_broader"), [("as_released", True), ("no_excuse", False)])
def test_cluster_overlap_is_the_released_scorer_but_for_composites(column: str, excuse_broader: bool) -> None:
    for vector in vector_documents():
        result = score([from_vector(vector)], excuse_broader=excuse_broader, resamples=1)
        released = Counts(**vector["expected"]["released_position_evaluator"][column])
        # The release keeps the first id of a composite mention: one gold group fewer in that document.
        assert micro(result, "cluster_overlap") == released + Counts(fn="composite" in vector["features"])


# Properties

CHEMICALS, DISEASES = ["C1", "C2", "C3"], ["D1", "D2", "D3"]
ID_PAIRS = st.lists(st.tuples(st.sampled_from(CHEMICALS), st.sampled_from(DISEASES)), min_size=1, max_size=5)
STRINGS = st.sampled_from(["unknown", *(f"{id_} {part}" for id_ in CHEMICALS + DISEASES for part in "ab")])
SIDES = st.builds(
    lambda texts, flag: side(*texts, broader=flag), st.lists(STRINGS, min_size=1, max_size=3), st.booleans()
)
TYPES = st.sampled_from(["CID", "Bind", "own"])
PREDICTED = st.lists(st.builds(relation, SIDES, SIDES, TYPES), max_size=5)


@st.composite
def gold_documents(draw: st.DrawFn) -> Document:
    mentions = [mention(f"{each} {part}", "Chemical", each) for each in CHEMICALS for part in "ab"]
    mentions += [mention(f"{each} {part}", "Disease", each) for each in DISEASES for part in "ab"]
    return document("1", mentions, [(draw(TYPES), *pair) for pair in draw(ID_PAIRS)])


@settings(max_examples=50, deadline=None)
@given(gold_documents(), st.booleans())
def test_gold_against_gold_is_perfect(gold: Document, by_text: bool) -> None:
    def gold_side(id_: str) -> Record:
        return side(f"{id_} a", f"{id_} b") if by_text else side(ids=(id_,))

    relations = [
        relation(gold_side(r.argument("head")), gold_side(r.argument("tail")), r.type) for r in gold.relations
    ]
    assert {each.f1 for each in evaluate(gold, *relations).values()} == {1.0}


@settings(max_examples=50, deadline=None)
@given(gold_documents(), PREDICTED, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(gold: Document, relations: list[Record], random: Any) -> None:
    shuffled = random.sample(relations * 2, 2 * len(relations))
    assert evaluate(gold, *relations) == evaluate(gold, *shuffled)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(gold_documents(), PREDICTED), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(pairs: list[Any], random: Any) -> None:
    records = [(gold, {"relations": relations}) for gold, relations in pairs]
    there = score(records, resamples=1)
    back = score(random.sample(records, len(records)), resamples=1)
    assert [micro(there, name) for name in EVALUATORS] == [micro(back, name) for name in EVALUATORS]


@settings(max_examples=50, deadline=None)
@given(gold_documents(), PREDICTED)
def test_a_wrong_prediction_never_raises_precision(gold: Document, relations: list[Record]) -> None:
    wrong = relation(side(ids=("absent",)), side("D1 a"))
    before, after = evaluate(gold, *relations), evaluate(gold, *relations, wrong)
    assert all(after[name].precision <= before[name].precision for name in EVALUATORS)


@settings(max_examples=50, deadline=None)
@given(gold_documents(), PREDICTED)
def test_the_evaluators_keep_their_order(gold: Document, relations: list[Record]) -> None:
    counts = evaluate(gold, *relations)
    strict, mapped = counts["concept"], counts["concept_mapped"]
    assert (strict.tp, strict.fn) == (mapped.tp, mapped.fn)
    assert strict.fp >= mapped.fp
    assert (
        evaluate(gold, *relations, excuse_broader=True)["cluster_overlap"].fp <= counts["cluster_overlap"].fp
    )
    listed = [each.kind for each in errors(gold, {"relations": relations})]
    assert (len(listed) - listed.count("fn"), listed.count("fn")) == (strict.fp, strict.fn)


# Floors on CDR


def read_cdr(path: Path) -> Iterator[Document]:
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        title, _, *lines = block.split("\n")
        rows = [line.split("\t") for line in lines]
        mentions = [mention(r[3], r[4], *r[5].split("|"), start=int(r[1])) for r in rows if r[1] != "CID"]
        pairs = [(r[1], r[2], r[3]) for r in rows if r[1] == "CID"]
        yield document(title.split("|")[0], mentions, pairs)


def every_pair(gold: Document) -> Record:
    linked = {(each.type, id_) for each in gold.mentions for id_ in each.ids if id_ != "-1"}
    heads, tails = ([side(ids=(id_,)) for kind, id_ in linked if kind == role] for role in ROLES)
    return {"relations": [relation(head, tail) for head, tail in product(heads, tails)]}


@pytest.mark.skipif(not (DATA / "cdr").is_dir(), reason="shared/data/cdr is absent")
@pytest.mark.parametrize(
    ("split", "gold_pairs", "precision", "f1"), [("train", 1038, 0.191, 0.321), ("dev", 1012, 0.192, 0.323)]
)
def test_every_pair_of_concepts_gives_the_known_floor(
    split: str, gold_pairs: int, precision: float, f1: float
) -> None:
    pairs = [(gold, every_pair(gold)) for gold in read_cdr(DATA / "cdr" / f"{split}.pubtator")]
    result: Any = score(pairs, resamples=20)
    floor = result["evaluators"]["concept"]["micro"]
    assert (result["documents"], result["gold_pairs"], floor["recall"]) == (500, gold_pairs, 1.0)
    assert floor["precision"] == pytest.approx(precision, abs=0.0005)
    assert floor["f1"] == pytest.approx(f1, abs=0.002)


@pytest.mark.skipif(not (DATA / "chemdisgene_dev").is_dir(), reason="shared/data/chemdisgene_dev is absent")
def test_the_folder_of_chemdisgene_is_gold_and_scores_to_one_against_itself() -> None:
    def row(each: Relation) -> Record:
        return relation(side(ids=(each.argument("head"),)), side(ids=(each.argument("tail"),)), each.type)

    gold = read_gold(DATA / "chemdisgene_dev")
    pairs = [(document, {"relations": list(map(row, document.relations))}) for document in gold]
    result: Any = score(pairs, resamples=2)
    assert (result["documents"], result["gold_pairs"], result["undirected"]) == (150, 1052, [])
    assert {table["micro"]["f1"] for table in result["evaluators"].values()} == {1.0}


# Hostile records


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("CID", r"relations\[1\] is not an object"),
        ({"head": side("x"), "tail": side("y")}, r"relations\[1\]\.type"),
        (relation(side("x"), side("y"), ""), r"relations\[1\]\.type"),
        ({"type": "CID", "head": side("x")}, r"relations\[1\]\.tail is missing"),
        (relation({"texts": "x"}, side("y")), r"relations\[1\]\.head\.texts"),
        (relation({"texts": ["x"], "ids": [7]}, side("y")), r"relations\[1\]\.head\.ids"),
        (relation({"texts": ["x"], "broader": "no"}, side("y")), r"relations\[1\]\.head\.broader"),
        (relation(side("x"), side(" ", ids=("-",))), r"relations\[1\]\.tail names nothing"),
    ],
)
def test_a_malformed_relation_is_named(wrong: object, named: str) -> None:
    record = {"relations": [relation(side("x"), side("y")), wrong]}
    with pytest.raises(FormatError, match=f"document 1: {named}"):
        score([(GOLD, record)], resamples=1)


@pytest.mark.parametrize("record", [{}, {"relations": None}, {"relations": {}}])
def test_a_record_without_relations_is_no_empty_prediction(record: Record) -> None:
    with pytest.raises(FormatError, match="relations is missing or not a list"):
        score([(GOLD, record)], resamples=1)


def test_gold_that_is_no_pair_and_an_unknown_policy_are_refused() -> None:
    lone = Relation("R", "CID", (Argument("head", "D001241"),))
    with pytest.raises(DataError, match="relation R of type CID has not exactly one tail"):
        gold_relations(Document("1", "x", concepts=GOLD.concepts, relations=(lone,)))
    policy: Any = "perhaps"
    with pytest.raises(UsageError, match="keep or drop"):
        score([], broader=policy)
