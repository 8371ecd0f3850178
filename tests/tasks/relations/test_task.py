"""The two stages, walked with replies written by hand: no engine, no files."""

import json
import math
from collections.abc import Callable, Mapping

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.messages import (
    Choices,
    EngineInfo,
    Failure,
    LabelPair,
    LabelProbabilities,
    Outcome,
    Reply,
    Request,
    TaggedSpan,
    TaggedSpans,
    TagSpans,
)
from apothecary.tasks.catalog import load
from apothecary.tasks.flow import Extraction
from tests.walking import walk

TEXT = "Druga causes rash. Drugb (DB) relieved the rash. No fever was seen after DB."
NAMES = {"Chemical": ["Druga", "Drugb", "DB"], "Disease": ["rash", "fever"], "Gene": ["xyz1"]}
ENGINES = {step: EngineInfo("scripted:t", "d") for step in load("relations").steps}


def document(text: str = TEXT) -> Document:
    return Document("d1", text, (Passage("text", 0, len(text)),))


def run(
    answer: Callable[[Request], Outcome], doc: Document | None = None, **settings: object
) -> tuple[Extraction, list[Request]]:
    """Walk the flow of a document; returns what it leaves and every request it made."""
    settings = {"vocabulary": "none", **settings}
    return walk(load("relations").prepare(settings, ENGINES).flows["extract"](doc or document()), answer)


def question(request: Request) -> str:
    return request.messages[-1].content.rsplit("\n\n", 1)[-1]


def perfect(request: Request) -> Outcome:
    """Names as above, all different, and Druga alone causes rash."""
    if request.step == "relations.mentions":
        return Reply(json.dumps(NAMES))
    if request.step == "relations.names":
        return Reply("~")
    return Reply("1" if "Chemical: Druga\nDisease: rash" in question(request) else "0")


def rows(extraction: Extraction, key: str) -> list[Mapping[str, object]]:
    assert extraction.record is not None
    value = extraction.record[key]
    assert isinstance(value, list)
    return value


def test_two_stages_find_the_relation_with_its_evidence() -> None:
    extraction, _ = run(perfect)
    (relation,) = rows(extraction, "relations")
    assert relation["head"] == {"texts": ["Druga"], "ids": [], "broader": False}
    assert relation["tail"] == {"texts": ["rash"], "ids": [], "broader": False}
    assert relation["evidence"] == [{"start": 0, "end": 18, "quote": "Druga causes rash."}]
    assert relation["origin"] == {
        "engine": "scripted:t", "step": "relations.pairs", "answer": "1", "scenarios": ["causes"]
    }  # fmt: skip
    assert extraction.problems == ()


def test_decoys_are_thrown_away_and_unlocated_names_are_kept_apart() -> None:
    extraction, _ = run(
        lambda r: (
            Reply(json.dumps(NAMES | {"Disease": ["rash", "gout"]})) if "mentions" in r.step else perfect(r)
        )
    )
    assert {m["type"] for m in rows(extraction, "mentions")} == {"Chemical", "Disease"}
    assert rows(extraction, "unlocated") == [{"text": "gout", "type": "Disease", "reason": "not in the text"}]


def test_every_place_of_a_name_is_a_mention_of_one_concept() -> None:
    extraction, _ = run(perfect)
    concepts = {str(c["names"]): c["mentions"] for c in rows(extraction, "concepts")}
    assert concepts["['rash']"] == [1, 4]
    assert len(concepts["['Drugb', 'DB']"]) == 3  # type: ignore[arg-type]


def test_all_questions_of_a_document_share_one_prefix() -> None:
    _, asked = run(perfect)
    assert len(asked) > 5
    prefix = f"Text:\n{TEXT}\n\n"
    assert all(request.messages[1].content.startswith(prefix) for request in asked)
    assert len({request.messages[0] for request in asked}) == 1


def test_pairs_of_a_template_differ_only_in_their_last_lines() -> None:
    _, asked = run(perfect)
    pairs = [r.messages[1].content.split("\nChemical: ") for r in asked if r.step == "relations.pairs"]
    assert len(pairs) == 4
    assert len({shared for shared, _ in pairs}) == 1


def test_small_models_get_the_same_questions_as_structure() -> None:
    _, asked = run(perfect)
    assert isinstance(asked[0].input, TagSpans)
    pair = next(r.input for r in asked if r.step == "relations.pairs")
    assert isinstance(pair, LabelPair)
    assert [TEXT[a:b] for a, b in pair.head_spans] == ["Druga"]
    assert [TEXT[a:b] for a, b in pair.tail_spans] == ["rash", "rash"]
    assert pair.labels == ("CID", "none")


def test_a_structured_answer_serves_as_well_as_text() -> None:
    def small(request: Request) -> Outcome:
        if isinstance(request.input, TagSpans):
            return Reply(
                "", TaggedSpans((TaggedSpan(0, 5, "Chemical", 0.9), TaggedSpan(13, 17, "Disease", 0.8)))
            )
        return Reply("", LabelProbabilities({"CID": 0.75, "none": 0.25}))

    extraction, _ = run(small)
    (relation,) = rows(extraction, "relations")
    assert relation["confidence"] == pytest.approx(0.75)
    assert rows(extraction, "mentions")[0]["confidence"] == 0.9


def with_odds(odds: float) -> Callable[[Request], Outcome]:
    def answer(request: Request) -> Outcome:
        if not isinstance(request.constraint, Choices) or request.step == "relations.names":
            return perfect(request)
        codes = request.constraint.options
        return Reply(
            codes[-1], logprobs={c: (odds if c == "1" else 0.0 if c == "0" else -50.0) for c in codes}
        )

    return answer


@pytest.mark.parametrize(("odds", "accepted"), [(0.5, 4), (-0.5, 0)])
def test_decisions_go_by_log_odds_not_by_the_code(odds: float, accepted: int) -> None:
    extraction, _ = run(with_odds(odds))
    assert len(rows(extraction, "relations")) == accepted
    assert rows(extraction, "candidates")[0]["log_odds"] == pytest.approx(odds)
    assert len(rows(run(with_odds(odds), decide="argmax")[0], "relations")) == 0


def test_a_threshold_from_a_file_decides(tmp_path: object) -> None:
    path = f"{tmp_path}/t.json"
    with open(path, "w") as stream:
        json.dump({"pairs": {"CID": 0.7}, "names": {"=": None, "<>": None}}, stream)
    extraction, asked = run(with_odds(0.6), thresholds=path)
    assert rows(extraction, "relations") == []
    # Names whose answers could never be accepted are not asked about.
    assert not any(request.step == "relations.names" for request in asked)


def broader(request: Request) -> Outcome:
    if request.step == "relations.names":
        return Reply(">" if "First name: rash" in question(request) else "~")
    return perfect(request)


def test_broader_concepts_are_dropped_before_stage_two() -> None:
    extraction, asked = run(broader)
    assert rows(extraction, "relations") == []
    assert sum(r.step == "relations.pairs" for r in asked) == 2
    kept, _ = run(broader, broader="keep")
    assert rows(kept, "relations")[0]["tail"] == {"texts": ["rash"], "ids": [], "broader": True}


def test_one_bad_reply_costs_one_pair_and_is_a_row() -> None:
    def bad(request: Request) -> Outcome:
        if request.step == "relations.pairs" and "Druga\nDisease: fever" in question(request):
            return Reply("I cannot say")
        return perfect(request)

    extraction, _ = run(bad)
    assert len(rows(extraction, "relations")) == 1
    (problem,) = extraction.problems
    assert (problem.step, problem.kind, problem.raw) == ("relations.pairs", "AnswerError", "I cannot say")
    assert extraction.record is not None
    assert extraction.record["incomplete"] == ["relations.pairs"]


@pytest.mark.parametrize("outcome", [Failure("ContextOverflow", "too long"), Reply("no idea"), Reply("[1]")])
def test_a_document_whose_mentions_fail_is_failed_not_empty(outcome: Outcome) -> None:
    extraction, asked = run(lambda request: outcome)
    assert extraction.record is None
    assert len(extraction.problems) == 1
    assert len(asked) == 1


def test_empty_and_nameless_documents_are_complete_and_empty() -> None:
    for doc in (document(""), document("   \n ")):
        extraction, asked = run(perfect, doc)
        assert rows(extraction, "relations") == []
        assert asked == []
    extraction, _ = run(lambda request: Reply(json.dumps({k: [] for k in NAMES})))
    assert rows(extraction, "relations") == rows(extraction, "candidates") == []


def gold_document() -> Document:
    mentions = (
        Mention((Span(0, 5),), "Druga", "Chemical", ("C1",)),
        Mention((Span(13, 17),), "rash", "Disease", ("D1",)),
    )
    concepts = (
        Concept("C1", "Chemical", (0,), ("Druga",), ("C1",)),
        Concept("D1", "Disease", (1,), ("rash",), ("D1",)),
        Concept("D9", "", (), (), ("D9",)),
    )
    relation = Relation("r1", "CID", (Argument("head", "C1"), Argument("tail", "D1")))
    return Document("d1", TEXT, (), mentions, concepts, (relation,))


def test_oracle_mentions_skip_stage_one_and_never_show_the_gold_relations() -> None:
    extraction, asked = run(lambda request: Reply("0"), gold_document(), oracle_mentions=True)
    assert [request.step for request in asked] == ["relations.pairs"]
    assert rows(extraction, "relations") == []
    found, _ = run(lambda request: Reply("2"), gold_document(), oracle_mentions=True)
    assert rows(found, "relations")[0]["head"] == {"texts": ["Druga"], "ids": ["C1"], "broader": False}


def test_oracle_mentions_need_annotation() -> None:
    with pytest.raises(DataError, match="document d1: has no annotated mentions"):
        run(perfect, oracle_mentions=True)


def test_long_documents_are_asked_about_in_windows_and_excerpts() -> None:
    text = TEXT + " " + "Nothing happened here at all. " * 200
    extraction, asked = run(perfect, document(text), window=500)
    assert sum(r.step == "relations.mentions" for r in asked) > 5
    assert all(len(r.messages[1].content) < 2500 for r in asked)
    assert len(rows(extraction, "relations")) == 1
    # What is asked about names and pairs shows the sentences that hold them.
    assert all("Drugb (DB) relieved" in r.messages[1].content for r in asked if r.step == "relations.names")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nams": "all"}, "there is no setting 'nams'"),
        ({"names": "some"}, "setting names = 'some'"),
        ({"window": "wide"}, "setting window = 'wide'"),
        ({"schema": "nope"}, "there is no schema 'nope'"),
        ({"thresholds": "nowhere.json"}, "cannot read the thresholds"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load("relations").prepare(settings, ENGINES)
    assert message in str(caught.value)


def test_a_threshold_that_is_no_number_is_named(tmp_path: object) -> None:
    path = f"{tmp_path}/t.json"
    with open(path, "w") as stream:
        stream.write('{"pairs": {"CID": "high"}}')
    with pytest.raises(FormatError, match=r"threshold pairs\.CID is neither a number nor null"):
        load("relations").prepare({"thresholds": path}, ENGINES)


def test_confidence_is_finite_for_any_odds() -> None:
    extraction, _ = run(with_odds(1e6))
    assert all(math.isfinite(float(str(r["confidence"]))) for r in rows(extraction, "relations"))


def test_the_questions_of_one_document_are_bounded_and_the_rest_is_a_row() -> None:
    extraction, asked = run(perfect, max_questions=1)
    assert [request.step for request in asked] == ["relations.mentions", "relations.names", "relations.pairs"]
    assert {problem.kind for problem in extraction.problems} == {"TooManyQuestions"}
    assert extraction.record is not None


def test_only_pairs_with_a_head_and_a_tail_are_gold_of_a_run() -> None:
    def annotated(*roles: str) -> Document:
        concepts = tuple(Concept(f"c{n}", "Drug", (), (f"n{n}",)) for n in range(len(roles)))
        arguments = tuple(Argument(role, f"c{n}") for n, role in enumerate(roles))
        return Document("d", "t", concepts=concepts, relations=(Relation("r1", "X", arguments),))

    is_gold = load("relations").is_gold
    assert is_gold(annotated("head", "tail"))
    assert not is_gold(annotated("drug", "disease"))
    assert not is_gold(annotated("drug", "drug", "drug"))
    assert not is_gold(Document("d", "t"))
