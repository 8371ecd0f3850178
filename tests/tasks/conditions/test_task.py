"""The whole task on one instance, walked with replies written by hand: no engine, no files but examples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.engines.options import JSON_BLANKS
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.condition_rows import ConditionRow
from apothecary.formats.condition_rows import document_of as document_of_row
from apothecary.formats.records import from_record
from apothecary.messages import Failure, JsonSchema, Reply
from apothecary.tasks.conditions.answers import Condition, render_output
from apothecary.tasks.conditions.instances import Instance, document_of, instance_record
from apothecary.tasks.conditions.prompting import Shown
from apothecary.tasks.conditions.questions import Question
from apothecary.tasks.conditions.steps import MOST_ITEMS, SCHEMA, Answered, spans_step
from apothecary.tasks.conditions.task import TASK
from apothecary.tasks.flow import Extraction, ScoreOptions
from tests.strategies import texts
from tests.tasks.conditions.asking import INSTANCE, ROW, SAID, record_of, run, said

OPTIONS = ScoreOptions(resamples=10)
PLAIN = Document("d", "Zincol eased colds.")


def strict(extraction: Extraction, gold: Instance = INSTANCE) -> Any:
    return TASK.score([(document_of(gold), extraction.record)], OPTIONS)["strict"]


# --- one instance ---------------------------------------------------------------------------------


def test_a_row_is_one_question_and_its_conditions_stand_in_the_text() -> None:
    extraction, (request,) = run(SAID)
    assert (request.step, request.roles, extraction.problems) == ("conditions.spans", (), ())
    assert extraction.record is not None
    conditions: Any = extraction.record["conditions"]
    keys = ("span", "type", "start", "end", "how", "relation")
    assert [[each[key] for key in keys] for each in conditions] == [
        ["Ten women", "Gender", 18, 27, "exact", "r1"],
        ["5 mg", "Dosage", 45, 49, "exact", "r1"],
    ]


def test_a_record_is_a_document_of_the_own_format_whose_conditions_limit_the_pair() -> None:
    read = from_record(record_of(SAID), where="x")
    assert [(each.type, each.text, each.relation) for each in read.conditions] == [
        ("Gender", "Ten women", "r1"),
        ("Dosage", "5 mg", "r1"),
    ]
    assert read.conditions[0].origin is not None
    assert read.conditions[0].origin.engine == "scripted:t"
    assert [[read.mentions[place].text for place in each.mentions] for each in read.concepts] == [
        ["Zincol", "zincol"],
        ["colds", "cold"],
    ]
    assert [each.type for each in read.relations] == ["therapeutic"]


def test_what_is_gold_in_a_row_is_not_in_its_record() -> None:
    record = record_of("[]")
    assert record["conditions"] == []
    assert record["attributes"] == {"pmid": "12"}
    assert not TASK.is_gold(from_record(record, where="x"))


def test_a_span_is_found_under_other_blanks_and_another_case_and_else_kept_and_reported() -> None:
    record = record_of(said("5  mg of zincol", "ten WOMEN", "women of Ten"))
    (entry,) = record["pairs"]
    assert [(each["how"], each.get("start")) for each in entry["conditions"]] == [
        ("spaces", 45),
        ("case", 18),
        ("none", None),
    ]
    assert [each["span"] for each in record["conditions"]] == ["5  mg of zincol", "ten WOMEN"]
    assert record["conditions"][0]["alignment"] == "normalised"
    assert record["unlocated"] == [{"text": "women of Ten", "type": "Age", "reason": "not in the text"}]
    assert from_record(record, where="x").unlocated


def test_spans_that_are_not_in_the_text_count_as_predicted() -> None:
    extraction, _ = run(said("women of Ten"))
    assert strict(extraction)["micro"]["fp"] == 1


def test_one_span_may_have_two_types_and_exact_repeats_are_left_out_and_told() -> None:
    girls = [Condition("Girls", "Age"), Condition("Girls", "Gender"), Condition("Girls", "Age")]
    record = record_of(render_output(girls))
    assert [(each["span"], each["type"]) for each in record["conditions"]] == [
        ("Girls", "Age"),
        ("Girls", "Gender"),
    ]
    assert record["repairs"] == [{"step": "conditions.spans", "repair": "repeated conditions left out: 1"}]
    assert record["pairs"][0]["as_released"] == [["Girls", "age"], ["Girls", "gender"], ["Girls", "age"]]


def test_an_unknown_type_is_kept_told_and_wrong() -> None:
    extraction, _ = run(render_output([Condition("Ten women", "Sex"), Condition("5 mg", "dosage")]))
    assert extraction.record is not None
    conditions: Any = extraction.record["conditions"]
    assert [each["type"] for each in conditions] == ["Sex", "Dosage"]
    assert "type that is none of the six: Sex" in str(extraction.record["repairs"])
    by_type = strict(extraction)["by_type"]
    assert (by_type["Sex"]["fp"], by_type["Dosage"]["tp"]) == (1, 1)


@pytest.mark.parametrize("reply", ["[]", "```json\n[]\n```", "<think>None?</think>\n[]", "Answer: []"])
def test_no_condition_said_in_any_form_is_an_empty_record(reply: str) -> None:
    extraction, _ = run(reply)
    assert extraction.problems == ()
    assert extraction.record is not None
    assert extraction.record["conditions"] == []


BAD = ["", "There are none.", '["Ten women"]', '["Span: Ten wo', "[" * 65_536, "[7]"]


@pytest.mark.parametrize("reply", BAD)
def test_a_reply_that_cannot_be_read_is_a_problem_and_not_an_empty_answer(reply: str) -> None:
    extraction, _ = run(reply)
    (problem,) = extraction.problems
    assert (problem.kind, problem.subject) == ("AnswerError", "zincol - colds")
    assert len(problem.raw) <= 2000
    assert extraction.record is not None
    assert extraction.record["conditions"] is None
    assert extraction.record["incomplete"] == ["conditions.spans"]
    assert from_record(extraction.record, where="x").conditions == ()


@pytest.mark.parametrize("gold", [INSTANCE, replace(INSTANCE, conditions=())])
def test_a_reply_that_cannot_be_read_scores_nothing_whatever_the_gold(gold: Instance) -> None:
    extraction, _ = run("garbage", document_of(gold))
    found = strict(extraction, gold)
    assert (found["soft_pair"], found["malformed_rate"]) == (0.0, 1.0)


def test_a_cut_off_reply_keeps_its_whole_items() -> None:
    cut = '["Span: Ten women | Label: Gender", "Span: 5 mg | Lab'
    extraction, _ = run(lambda request: Reply(cut, finish="length"))
    assert extraction.record is not None
    entry: Any = extraction.record["pairs"]
    assert (entry[0]["status"], entry[0]["dropped"]) == ("salvaged", 1)
    assert [each["span"] for each in entry[0]["conditions"]] == ["Ten women"]
    assert strict(extraction)["salvaged_rate"] == 1.0
    extraction, _ = run(lambda request: Reply("[", finish="length"))
    assert [problem.kind for problem in extraction.problems] == ["TruncatedReply"]


ITEMS = [
    "Ten women | Label: Gender",
    "5 mg | Label: Dosage",
    "5 mg | Label: DOSAGE",
    "a|b | Label: Sex",
    "x",
    "",
]
LISTS = st.lists(st.sampled_from([f"Span: {item}" for item in ITEMS] + ["Ten women"]), max_size=4)
FORMS = ["{}", "Sure: {}", "{} ok", "```json\n{}\n```", "<think>so</think>{}", "{}</s>", "Answer: {}"]
REPLIES = st.builds(
    lambda items, form, write, cut: form.format(write(items))[: -cut or None],
    LISTS,
    st.sampled_from(FORMS),
    st.sampled_from([json.dumps, str]),
    st.sampled_from([0, 0, 1, 9]),
)


@settings(deadline=None, max_examples=50)
@given(REPLIES | texts, st.booleans())
def test_the_published_score_of_a_run_is_that_of_its_replies(reply: str, empty: bool) -> None:
    gold = document_of(replace(INSTANCE, conditions=() if empty else INSTANCE.conditions))
    extraction, _ = run(reply, gold)
    assert extraction.record is not None
    assert from_record(extraction.record, where="x").text == ROW.text
    from_raw, from_run = (
        TASK.score([(gold, record)], OPTIONS) for record in ({"raw": reply}, extraction.record)
    )
    assert from_run["reference"] == from_raw["reference"]
    assert from_run["callback"] == from_raw["callback"]
    if "repeated" not in str(extraction.record["repairs"]):
        assert from_run == from_raw


def test_half_characters_and_endless_lists_harm_nothing() -> None:
    record = record_of('["Span: a\\ud800 | Label: Age", "Span: 5 mg | Label: Dosage"]')
    json.dumps(record, ensure_ascii=False).encode("utf-8")
    assert [each["span"] for each in record["conditions"]] == ["5 mg"]
    many = record_of(said(*(f"x{n}" for n in range(500))))
    assert (len(many["pairs"][0]["conditions"]), many["pairs"][0]["dropped"]) == (200, 300)


def test_a_pair_that_the_text_does_not_name_is_asked_about_and_noted() -> None:
    document = document_of(replace(INSTANCE, drug="ironal", disease="gout"))
    extraction, asked = run(SAID, document, roles="lemma")
    record: Any = extraction.record
    assert len(asked) == 1
    assert record["pairs"][0]["named"] == [0, 0]
    assert record["pairs"][0]["note"] == "the text does not name the drug and disease"


def test_an_empty_abstract_leaves_the_title_and_a_blank_text_no_question() -> None:
    _, (request,) = run("[]", document_of(replace(INSTANCE, abstract="")))
    assert request.messages[-1].content.startswith("Text:\nZincol for colds.\n\n")
    extraction, asked = run("[]", replace(ROW, text=" " * len(ROW.text), conditions=()))
    assert asked == []
    assert extraction.record is not None
    assert (extraction.record["conditions"], extraction.record["pairs"]) == ([], [])


def test_a_failed_request_leaves_no_record() -> None:
    extraction, _ = run(lambda request: Failure("TimedOut", "late"))
    assert extraction.record is None
    assert [problem.kind for problem in extraction.problems] == ["TimedOut"]


# --- the question ---------------------------------------------------------------------------------


def test_roles_go_beside_the_prompt_and_markers_into_it() -> None:
    _, (tagged,) = run("[]", roles="lemma")
    _, (plain,) = run("[]")
    assert tagged.messages == plain.messages
    assert [each.role for each in tagged.roles] == ["drug", "disease", "disease", "drug", "drug", "disease"]
    _, (marked,) = run("[]", marker=True)
    assert "[Drug] Zincol [/Drug] for [Disease] colds [/Disease]." in marked.messages[-1].content


def test_spans_with_markers_are_freed_of_them() -> None:
    record = record_of(said("5 mg\nof [Drug] zincol [/Drug]", "[Drug] [/Drug]"), marker=True)
    assert [each["span"] for each in record["conditions"]] == ["5 mg\nof zincol"]
    assert record["pairs"][0]["dropped"] == 1
    assert record_of(said("[Drug] [/Drug]"), marker=True)["pairs"][0]["status"] == "malformed"


def test_a_long_text_is_cut_and_its_spans_are_found_in_the_whole() -> None:
    long = document_of(replace(INSTANCE, abstract=f"{'Nothing here. ' * 50}{INSTANCE.abstract}"))
    extraction, (request,) = run(SAID, long, window=100)
    assert "Nothing here. Nothing here. Nothing" not in request.messages[-1].content
    assert extraction.record is not None
    assert [long.text[each["start"] : each["end"]] for each in extraction.record["conditions"]] == [  # type: ignore[attr-defined]
        "Ten women", "5 mg"
    ]  # fmt: skip


def accepted(answer: str) -> bool:
    """Does the grammar library of the embedded engines take an answer under the schema?"""
    llguidance = pytest.importorskip("llguidance", reason="needs llguidance, of the extra 'train'")
    tokens = llguidance.LLTokenizer("byte")
    schema = json.dumps({"x-guidance": dict(JSON_BLANKS), **json.loads(SCHEMA)})
    grammar = llguidance.LLMatcher.grammar_from_json_schema(schema)
    matcher = llguidance.LLMatcher(tokens, grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    read = tokens.tokenize_str(answer)
    return matcher.try_consume_tokens(read) == len(read) and bool(matcher.is_accepting())


@pytest.mark.parametrize(
    "items",
    [(), INSTANCE.conditions, (Condition("\u2265 5 \u00b5g (60%) [a]'s", "Body Type"),) * MOST_ITEMS],
)
def test_what_models_are_trained_to_write_follows_the_schema(items: tuple[Condition, ...]) -> None:
    assert accepted(render_output(items))


@pytest.mark.parametrize(
    "answer",
    [
        said("a") + " ",
        said("  a"),
        said('a"b'),
        said("a|b"),
        said("x" * 201),
        said(*"a" * 41),
        '["Span: a | Label: Sex"]',
        '["a"]',
        "{}",
    ],
)
def test_other_answers_do_not(answer: str) -> None:
    assert not accepted(answer)


def test_the_schema_is_one_for_servers_too() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA))
    assert validator.is_valid(json.loads(SAID))
    assert not validator.is_valid(["Span: 5 mg | Label: Sex"])


def test_a_rendered_answer_is_parsed_as_it_was() -> None:
    step = spans_step(Shown())
    asked = Question(INSTANCE.text, "zincol", "colds")
    assert step.prompt(asked).constraint == JsonSchema(SCHEMA)
    for answered in (Answered(INSTANCE.conditions, "ok"), Answered((), "empty")):
        assert step.parse(Reply(step.render(answered, asked)), asked).value == answered


# --- examples and settings ------------------------------------------------------------------------


def example_file(folder: Path, *instances: Instance) -> str:
    path = folder / "examples.jsonl"
    path.write_text("".join(json.dumps(instance_record(each)) + "\n" for each in instances))
    return str(path)


def test_shots_are_told_in_the_record_and_never_show_the_document_itself(tmp_path: Path) -> None:
    others = [replace(INSTANCE, id=f"o{n}", pmid=f"{n}", title=f"Study {n}.") for n in range(2)]
    file = example_file(tmp_path, INSTANCE, *others)
    extraction, (request,) = run("[]", shots=3, examples=file)
    assert len(request.messages) == 6
    record: Any = extraction.record
    assert sorted(record["pairs"][0]["examples"]) == ["o0", "o1"]


def test_examples_are_part_of_what_a_run_is(tmp_path: Path) -> None:
    digests = [
        TASK.prepare(
            {"shots": 1, "examples": example_file(tmp_path, replace(INSTANCE, drug=drug))}, {}
        ).prompts
        for drug in ("zincol", "ironal")
    ]
    assert digests[0]["examples"] != digests[1]["examples"]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"shots": 2}, "--set examples=FILE"),
        ({"examples": "file.jsonl"}, "--set shots=2"),
        ({"marker": True, "roles": "lemma"}, "--set roles=off"),
        ({"shots": 9}, "shots"),
        ({"max_pairs": 0}, "max_pairs"),
        ({"roles": "spacy"}, "roles"),
    ],
)
def test_settings_that_do_not_agree_are_refused(wrong: dict[str, object], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        TASK.prepare(wrong, {})


# --- scores ---------------------------------------------------------------------------------------


def test_gold_is_an_annotated_instance() -> None:
    assert TASK.is_gold(ROW)
    assert TASK.is_gold(document_of(replace(INSTANCE, conditions=())))
    assert not TASK.is_gold(document_of(replace(INSTANCE, gold="none")))
    assert not TASK.is_gold(PLAIN)
    assert not TASK.is_gold(Document("x", "Hostile.", attributes={"corpus": "conditions"}))


def test_right_answers_score_a_hundred_and_plain_predictions_are_read() -> None:
    extraction, _ = run(SAID)
    bare = {"conditions": instance_record(INSTANCE)["conditions"]}
    for record in (extraction.record, bare, {"raw": SAID}, bare | {"pairs": [{"of": "shoes"}]}):
        score = TASK.score([(ROW, record)], OPTIONS)
        assert score["reference"] == dict.fromkeys(
            ("hard_span", "soft_span", "hard_pair", "soft_pair"), 100.0
        )
    with pytest.raises(FormatError, match="document i1: conditions are missing"):
        TASK.score([(ROW, {"id": "i1"})], OPTIONS)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"status": 5}, "status is not one of ok, empty, salvaged, malformed"),
        ({"dropped": "x"}, "dropped is not a number"),
        ({"dropped": True}, "dropped is not a number"),
        ({"dropped": -1}, "dropped is not a number"),
        ({"dropped": 10**400}, "dropped is not a number from 0 to 65536"),
        ({"as_released": 5}, "as_released is not a list"),
        ({"as_released": [["a", 1]]}, "as_released is not a list"),
        ({"as_released": [["a"]]}, "as_released is not a list"),
        ({"as_released": ["ab"]}, "as_released is not a list"),
    ],
)
def test_an_entry_that_no_run_writes_is_an_error(entry: dict[str, object], problem: str) -> None:
    record = {"pairs": [{"conditions": [], **entry}]}
    with pytest.raises(FormatError, match=rf"^document i1: field pairs\[0\]\.{problem}"):
        TASK.score([(ROW, record)], OPTIONS)


def test_targets_that_cannot_be_read_are_named_where_there_is_no_other_gold() -> None:
    unread = document_of_row(ConditionRow("i7", "", "Text.", "a", "b", target="[oops"))
    with pytest.raises(DataError, match="^document i7: its conditions or target are no list"):
        TASK.score([(PLAIN, None), (unread, None)], OPTIONS)
    assert TASK.score([(ROW, None), (unread, None)], OPTIONS)["left_out"] == 1


def test_a_type_of_a_prediction_cannot_steer_a_terminal() -> None:
    said = [{"span": "5 mg", "type": "\x1b[31m" + "x" * 100}]
    rows = TASK.table(TASK.score([(ROW, {"conditions": said})], OPTIONS))
    (shown,) = [row[0] for row in rows if "xxx" in row[0]]
    assert shown.isprintable()
    assert len(shown) < 60


def test_documents_that_are_no_gold_are_left_out_and_rows_among_them_are_counted() -> None:
    unread = document_of(replace(INSTANCE, id="i2", gold="malformed"))
    score = TASK.score([(ROW, None), (PLAIN, None), (unread, None)], OPTIONS)
    assert (score["instances"], score["left_out"]) == (1, 1)
    assert TASK.table(score)[-1][0].startswith("left out: 1 instances")
    with pytest.raises(DataError, match="no gold document is an annotated instance"):
        TASK.score([(PLAIN, None)], OPTIONS)


def test_two_sets_of_predictions_are_compared() -> None:
    assert TASK.compare is not None
    good, _ = run(SAID)
    found: Any = TASK.compare([(ROW, good.record)], [(ROW, {"raw": "[]"})], OPTIONS)
    assert found["soft_pair"]["f1"]["value"] == 1.0


def test_patterns_need_no_model_and_leave_a_record_like_any_other() -> None:
    extraction, asked = run("never read", ways="patterns")
    assert asked == []
    assert TASK.prepare({"ways": "patterns"}, {}).steps == ()
    assert extraction.record is not None
    found = extraction.record["conditions"]
    assert isinstance(found, list)
    assert [(each["span"], each["type"]) for each in found] == [
        ("Ten women", "Gender"), ("5 mg", "Dosage"), ("Girls", "Gender"), ("Girls", "Age")
    ]  # fmt: skip
    assert extraction.record["pairs"][0]["status"] == "ok"  # type: ignore[index]
