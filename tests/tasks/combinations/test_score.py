"""Scores of drug combinations, and how two systems are compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.combination_rows import document_of
from apothecary.formats.inputs import read_gold
from apothecary.formats.predictions import pair_up, read_predictions
from apothecary.tasks.combinations.score import compare, score, table
from apothecary.tasks.flow import ScoreOptions

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[4] / "shared" / "data"))
OPTIONS = ScoreOptions(resamples=50, list_errors=True)
VIEWS = ("positive_exact", "positive_partial", "any_exact", "any_partial")
Record = Mapping[str, object]
Relations = list[dict[str, object]]


def row(identity: int, *relations: tuple[str, list[int]], repeated: bool = False) -> Document:
    """A row with the drugs d0, d1, ... d4; with `repeated`, d4 is another mention of d0."""
    names = [*(f"d{n}" for n in range(4)), "D0" if repeated else "d4"]
    spans = [{"span_id": n, "text": t, "start": 3 * n, "end": 3 * n + 2} for n, t in enumerate(names)]
    rels = [{"class": c, "spans": m, "is_context_needed": c == "COMB"} for c, m in relations]
    sentence = " ".join(names)
    values = {
        "doc_id": str(identity),
        "sentence": sentence,
        "paragraph": sentence,
        "spans": spans,
        "rels": rels,
    }
    return document_of(values, where="test", line=1)


def pair_row(identity: int, *pairs: tuple[str, str, str]) -> Document:
    entities = [{"entity": name} for name in "abc"]
    relations = [{"type": t, "ent_sets": [x, y]} for t, x, y in pairs]
    values = {"id": identity, "context": "a b c", "entities": entities, "relations": relations}
    return document_of(values, where="test", line=1)


def answer(*relations: tuple[str, list[int]]) -> Record:
    return {"relations": [{"type": t, "drugs": [f"d{n}" for n in drugs]} for t, drugs in relations]}


def at(found: object, *path: str) -> object:
    for key in path:
        assert isinstance(found, Mapping)
        found = found[key]
    return found


def f1s(found: Mapping[str, object], part: str) -> tuple[float, ...]:
    values = [at(found, part, view, "f1") for view in VIEWS]
    return tuple(round(100 * value, 2) for value in values if isinstance(value, float))


# The cases of the unit test that came with the official scorer, as facts: document, members, label.
UNIT_GOLD = {
    1: [("POS", [1, 2])],
    2: [],
    3: [("NEG", [0, 1])],
    4: [("COMB", [0, 1])],
    5: [("POS", [0, 1])],
    6: [("COMB", [0, 1]), ("COMB", [0, 2]), ("COMB", [0, 3])],
    7: [("POS", [0, 1]), ("POS", [2, 3])],
    8: [("POS", [0, 1, 2, 3])],
}
UNIT_PREDICTED = {
    1: [("POS", [0, 1, 2])],
    2: [("POS", [0, 1])],
    4: [("COMB", [0, 1])],
    5: [("COMB", [0, 1])],
    6: [("POS", [0, 1, 2])],
    7: [("POS", [0, 1])],
    8: [("POS", [0, 1]), ("POS", [0, 2]), ("POS", [0, 3])],
}


def unit_pairs() -> list[tuple[Document, Record | None]]:
    return [
        (row(n, *gold), answer(*UNIT_PREDICTED[n]) if n in UNIT_PREDICTED else None)
        for n, gold in UNIT_GOLD.items()
    ]


def test_the_unit_test_of_the_official_scorer() -> None:
    found = score(unit_pairs(), OPTIONS)
    assert f1s(found, "official") == (16.67, 44.27, 31.58, 59.51)
    assert (found["documents"], found["predicted_documents"], found["gold_combinations"]) == (8, 7, 10)


def test_an_interval_holds_its_figure_and_is_the_same_again() -> None:
    found = score(unit_pairs(), OPTIONS)
    low, value, high = (
        at(found, "official", "any_partial", "interval", "f1", k) for k in ("low", "value", "high")
    )
    assert value == at(found, "official", "any_partial", "f1")
    assert isinstance(low, float) and isinstance(value, float) and isinstance(high, float)  # noqa: PT018
    assert 0 <= low < value < high <= 1
    assert score(unit_pairs(), OPTIONS) == found


def test_absent_empty_and_explicit_silence_are_one() -> None:
    gold = [row(1), row(2, ("POS", [0, 1]))]
    none: Record = {"relations": [{"type": "NO_COMB", "drugs": []}]}
    found = [score([(d, record) for d in gold], OPTIONS) for record in (None, {"relations": []}, none)]
    assert [f1s(each, "release") for each in found] == [(50, 50, 50, 50)] * 3
    assert [f1s(each, "official") for each in found] == [(0, 0, 0, 0)] * 3


def test_names_compare_without_case_and_blanks() -> None:
    record: Record = {"relations": [{"type": "POS", "drugs": [" D1", "d0", "D0"]}]}
    assert f1s(score([(row(1, ("POS", [0, 1])), record)], OPTIONS), "official") == (100, 100, 100, 100)


def test_mentions_of_one_name_are_one_member_and_places_tell_them_apart() -> None:
    gold = row(1, ("POS", [1, 4]), repeated=True)
    right = {"type": "POS", "drugs": ["d1", "d0"], "mentions": [[3, 5], [12, 14]]}
    wrong = right | {"mentions": [[0, 2], [3, 5]]}
    for item, expected in ((right, 100), (wrong, 0)):
        found = score([(gold, {"relations": [item]})], OPTIONS)
        assert f1s(found, "official") == (100, 100, 100, 100)
        assert at(found, "official_spans", "positive_exact", "f1") == expected / 100


def test_an_item_without_places_means_all_mentions_of_its_drugs() -> None:
    gold = [row(n, ("POS", [1, 4]), repeated=True) for n in (1, 2)]
    items: Relations = [{"type": "POS", "drugs": ["d1", "d0"], "mentions": [[3, 5], [12, 14]]}]
    found = score([(gold[0], {"relations": items}), (gold[1], answer(("POS", [0, 1])))], OPTIONS)
    assert at(found, "official_spans", "any_exact", "f1") == 0.5
    assert "official_spans" not in score([(gold[1], answer(("POS", [0, 1])))], OPTIONS)


def test_faulty_items_are_counted_and_the_rest_counts() -> None:
    items: list[object] = [
        7,
        {"type": "pos", "drugs": ["d0", "d1"]},
        {"type": "POS", "drugs": ["d0", "D0 "]},
        {"type": "POS"},
        {"type": "POS", "drugs": ["d0", "d1"]},
    ]
    found = score([(row(1, ("POS", [0, 1])), {"relations": items})], OPTIONS)
    assert found["errors"] == {"structural": 1, "relation_type": 1, "ent_set": 2}
    assert f1s(found, "official") == f1s(found, "release") == (100, 100, 100, 100)


def test_a_list_of_which_nothing_is_left_is_not_silence() -> None:
    found = score([(row(1), {"relations": ["?"]}), (row(2), {"relations": "?"})], OPTIONS)
    assert f1s(found, "release") == (0, 0, 0, 0)
    assert at(found, "errors", "structural") == 2


def test_breakdowns_by_label_number_of_drugs_and_context() -> None:
    gold = row(1, ("POS", [0, 1]), ("COMB", [0, 1, 2, 3]))
    found = score([(gold, answer(("POS", [0, 1]), ("NEG", [0, 1, 2, 3])))], OPTIONS)
    assert at(found, "by_label", "COMB", "fn") == at(found, "by_label", "NEG", "fp") == 1
    assert (at(found, "by_arity", "2", "f1"), at(found, "by_arity", "4+", "f1")) == (1.0, 0.0)
    assert at(found, "by_context_needed", "true") == {"gold": 1, "found": 0, "sets_found": 1, "recall": 0}
    assert at(found, "by_context_needed", "false", "recall") == 1
    assert found["differences"] == [
        {"document": "1", "kind": "fn", "type": "COMB", "drugs": ["d0", "d1", "d2", "d3"]},
        {"document": "1", "kind": "fp", "type": "NEG", "drugs": ["d0", "d1", "d2", "d3"]},
    ]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({}, "document 1: relations is missing"),
        ({"relations": [{"mentions": 3}]}, r"document 1: relations\[0\]: mentions is not a list"),
        ({"relations": [{"mentions": [[1, True]]}]}, "mentions is not a list of"),
    ],
)
def test_a_record_of_another_kind_is_refused(record: Record, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        score([(row(1), record)], OPTIONS)


def test_predictions_are_found_by_line_number_and_unknown_ids_refused(tmp_path: Path) -> None:
    sentence = {"sentence": "a and b", "paragraph": "a and b", "entities": [{"entity_text": n} for n in "ab"]}
    rows = [{**sentence, "rels": []}, {**sentence, "rels": [{"class": "POS", "entities": ["a", "b"]}]}]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = tmp_path / "predictions.jsonl"
    for identity, f1 in (("1", 100), ("0", 0)):
        file.write_text(json.dumps({"id": identity, "relations": [{"type": "POS", "drugs": ["A", "b"]}]}))
        pairs = pair_up(read_gold(tmp_path / "gold.jsonl"), read_predictions(file), path="p.jsonl")
        assert f1s(score(pairs, OPTIONS), "official") == (f1, f1, f1, f1)
    file.write_text('{"id": "2", "relations": []}')
    with pytest.raises(FormatError, match=r"p\.jsonl:1: id 2 is not in the gold"):
        score(pair_up(read_gold(tmp_path / "gold.jsonl"), read_predictions(file), path="p.jsonl"), OPTIONS)


def test_gold_that_is_no_row_and_mixed_gold_are_refused() -> None:
    with pytest.raises(DataError, match="no gold document"):
        score([], OPTIONS)
    with pytest.raises(DataError, match="document x: is no row of a corpus"):
        score([(Document("x", "text"), None)], OPTIONS)
    with pytest.raises(DataError, match="document 2: is a row of ddi, others of drugcomb"):
        score([(row(1), None), (pair_row(2), None)], OPTIONS)


def test_pairs_are_scored_as_the_release_does_and_strictly() -> None:
    record = {"relations": [{"type": "Effect", "drugs": ["B", "a"]}, {"type": "advice", "drugs": ["a", "b"]}]}
    gold = [pair_row(1, ("effect", "a", "b"), ("int", "a", "c")), pair_row(2), pair_row(3)]
    found = score([(gold[0], record), (gold[1], None), (gold[2], record)], OPTIONS)
    # tp: effect, silence of 2; fp: effect of 3; fn: int, silence of 3.
    assert [at(found, "micro", key) for key in ("tp", "fp", "fn")] == [2, 1, 2]
    assert [at(found, "strict", "micro", key) for key in ("tp", "fp", "fn")] == [1, 1, 1]
    assert at(found, "by_type", "no_comb", "support") == 2
    assert at(found, "errors", "relation_type") == 2
    assert at(found, "micro", "interval", "f1", "value") == pytest.approx(at(found, "micro", "f1"))


def test_a_system_does_not_differ_from_itself() -> None:
    found = compare(unit_pairs(), unit_pairs(), OPTIONS)
    assert list(found) == list(VIEWS)
    assert found["any_exact"] == {"f1": {"value": 0, "low": 0, "high": 0}, "p": 1}


def test_a_much_better_system_is_told_from_a_worse_one() -> None:
    gold = [row(n, ("POS", [0, 1])) for n in range(40)]
    good = [(d, answer(("POS", [0, 1]))) for d in gold]
    bad = [(d, answer(("POS", [0, 1])) if n % 4 == 0 else None) for n, d in enumerate(gold)]
    found = compare(good, bad, OPTIONS)["positive_exact"]
    assert at(found, "f1", "value") == pytest.approx(1 - 0.4)
    assert found["p"] == 1 / 51
    back = compare(bad, good, OPTIONS)["positive_exact"]
    assert at(back, "f1", "value") == pytest.approx(0.4 - 1)


def test_systems_on_other_documents_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="other documents"):
        compare([(row(1), None)], [(row(2), None)], OPTIONS)


def test_pairs_are_compared_by_both_scores() -> None:
    gold = [pair_row(n, ("int", "a", "b")) for n in range(3)]
    assert list(compare([(d, None) for d in gold], [(d, None) for d in gold], OPTIONS)) == ["micro", "strict"]


def test_a_table_has_a_row_for_every_figure() -> None:
    rows = table(score(unit_pairs(), OPTIONS))
    assert rows[0] == ["", "precision", "recall", "F1", "95 % interval"]
    assert len({len(each) for each in rows}) == 1
    names = [each[0] for each in rows[1:]]
    assert names[:8] == [f"{part}: {view}" for part in ("official", "release") for view in VIEWS]
    assert {"label: POS", "drugs: 2", "context needed: true"} <= set(names)
    pairs = [each[0] for each in table(score([(pair_row(1, ("int", "a", "b")), None)], OPTIONS))]
    assert pairs == ["", "micro", "macro", "type: int", "type: no_comb", "strict: micro", "strict: macro"]


COMBINATIONS = st.lists(
    st.tuples(st.sampled_from(["POS", "NEG", "COMB"]), st.sets(st.integers(0, 3), min_size=2).map(sorted)),
    max_size=3,
)


@settings(deadline=None)
@given(st.lists(st.tuples(COMBINATIONS, COMBINATIONS), min_size=1, max_size=4))
def test_gold_against_gold_is_perfect_and_anything_is_bounded(
    sides: list[tuple[list[tuple[str, list[int]]], list[tuple[str, list[int]]]]],
) -> None:
    gold = [row(n, *each) for n, (each, _) in enumerate(sides)]
    options = ScoreOptions(resamples=2)
    oracle = score([(d, answer(*g)) for d, (g, _) in zip(gold, sides, strict=True)], options)
    assert f1s(oracle, "release") == (100, 100, 100, 100)
    assert f1s(oracle, "official")[2:] == ((100, 100) if any(g for g, _ in sides) else (0, 0))
    found = score([(d, answer(*p)) for d, (_, p) in zip(gold, sides, strict=True)], options)
    assert all(0 <= value <= 100 for part in ("official", "release") for value in f1s(found, part))


@pytest.mark.slow
def test_many_rows_are_scored() -> None:
    kinds = [row(1, ("POS", [0, 1])), row(2), row(3, ("COMB", [0, 1, 2]))]
    pairs = [(kinds[n % 3], answer(("POS", [0, 1])) if n % 2 else None) for n in range(20_000)]
    found = score(pairs, ScoreOptions(resamples=1000))
    assert found["documents"] == 20_000


@pytest.fixture(scope="module", params=["train.jsonl", "train.rexdrug.jsonl"])
def train(request: pytest.FixtureRequest) -> list[Document]:
    file = DATA / "drugcomb" / str(request.param)
    if not file.is_file():
        pytest.skip(f"DrugComb absent: set APOTHECARY_DATA to the folder that holds drugcomb/{request.param}")
    return list(read_gold(file))


def gold_relations(document: Document) -> Relations:
    return [
        {"type": r.type, "drugs": [document.concept(a.concept).names[0] for a in r.arguments]}
        for r in document.relations
    ]


def every_drug(document: Document) -> Relations:
    return [{"type": "POS", "drugs": [concept.names[0] for concept in document.concepts]}]


def rotated(document: Document) -> Relations:
    after = {"POS": "NEG", "NEG": "COMB", "COMB": "POS"}
    return [each | {"type": after[str(each["type"])]} for each in gold_relations(document)]


# The floors of the training part. The same rows on the test part are in the specification.
FLOORS: list[tuple[Callable[[Document], Relations], tuple[float, ...], tuple[float, ...]]] = [
    (gold_relations, (100, 100, 100, 100), (100, 100, 100, 100)),
    (lambda d: [], (0, 0, 0, 0), (34.18, 34.18, 34.18, 34.18)),
    (every_drug, (46.85, 55.68, 58.32, 70.33), (33.21, 40.09, 48.36, 58.94)),
    (
        lambda d: every_drug(d) if d.relations else [],
        (61.74, 74.01, 73.46, 89.70),
        (67.38, 74.30, 82.53, 93.19),
    ),
    (
        lambda d: [each | {"type": "POS"} for each in gold_relations(d)],
        (79.79, 80.25, 100, 100),
        (77.24, 77.46, 100, 100),
    ),
    (rotated, (0, 0.52, 100, 100), (39.83, 40.28, 100, 100)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("predict", "official", "release"), FLOORS)
def test_the_floors_of_drugcomb(
    train: list[Document],
    predict: Callable[[Document], Relations],
    official: tuple[float, ...],
    release: tuple[float, ...],
) -> None:
    found = score([(d, {"relations": predict(d)}) for d in train], ScoreOptions(resamples=2))
    assert f1s(found, "official") == official
    assert f1s(found, "release") == release


def test_always_no_comb_scores_by_the_share_of_silent_rows(train: list[Document]) -> None:
    found = score([(d, None) for d in train], ScoreOptions(resamples=2))
    assert at(found, "release", "any_exact", "precision") == 494 / 1362
    # 1,039 relations, of which four repeat another of their row.
    assert at(found, "release", "any_exact", "recall") == 494 / (494 + 1039 - 4)


@pytest.mark.slow
def test_the_floors_of_ddi() -> None:
    file = DATA / "ddi2013" / "train.rexdrug.jsonl"
    if not file.is_file():
        pytest.skip("DDI 2013 absent: set APOTHECARY_DATA to the folder that holds ddi2013")
    gold = list(read_gold(file))
    silent = score([(d, None) for d in gold], ScoreOptions(resamples=2))
    # One tp for each of 1,330 silent rows, one fp for each of the 1,805 others, one fn for each pair.
    assert [at(silent, "micro", key) for key in ("tp", "fp", "fn")] == [1330, 1805, 3394]
    assert at(silent, "strict", "micro", "f1") == 0
    oracle = score([(d, {"relations": gold_relations(d)}) for d in gold], ScoreOptions(resamples=2))
    assert at(oracle, "micro", "f1") == at(oracle, "strict", "micro", "f1") == at(oracle, "macro", "f1") == 1
