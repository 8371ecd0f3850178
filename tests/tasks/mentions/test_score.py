"""Mention scores: rules by hand, properties, hostile records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Span
from apothecary.errors import FormatError
from apothecary.tasks.mentions.score import score

TEXT = "Aspirin (ASA) caused ulcers and gastric or renal bleeding; asa did not."
CHEMICAL, DISEASE = "Chemical", "Disease"
Record = dict[str, object]


def mention(text: str, type_: str, *ids: str, after: int = 0) -> Mention:
    start = TEXT.index(text, after)
    return Mention((Span(start, start + len(text)),), text, type_, ids=ids)


GOLD = Document(
    "1",
    TEXT,
    mentions=(
        mention("Aspirin", CHEMICAL, "D001241"),
        mention("ASA", CHEMICAL, "D001241"),
        mention("asa", CHEMICAL, "-1"),
        mention("ulcers", DISEASE, "D014456"),
        mention("gastric or renal bleeding", DISEASE, "D006471", "D007674"),
    ),
)


def row(start: int, end: int, type_: str) -> Record:
    return {"start": start, "end": end, "type": type_}


def predicted(*mentions: Mention) -> list[Record]:
    return [row(each.start, each.end, each.type) for each in mentions]


def counts(result: dict[str, Any], evaluator: str, type_: str | None = None) -> tuple[int, int, int]:
    table = result[evaluator]
    entry = table["by_type"].get(type_, {}) if type_ else table["micro"]
    return entry["tp"], entry["fp"], entry["fn"]


def score_one(record: Record | None, document: Document = GOLD) -> dict[str, Any]:
    return score([(document, record)], resamples=20)


def test_one_name_finds_its_concept_and_a_composite_finds_both() -> None:
    result = score_one({"id": "1", "mentions": predicted(GOLD.mentions[1], GOLD.mentions[4])})
    assert counts(result, "strict") == (2, 0, 3)
    assert counts(result, "concept_found", CHEMICAL) == (1, 0, 1)
    assert counts(result, "concept_found", DISEASE) == (2, 0, 1)


def test_mentions_without_an_id_are_concepts_by_their_lower_cased_text() -> None:
    unlinked = (mention("ASA", CHEMICAL, "-1"), mention("asa", CHEMICAL), mention("Aspirin", CHEMICAL, "-"))
    document = Document("1", TEXT, mentions=unlinked)
    result = score_one({"mentions": predicted(unlinked[1])}, document)
    assert counts(result, "concept_found") == (1, 0, 1)


def test_a_wrong_type_is_an_error_of_both_types() -> None:
    result = score_one({"mentions": predicted(mention("ulcers", CHEMICAL))})
    assert counts(result, "strict", CHEMICAL) == (0, 1, 3)
    assert counts(result, "concept_found", CHEMICAL) == (0, 1, 2)
    assert counts(result, "concept_found", DISEASE) == (0, 0, 3)


def test_wrong_mentions_cluster_by_text_unless_concepts_say_otherwise() -> None:
    wrong = [row(0, 1, CHEMICAL), row(9, 10, CHEMICAL), row(59, 60, CHEMICAL), row(14, 20, CHEMICAL)]
    assert counts(score_one({"mentions": wrong}), "concept_found")[1] == 2
    together: Record = {"mentions": wrong, "concepts": [{"mentions": [0, 3]}]}
    assert counts(score_one(together), "concept_found")[1] == 2
    assert (
        counts(score_one({"mentions": wrong, "concepts": [{"mentions": [0, 1, 2, 3]}]}), "concept_found")[1]
        == 1
    )


def test_one_right_mention_excuses_its_cluster() -> None:
    record: Record = {
        "mentions": [*predicted(GOLD.mentions[0]), row(14, 20, CHEMICAL)],
        "concepts": [{"mentions": [0, 1]}],
    }
    assert counts(score_one(record), "concept_found") == (1, 0, 4)
    assert counts(score_one(record), "strict") == (1, 1, 4)


def test_repeated_rows_collapse() -> None:
    once = [*predicted(GOLD.mentions[0]), row(14, 20, CHEMICAL)]
    assert score_one({"mentions": once}) == score_one({"mentions": once * 3})


def test_a_discontinuous_mention_compares_by_its_ends() -> None:
    spans = (Span(32, 39), Span(49, 57))
    document = Document("1", TEXT, mentions=(Mention(spans, "gastric bleeding", DISEASE, ("D006471",)),))
    record: Record = {"mentions": [row(32, 57, DISEASE) | {"spans": [[32, 39], [49, 57]]}]}
    assert counts(score_one(record, document), "strict") == (1, 0, 0)


def test_the_output_has_the_shape_of_the_contract() -> None:
    result = score([(GOLD, None), (GOLD, {"mentions": predicted(*GOLD.mentions)})], resamples=20)
    assert set(result) == {"strict", "concept_found", "documents", "predicted_documents"}
    assert (result["documents"], result["predicted_documents"]) == (2, 1)
    for name in ("strict", "concept_found"):
        table = json.loads(json.dumps(result[name]))
        assert set(table) == {"micro", "by_type"}
        assert set(table["micro"]["interval"]["recall"]) == {"value", "low", "high"}
        assert table["micro"]["recall"] == 0.5


def test_nothing_at_all_scores_zero() -> None:
    assert counts(score([], resamples=5), "strict") == (0, 0, 0)


SPANS = st.tuples(st.integers(0, 60), st.integers(1, 9), st.sampled_from([CHEMICAL, DISEASE, "Gene"]))
PREDICTED: st.SearchStrategy[list[Any]] = st.lists(
    SPANS.map(lambda each: row(each[0], each[0] + each[1], each[2])), max_size=8
)


@st.composite
def gold_documents(draw: st.DrawFn) -> Document:
    ids = st.lists(st.sampled_from(["D1", "D2", "-1"]), min_size=1, max_size=2, unique=True)
    mentions = [
        Mention(
            (Span(each["start"], each["end"]),),
            TEXT[each["start"] : each["end"]],
            each["type"],
            tuple(draw(ids)),
        )
        for each in draw(PREDICTED)
    ]
    return Document("1", TEXT, mentions=tuple(mentions))


@settings(max_examples=50, deadline=None)
@given(gold_documents())
def test_gold_against_gold_is_perfect(document: Document) -> None:
    result = score_one({"mentions": predicted(*document.mentions)}, document)
    for name in ("strict", "concept_found"):
        assert counts(result, name)[1:] == (0, 0)


@settings(max_examples=50, deadline=None)
@given(gold_documents(), PREDICTED, st.randoms(use_true_random=False))
def test_the_order_of_mentions_does_not_matter(document: Document, mentions: list[Any], random: Any) -> None:
    shuffled = random.sample(mentions, len(mentions))
    assert score_one({"mentions": mentions}, document) == score_one({"mentions": shuffled}, document)


@settings(max_examples=50, deadline=None)
@given(PREDICTED)
def test_a_wrong_mention_never_raises_precision(mentions: list[Any]) -> None:
    before = score_one({"mentions": mentions})
    after = score_one({"mentions": [*mentions, row(63, 66, "Invented")]})
    for name in ("strict", "concept_found"):
        assert after[name]["micro"]["precision"] <= before[name]["micro"]["precision"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"end": 7, "type": CHEMICAL}, r"mentions\[1\]\.start"),
        ({"start": -1, "end": 7, "type": CHEMICAL}, r"mentions\[1\]\.start"),
        ({"start": True, "end": 7, "type": CHEMICAL}, r"mentions\[1\]\.start"),
        ({"start": 0, "end": "7", "type": CHEMICAL}, r"mentions\[1\]\.end"),
        ({"start": 7, "end": 7, "type": CHEMICAL}, r"mentions\[1\]\.end"),
        ({"start": 0, "end": 700, "type": CHEMICAL}, r"mentions\[1\]\.end is 700, beyond"),
        ({"start": 0, "end": 7, "type": None}, r"mentions\[1\]\.type"),
        ("Aspirin", r"mentions\[1\] is not an object"),
    ],
)
def test_a_malformed_mention_is_named(wrong: object, named: str) -> None:
    with pytest.raises(FormatError, match=f"document 1: {named}"):
        score_one({"mentions": [row(0, 7, CHEMICAL), wrong]})


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({}, "mentions is missing"),
        ({"mentions": None}, "mentions is missing"),
        ({"mentions": [], "concepts": {}}, "concepts is missing or not a list"),
        ({"mentions": [], "concepts": [3]}, r"concepts\[0\] is not an object"),
        ({"mentions": [], "concepts": [{}]}, r"concepts\[0\]\.mentions"),
        ({"mentions": [], "concepts": [{"mentions": [0]}]}, r"concepts\[0\]\.mentions names no mention"),
    ],
)
def test_a_malformed_record_is_named(record: Record, named: str) -> None:
    with pytest.raises(FormatError, match=named):
        score_one(record)
