"""Other ways to the same relations: many questions in a call, one stage, votes, novelty, contradictions."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from apothecary.documents import Document, Passage
from apothecary.errors import UsageError
from apothecary.messages import (
    Choices,
    EngineInfo,
    Failure,
    JsonSchema,
    LabelProbabilities,
    Outcome,
    Reply,
    Request,
)
from apothecary.tasks.catalog import load
from apothecary.tasks.flow import Extraction
from tests.walking import walk

TEXT = "Druga causes rash. Drugb (DB) relieved the rash. No fever was seen after DB."
NAMES = {"Chemical": ["Druga", "Drugb", "DB"], "Disease": ["rash", "fever"]}
ENGINES = {step: EngineInfo("scripted:t", "d") for step in load("relations").steps}
LINE = re.compile(r"^(\d+)\. (?:\(question (\w)\) )?Chemical: (\w+).*; Disease: (\w+)", re.MULTILINE)
TWO_WAYS = """
name = "two-ways"
title = "What a drug does to a disease"
contradictions = [["Raises", "Lowers"]]
labels = [{name = "Chemical", description = "drugs"}, {name = "Disease", description = "diseases"}]
[[templates]]
name = "raise"
head = "Chemical"
tail = "Disease"
requirement = "Does it raise?"
scenarios = [
  {id = "yes", polarity = "positive", principle = 4, text = "raises", code = "1", relations = ["Raises"]},
  {id = "no", polarity = "negative", principle = 7, text = "does not", code = "0"},
]
[[templates]]
name = "lower"
head = "Chemical"
tail = "Disease"
requirement = "Does it lower?"
scenarios = [
  {id = "y", polarity = "positive", principle = 4, text = "cuts", code = "A", relations = ["Lowers","Helps"]},
  {id = "no", polarity = "negative", principle = 7, text = "does not", code = "B"},
]
"""


def run(answer, **settings: object) -> tuple[Extraction, list[Request]]:  # type: ignore[no-untyped-def]
    document = Document("d1", TEXT, (Passage("text", 0, len(TEXT)),))
    job = load("relations").prepare({"vocabulary": "none", **settings}, ENGINES)
    extraction, asked = walk(job.flows["extract"](document), answer)
    assert {request.step for request in asked} <= set(job.steps)
    return extraction, asked


def rows(extraction: Extraction, key: str) -> list[Mapping[str, object]]:
    assert extraction.record is not None
    value = extraction.record[key]
    assert isinstance(value, list)
    return value


def found(extraction: Extraction) -> list[tuple[object, object, object]]:
    sides = [(r["type"], r["head"], r["tail"]) for r in rows(extraction, "relations")]
    return [(kind, head["texts"][0], tail["texts"][0]) for kind, head, tail in sides]  # type: ignore[index]


def steps(asked: list[Request]) -> Counter[str]:
    return Counter(request.step.removeprefix("relations.") for request in asked)


def codes(request: Request) -> list[list[str]]:
    assert isinstance(request.constraint, JsonSchema)
    return [each["enum"] for each in json.loads(request.constraint.schema)["properties"].values()]


def together(request: Request) -> Outcome:
    """Druga causes rash, in whatever way that is asked."""
    text = request.messages[-1].content
    if request.step == "relations.mentions":
        return Reply(json.dumps(NAMES))
    if request.step == "relations.names_together":
        return Reply(json.dumps({str(number): "~" for number in range(1, len(codes(request)) + 1)}))
    if request.step == "relations.pairs_together":
        lines = LINE.findall(text)
        assert len(lines) == len(codes(request))
        return Reply(json.dumps({n: "1" if (a, b) == ("Druga", "rash") else "0" for n, _, a, b in lines}))
    if request.step == "relations.pairs":
        return Reply("1" if "Chemical: Druga\nDisease: rash" in text else "0")
    return Reply("~")


def test_many_questions_in_one_call_find_the_same() -> None:
    extraction, asked = run(together, batch=20)
    assert found(extraction) == [("CID", "Druga", "rash")]
    assert steps(asked) == {"mentions": 1, "names_together": 1, "pairs_together": 1}
    assert rows(extraction, "relations")[0]["origin"] == {
        "engine": "scripted:t", "step": "relations.pairs_together", "answer": "1", "scenarios": ["causes"]
    }  # fmt: skip


def test_a_call_holds_no_more_than_asked_for_and_calls_are_even() -> None:
    _, asked = run(together, batch=3)
    sizes = [len(codes(request)) for request in asked if request.step == "relations.pairs_together"]
    assert sizes == [2, 2]


@pytest.mark.parametrize(
    "bad", [Reply("no"), Failure("EngineError", "gone"), Reply('{"1": "x"}'), Reply("[]")]
)
def test_what_a_call_for_many_leaves_open_is_asked_alone(bad: Outcome) -> None:
    extraction, asked = run(lambda r: bad if "together" in r.step else together(r), batch=20)
    assert found(extraction) == [("CID", "Druga", "rash")]
    assert steps(asked) == {
        "mentions": 1, "names_together": 1, "names": 2, "pairs_together": 1, "pairs": 4
    }  # fmt: skip
    assert extraction.problems == ()
    assert {row["repair"] for row in rows(extraction, "repairs")} == {"asked again, alone"}


def test_one_number_left_out_costs_one_more_call() -> None:
    def forgetful(request: Request) -> Outcome:
        if request.step == "relations.pairs_together":
            return Reply('{"2": "0", "3": "`0`", "4": 0, "99": "1"}')
        return together(request)

    extraction, asked = run(forgetful, batch=20)
    assert steps(asked)["pairs"] == 1
    assert found(extraction) == [("CID", "Druga", "rash")]


def test_a_screen_leaves_only_the_doubtful_pairs_to_the_call_for_many() -> None:
    def screened(request: Request) -> Outcome:
        if request.step != "relations.pairs":
            return together(request)
        chance = 0.6 if "Druga" in request.messages[-1].content[-60:] else 0.02
        return Reply("", LabelProbabilities({"CID": chance, "none": 1 - chance}))

    extraction, asked = run(screened, batch=20, screen=0.9)
    (call,) = [request for request in asked if request.step == "relations.pairs_together"]
    assert [(a, b) for _, _, a, b in LINE.findall(call.messages[-1].content)] == [
        ("Druga", "rash"),
        ("Druga", "fever"),
    ]
    assert found(extraction) == [("CID", "Druga", "rash")]


def test_questions_of_several_templates_share_a_call(tmp_path: Path) -> None:
    schema = tmp_path / "two.toml"
    schema.write_text(TWO_WAYS)

    def answer(request: Request) -> Outcome:
        if request.step != "relations.pairs_together":
            return together(request)
        lines = LINE.findall(request.messages[-1].content)
        assert [letter for _, letter, _, _ in lines] == ["A"] * 4 + ["B"] * 4
        assert codes(request) == [["1", "0"]] * 4 + [["A", "B"]] * 4
        hit = ("Drugb", "rash")
        return Reply(
            json.dumps(
                {n: ("A" if t == "B" else "1") if (a, b) == hit else "B0"[t == "A"] for n, t, a, b in lines}
            )
        )

    extraction, asked = run(answer, schema=str(schema), batch=20)
    assert steps(asked)["pairs_together"] == 1
    # Without odds none is surer: all stay, and the contradiction is told. One code asserts two relations.
    assert found(extraction) == [(kind, "Drugb", "rash") for kind in ("Raises", "Lowers", "Helps")]
    (conflict,) = rows(extraction, "conflicts")
    assert conflict == {"kind": "contradiction", "text": "Raises and Lowers of c3 and c2: all kept"}


@pytest.mark.parametrize(
    ("policy", "left"),
    [("surest", ["Lowers", "Helps"]), ("drop", ["Helps"]), ("keep", ["Raises", "Lowers", "Helps"])],
)
def test_contradictions_are_settled_as_asked(tmp_path: Path, policy: str, left: list[str]) -> None:
    schema = tmp_path / "two.toml"
    schema.write_text(TWO_WAYS)

    def answer(request: Request) -> Outcome:
        if not isinstance(request.constraint, Choices) or request.step == "relations.names":
            return together(request)
        first, second = request.constraint.options
        here = "Chemical: Druga\nDisease: rash" in request.messages[-1].content
        odds = ({"1": 1.0, "A": 2.0}[first]) if here else -5.0
        return Reply(first, logprobs={first: odds, second: 0.0})

    extraction, _ = run(answer, schema=str(schema), contradictions=policy)
    assert [row["type"] for row in rows(extraction, "relations")] == left
    assert len(rows(extraction, "conflicts")) == 1
    asserted = [name for row in rows(extraction, "candidates") for name in row["relations"]]  # type: ignore[attr-defined]
    assert asserted == left


def test_an_undirected_template_asks_about_two_concepts_once(tmp_path: Path) -> None:
    text = TWO_WAYS.split("[[templates]]")[0].replace('contradictions = [["Raises", "Lowers"]]', "")
    template = TWO_WAYS.split("[[templates]]")[1].replace('tail = "Disease"', 'tail = "Chemical"')
    for directed, count in (("true", 2), ("false", 1)):
        schema = tmp_path / f"{directed}.toml"
        schema.write_text(text + "[[templates]]" + template + f"directed = {directed}\n")
        extraction, asked = run(
            lambda r: Reply("0") if r.step == "relations.pairs" else together(r), schema=str(schema)
        )
        assert steps(asked)["pairs"] == count
        assert extraction.record is not None
        assert extraction.record["undirected"] == ([] if directed == "true" else ["Raises"])


@pytest.mark.parametrize(
    ("code", "types"), [("A", ["Lowers", "Helps"]), ("C", ["Lowers"]), ("B", ["Lowers"])]
)
def test_a_code_of_two_relation_types_asserts_both_also_by_odds(
    tmp_path: Path, code: str, types: list[str]
) -> None:
    schema = tmp_path / "two.toml"
    line = (
        '  {id = "c", polarity = "positive", principle = 4, text = "m", code = "C", relations = ["Lowers"]},'
    )
    schema.write_text(TWO_WAYS.replace('  {id = "y"', f'{line}\n  {{id = "y"'))

    def answer(request: Request) -> Outcome:
        here = "Chemical: Druga\nDisease: rash" in request.messages[-1].content
        if request.step != "relations.pairs":
            return together(request)
        if request.constraint != Choices(("C", "A", "B")) or not here:
            return Reply("B" if "lower" in str(request.messages) else "0")
        return Reply(code, logprobs={"C": -1.5, "A": -1.0, "B": -1.1})

    extraction, _ = run(answer, schema=str(schema))
    assert [row["type"] for row in rows(extraction, "relations")] == types


def test_votes_stand_for_odds() -> None:
    def unsure(request: Request) -> Outcome:
        if request.step != "relations.pairs":
            return together(request)
        assert request.decoding.temperature == 0.5
        here = "Chemical: Druga\nDisease: rash" in request.messages[-1].content
        return Reply("12013"[request.decoding.seed] if here else "0")

    extraction, asked = run(unsure, samples=5, temperature=0.5)
    assert steps(asked)["pairs"] == 20
    assert found(extraction) == [("CID", "Druga", "rash")]
    # Four of five for it, one against: (4 + 1/2) / (1 + 1/2) = 3 to one.
    assert rows(extraction, "relations")[0]["confidence"] == 0.75


def test_an_unsure_pair_is_not_asserted_but_marked(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"pairs": {"CID": 0.0}, "abstain": {"CID": [-1.0, 1.0]}}))

    def odds(request: Request) -> Outcome:
        if request.step != "relations.pairs":
            return together(request)
        here = "Chemical: Druga" in request.messages[-1].content
        return Reply("1", LabelProbabilities({"CID": 0.6 if here else 0.05, "none": 0.4 if here else 0.95}))

    extraction, _ = run(odds, thresholds=str(path))
    assert found(extraction) == []
    assert [row.get("unsure", False) for row in rows(extraction, "candidates")] == [True, True, False, False]
    assert extraction.record is not None
    assert extraction.record["unsure"] == 2


def test_novelty_is_asked_of_what_was_found_alone() -> None:
    extraction, asked = run(
        lambda r: Reply("N") if r.step == "relations.novelty" else together(r), novelty=True
    )
    assert steps(asked)["novelty"] == 1
    assert rows(extraction, "relations")[0]["attributes"] == {"novelty": "Novel"}


def whole(*triples: tuple[str, str, str]) -> Reply:
    named = [
        {"relation": kind, "head": head, "head_label": "Chemical", "tail": tail, "tail_label": "Disease"}
        for kind, head, tail in triples
    ]
    return Reply(json.dumps({"relations": named}))


def test_one_stage_is_one_call() -> None:
    extraction, asked = run(lambda r: whole(("CID", "druga", "rash"), ("CID", "DB", "rash")), stages="one")
    assert [request.step for request in asked] == ["relations.whole"]
    assert found(extraction) == [("CID", "Druga", "rash"), ("CID", "DB", "rash")]
    assert all(row["evidence"] for row in rows(extraction, "relations"))


def test_names_of_one_stage_that_are_not_in_the_text_make_no_relation() -> None:
    extraction, _ = run(lambda r: whole(("CID", "Drugx", "rash"), ("CAUSE", "Druga", "rash")), stages="one")
    assert found(extraction) == []
    assert [row["text"] for row in rows(extraction, "unlocated")] == ["Drugx"]
    assert [row["repair"] for row in rows(extraction, "repairs")] == [
        "relation of an unknown type, or between other labels, ignored"
    ]


@pytest.mark.parametrize("reply", ["", "{}", '{"relations": 3}', "null"])
def test_a_reply_of_one_stage_without_a_list_fails_the_document(reply: str) -> None:
    extraction, _ = run(lambda r: Reply(reply), stages="one")
    assert extraction.record is None
    assert [problem.kind for problem in extraction.problems] == ["AnswerError"]


def test_scenarios_can_be_left_out() -> None:
    _, asked = run(together, without="induce/causes, induce/treats")
    shown = next(r for r in asked if r.step == "relations.pairs")
    assert isinstance(shown.constraint, Choices)
    assert shown.constraint.options == ("2", "3", "4", "5", "7", "8", "9", "0")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"screen": 0.9}, "batch must be above 1"),
        ({"samples": 3, "batch": 2}, "batch must be 1"),
        ({"stages": "one", "oracle_mentions": True}, "finds the mentions itself"),
        ({"without": "induce/nope"}, "has no scenario 'induce/nope'"),
    ],
)
def test_settings_that_do_not_agree_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load("relations").prepare(settings, ENGINES)


@pytest.mark.parametrize("settings", [{"batch": 5}, {"stages": "one"}, {"novelty": True}, {"samples": 2}])
def test_a_rehearsal_walks_every_way(settings: dict[str, object]) -> None:
    job = load("relations").prepare({"vocabulary": "none", **settings}, {})
    document = Document("d1", TEXT, (Passage("text", 0, len(TEXT)),))
    extraction, asked = walk(job.flows["extract"](document), job.rehearse)
    assert extraction.problems == ()
    assert asked
