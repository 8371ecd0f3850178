"""The whole task, walked with replies written by hand: no engine, no files."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import UsageError
from apothecary.formats.records import from_record
from apothecary.messages import (
    EngineInfo,
    Failure,
    Grammar,
    JsonSchema,
    LabelProbabilities,
    LabelSet,
    Outcome,
    Reply,
    Request,
    SetProbabilities,
    TaggedSpan,
    TaggedSpans,
)
from apothecary.tasks.catalog import load
from apothecary.tasks.combinations.task import TASK
from apothecary.tasks.flow import Extraction, ScoreOptions
from tests.walking import walk

TEXT = "Forty were treated. Druga plus drugb helped, drugc did not. All was well."
TARGET = Span(20, 59)
TEXT_ENGINES = {step: EngineInfo("scripted:t", "d") for step in TASK.steps}
POCKET = {step: EngineInfo("pocket", "d", steps=("combinations.sets",)) for step in TASK.steps}
AB = '[{"type": "POS", "drugs": ["Druga", "drugb"]}]'
NONE = '[{"type": "NO_COMB", "drugs": []}]'
THINK = "[1] Clinical setting\n- forty\n[2] Candidate drugs and regimen\n- two"


def mention(text: str, name: str, type_: str = "Drug") -> Mention:
    start = text.index(name)
    return Mention((Span(start, start + len(name)),), name, type_)


def row(*names: str, text: str = TEXT, corpus: str = "drugcomb") -> Document:
    mentions = tuple(mention(text, name) for name in names)
    passage = Passage("sentence", *((TARGET.start, TARGET.end) if text == TEXT else (0, len(text))))
    return Document("d1", text, (passage,), mentions, attributes={"corpus": corpus, "form": "spans"})


ROW = row("Druga", "drugb", "drugc")


def run(
    answer: Callable[[Request], Outcome] | str,
    document: Document = ROW,
    engines: Mapping[str, EngineInfo] = TEXT_ENGINES,
    **settings: object,
) -> tuple[Extraction, list[Request]]:
    reply = (lambda request: Reply(answer)) if isinstance(answer, str) else answer
    return walk(TASK.prepare(settings, engines).flows["extract"](document), reply)


def relations(extraction: Extraction) -> list[dict[str, object]]:
    assert extraction.record is not None
    found = extraction.record["relations"]
    assert isinstance(found, list)
    return found


def test_a_row_is_one_question_and_its_answer_a_relation_with_places() -> None:
    extraction, asked = run(AB)
    (relation,) = relations(extraction)
    assert [request.step for request in asked] == ["combinations.answer"]
    assert (relation["type"], relation["drugs"]) == ("POS", ["Druga", "drugb"])
    assert (relation["sentence"], relation["mentions"]) == ([20, 59], [[20, 25], [31, 36]])
    assert relation["evidence"] == [{"start": 20, "end": 59, "quote": TEXT[20:59]}]
    assert relation["arguments"] == [{"role": "drug", "concept": "c1"}, {"role": "drug", "concept": "c2"}]
    assert "confidence" not in relation


def test_a_record_is_a_document_of_the_own_format() -> None:
    extraction, _ = run(AB)
    assert extraction.record is not None
    read = from_record(json.loads(json.dumps(extraction.record)), where="x")
    assert [concept.names for concept in read.concepts] == [("Druga",), ("drugb",), ("drugc",)]
    assert read.relations[0].origin is not None
    assert read.relations[0].origin.engine == "scripted:t"


@pytest.mark.parametrize("reply", [NONE, "[]", f"<answer>\n{NONE}\n</answer>", f"```json\n{NONE}\n```"])
def test_no_combination_said_in_any_form_is_an_empty_record(reply: str) -> None:
    extraction, _ = run(reply)
    assert relations(extraction) == []
    assert extraction.problems == ()


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "They were combined.",
        f"<think>\n{THINK}\n</think>",
        '[{"type": "MAYBE", "drugs": ["Druga", "drugb"]}]',
        '[{"type": "POS", "drugs": ["Druga"]}]',
        '[{"type": "POS", "drugs": "Druga, drugb"}]',
        '[{"type": "NO_COMB", "drugs": ["Druga", "drugb"]}]',
        '[{"type": "PO',
        '[{"type": "POS", "drugs": ["Druga", ',
        '["Druga", "drugb"]',
        "{" * 10_000,
    ],
)
def test_a_reply_without_a_usable_answer_is_a_problem_and_no_empty_record(reply: str) -> None:
    extraction, _ = run(reply)
    (problem,) = extraction.problems
    assert extraction.record is None
    assert (problem.kind, problem.subject, problem.step) == (
        "AnswerError", "characters 20-59", "combinations.answer"
    )  # fmt: skip


def test_a_cut_off_reply_keeps_its_whole_items_and_none_of_them_is_no_answer() -> None:
    cut = AB[:-1] + ', {"type": "NEG", "drugs": ["Dru'
    extraction, _ = run(lambda request: Reply(cut, finish="length"))
    assert [each["type"] for each in relations(extraction)] == ["POS"]
    extraction, _ = run(lambda request: Reply("[", finish="length"))
    assert [problem.kind for problem in extraction.problems] == ["TruncatedReply"]


def test_of_two_answers_the_first_counts_and_it_is_told() -> None:
    extraction, _ = run(f"<answer>{AB}</answer><answer>{NONE}</answer>")
    assert len(relations(extraction)) == 1
    assert extraction.record is not None
    assert {"step": "combinations.answer", "repair": "answer: two answers"} in extraction.record["repairs"]  # type: ignore[operator]


def test_a_name_that_is_not_in_the_sentence_is_kept_apart_and_counted() -> None:
    extraction, _ = run('[{"type": "POS", "drugs": ["Druga", "ghostol"]}]')
    assert relations(extraction) == []
    assert extraction.record is not None
    assert extraction.record["unlocated"] == [
        {"text": "ghostol", "type": "Drug", "reason": "not in the sentence"}
    ]
    assert len(extraction.record["repairs"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [(), ("Druga",)])
def test_a_row_with_fewer_than_two_drugs_is_not_asked_about(names: tuple[str, ...]) -> None:
    extraction, asked = run(AB, row(*names))
    assert asked == []
    assert relations(extraction) == []


def test_one_drug_named_twice_is_one_drug() -> None:
    text = "Druga and DRUGA were the same."
    _, asked = run(AB, row("Druga", "DRUGA", text=text))
    assert asked == []


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_is_an_empty_record(text: str) -> None:
    document = Document("d", text, (Passage("sentence", 0, len(text)),))
    for drugs in ("given", "found"):
        extraction, asked = run(AB, document, drugs=drugs)
        assert (asked, relations(extraction), extraction.problems) == ([], [], ())


def test_without_drugs_the_model_finds_them() -> None:
    extraction, (request,) = run(AB, drugs="found")
    assert "Its drugs" not in request.messages[-1].content
    assert isinstance(request.constraint, JsonSchema)
    assert "enum" not in json.dumps(schema_of(request)["drugs"])
    assert extraction.record is not None
    assert [each["text"] for each in extraction.record["mentions"]] == ["Druga", "drugb"]  # type: ignore[attr-defined]


def schema_of(request: Request) -> dict[str, dict[str, object]]:
    assert isinstance(request.constraint, JsonSchema)
    found: dict[str, dict[str, object]] = json.loads(request.constraint.schema)["anyOf"][0]["items"][
        "properties"
    ]
    return found


def test_given_drugs_and_types_bound_the_reply() -> None:
    _, (request,) = run(AB)
    fields = schema_of(request)
    assert fields["type"] == {"enum": ["POS", "NEG", "COMB"]}
    assert fields["drugs"]["items"] == {"enum": ["Druga", "drugb", "drugc"]}
    assert (fields["drugs"]["minItems"], fields["drugs"]["maxItems"]) == (2, 3)


def test_labels_come_from_the_corpus_unless_they_are_set() -> None:
    extraction, (request,) = run(
        '[{"type": "ADVICE", "drugs": ["Druga", "drugb"]}]', row("Druga", "drugb", "drugc", corpus="ddi")
    )
    assert schema_of(request)["drugs"]["maxItems"] == 2
    assert [each["type"] for each in relations(extraction)] == ["advise"]
    _, (request,) = run(NONE, row("Druga", "drugb", corpus="ddi"), labels="drugcomb")
    assert "POS" in request.messages[-1].content


def test_reasoning_is_kept_with_its_sections() -> None:
    extraction, (request,) = run(f"<think>\n{THINK}\n</think>\n\n<answer>\n{AB}\n</answer>", reasoning=True)
    assert request.step == "combinations.reason"
    assert request.constraint is None
    assert extraction.record is not None
    assert extraction.record["reasoning"] == [
        {"sentence": [20, 59], "think": THINK, "sections": {"1": "- forty", "2": "- two"}}
    ]
    assert len(relations(extraction)) == 1


@pytest.mark.parametrize("name", ["llamacpp:any", "hf:any+adapter", "pocket@0.9/llamacpp:any"])
def test_engines_that_take_grammars_get_one_for_reasoning(name: str) -> None:
    engines = {step: EngineInfo(name, "d") for step in TASK.steps}
    _, (request,) = run(AB, engines=engines, reasoning=True)
    assert isinstance(request.constraint, Grammar)
    assert '"[1] Clinical setting\\n" bullet' in request.constraint.gbnf


def sets(*any_: float, type_: str = "POS") -> Callable[[Request], Outcome]:
    """Probabilities of the sets, in their order."""
    return lambda request: Reply(
        "", SetProbabilities(tuple(LabelProbabilities({"NO_COMB": 1 - p, type_: p}) for p in any_))
    )


def test_a_pocket_model_is_asked_for_every_set_of_the_sentence() -> None:
    extraction, (request,) = run(sets(0.9, 0.1, 0.1, 0.2), engines=POCKET, threshold=0.5)
    assert request.input == LabelSet(
        TEXT[20:59],
        ((0, 5), (11, 16), (25, 30)),
        ((0, 1), (0, 2), (1, 2), (0, 1, 2)),
        ("NO_COMB", "POS", "NEG", "COMB"),
    )
    (relation,) = relations(extraction)
    assert (relation["drugs"], relation["confidence"]) == (["Druga", "drugb"], 0.9)


def test_the_threshold_decides_which_sets_are_believed() -> None:
    for threshold, count in ((0.3, 1), (0.95, 0)):
        extraction, _ = run(sets(0.9, 0.1, 0.1, 0.2), engines=POCKET, threshold=threshold)
        assert len(relations(extraction)) == count


def test_the_shipped_threshold_is_one_of_the_settings_of_a_run() -> None:
    settings = TASK.prepare({}, POCKET).settings
    assert settings["ways"] == "sets"
    assert isinstance(settings["threshold"], float)


@pytest.mark.parametrize("outcome", [sets(0.9), sets(), sets(float("nan"), 0, 0, 0)])
def test_probabilities_of_other_sets_are_a_problem(outcome: Callable[[Request], Outcome]) -> None:
    extraction, _ = run(outcome, engines=POCKET)
    assert extraction.record is None
    assert [problem.kind for problem in extraction.problems] == ["AnswerError"]


def test_a_language_model_behind_a_pocket_model_answers_the_sets_with_a_list() -> None:
    engines = {step: EngineInfo("pocket@0.9/http://h/v1#m", "d") for step in TASK.steps}
    extraction, (request,) = run(AB, engines=engines)
    assert request.step == "combinations.sets"
    assert request.messages
    assert [each["drugs"] for each in relations(extraction)] == [["Druga", "drugb"]]


def test_sets_of_another_corpus_are_refused() -> None:
    extraction, asked = run(sets(0.9), row("Druga", "drugb", corpus="ddi"), engines=POCKET)
    assert asked == []
    assert extraction.record is None
    assert "ways=text" in extraction.problems[0].message


@pytest.mark.parametrize("wrong", [{"reasoning": True}, {"labels": "ddi"}])
def test_settings_that_do_not_agree_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="ways=text"):
        TASK.prepare({"ways": "sets", **wrong}, POCKET)


ABSTRACT = "Druga helps. Druga plus drugb helped twice. Drugb with Druga was good. Drugb and drugc failed."


def abstract(request: Request) -> Outcome:
    """Names for a text; for each sentence all its drugs."""
    if request.step == "combinations.mentions":
        return Reply('{"Drug": ["Druga", "drugb", "drugc"]}')
    drugs = request.messages[-1].content.rsplit("Its drugs: ", 1)[-1].split("; ")
    return Reply(json.dumps([{"type": "NEG" if "drugc" in drugs else "POS", "drugs": drugs}]))


def test_of_a_whole_document_each_sentence_with_two_drugs_is_asked_about_and_sets_are_merged() -> None:
    extraction, asked = run(abstract, Document("d", ABSTRACT))
    assert [request.step for request in asked] == ["combinations.mentions"] + ["combinations.answer"] * 3
    first, second = relations(extraction)
    assert (first["type"], first["drugs"]) == ("POS", ["Druga", "drugb"])
    assert [each["quote"] for each in first["evidence"]] == [  # type: ignore[attr-defined]
        "Druga plus drugb helped twice.", "Drugb with Druga was good."
    ]  # fmt: skip
    assert (second["type"], second["drugs"]) == ("NEG", ["Drugb", "drugc"])


@pytest.mark.parametrize(("vocabulary", "joined"), [("own", True), ("none", False)])
def test_names_with_one_vocabulary_id_are_one_drug_of_a_whole_document(vocabulary: str, joined: bool) -> None:
    text = "Paclitaxel (Taxol) plus carboplatin helped. Taxol and paclitaxel are one."
    names = ("Paclitaxel", "Taxol", "carboplatin")
    mentions = tuple(mention(text, name) for name in names)
    extraction, asked = run(
        '[{"type": "POS", "drugs": ["Paclitaxel", "carboplatin"]}]',
        Document("d", text, mentions=mentions),
        vocabulary=vocabulary,
        context=False,
    )
    assert ("Its drugs: Paclitaxel; carboplatin" in asked[0].messages[-1].content) is joined
    assert extraction.record is not None
    concepts = extraction.record["concepts"]
    assert isinstance(concepts, list)
    assert len(concepts) == (2 if joined else 3)


def test_a_document_with_drugs_of_its_own_is_not_searched_for_more() -> None:
    text = "Drugb and drugc failed."
    chemicals = (mention(text, "Drugb", "Chemical"), mention(text, "drugc", "Chemical"))
    _, asked = run(abstract, Document("d", text, mentions=chemicals))
    assert [request.step for request in asked] == ["combinations.answer"]


def test_an_engine_that_finds_no_mentions_leaves_them_to_the_dictionary() -> None:
    text = "Cisplatin plus paclitaxel helped."
    extraction, (request,) = run(sets(0.9), Document("d", text), engines=POCKET, threshold=0.5)
    assert request.step == "combinations.sets"
    assert [each["drugs"] for each in relations(extraction)] == [["Cisplatin", "paclitaxel"]]
    assert TASK.prepare({}, POCKET).steps == ("combinations.sets",)


def test_spans_of_a_tagger_are_taken_with_their_confidence() -> None:
    tagged = TaggedSpans((TaggedSpan(13, 18, "Drug", 0.8), TaggedSpan(24, 29, "Drug", 0.7)))
    extraction, _ = run(
        lambda request: Reply("", tagged) if "mentions" in request.step else abstract(request),
        Document("d", ABSTRACT),
    )
    assert extraction.record is not None
    assert [each["confidence"] for each in extraction.record["mentions"]] == [0.8, 0.7]  # type: ignore[attr-defined]


def test_some_failed_sentences_leave_the_others_and_are_named() -> None:
    def answer(request: Request) -> Outcome:
        return (
            Failure("TimedOut", "late") if "drugc" in request.messages[-1].content[-9:] else abstract(request)
        )

    extraction, _ = run(answer, Document("d", ABSTRACT))
    assert len(relations(extraction)) == 1
    assert extraction.record is not None
    assert extraction.record["incomplete"] == ["combinations.answer"]


def test_sentences_beyond_the_limit_are_told() -> None:
    extraction, asked = run(abstract, Document("d", ABSTRACT), max_sentences=1)
    assert [request.step for request in asked].count("combinations.answer") == 1
    assert [problem.kind for problem in extraction.problems] == ["TooManyQuestions"]


def test_a_long_text_is_cut_around_the_sentence() -> None:
    _, (request,) = run(AB, window=60)
    assert request.messages[-1].content.startswith("Text:\nForty were treated. Druga plus")
    assert "All was well" not in request.messages[-1].content


def test_a_row_is_gold_whether_or_not_it_has_combinations() -> None:
    assert TASK.is_gold(ROW)
    assert not TASK.is_gold(Document("d", ABSTRACT))
    assert not TASK.is_gold(
        replace(ROW, attributes={})
    )  # A sentence of one's own, set apart in the same way.


def test_predictions_score_against_their_rows() -> None:
    concepts = tuple(Concept(f"c{n}", "Drug", (n,), (m.text,)) for n, m in enumerate(ROW.mentions))
    relation = Relation("r1", "POS", (Argument("drug", "c0"), Argument("drug", "c1")))
    gold = replace(ROW, concepts=concepts, relations=(relation,))
    extraction, _ = run(AB, gold)
    whole = Document("whole", ABSTRACT)
    score = load("combinations").score([(gold, extraction.record), (whole, None)], ScoreOptions(resamples=10))
    official = score["official"]
    assert isinstance(official, dict)
    assert official["positive_exact"]["f1"] == 1.0


def test_rows_of_two_corpora_in_one_run_are_scored_side_by_side() -> None:
    rows = [row("Druga", "drugb"), replace(row("Druga", "drugb", corpus="ddi"), id="d2")]
    score = TASK.score([(document, {"relations": []}) for document in rows], ScoreOptions(resamples=10))
    assert score["documents"] == 2
    names = {line[0].partition(",")[0] for line in TASK.table(score)[1:]}
    assert names == {"drugcomb", "ddi"}
