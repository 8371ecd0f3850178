"""Writer, gates, judge and reviser: who is asked what, and what becomes of it."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from apothecary.documents import Document
from apothecary.errors import AnswerError, UsageError
from apothecary.formats.combination_rows import document_of
from apothecary.formats.inputs import read_gold
from apothecary.messages import Failure, JsonSchema, Outcome, Reply, Request
from apothecary.tasks.combinations.answers import Combination
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.combinations.task import TASK
from apothecary.tasks.combinations.trace_conversion import (
    Chats,
    grpo_of_trace,
    read_grpo,
    read_sft,
    sft_of_trace,
    to_grpo,
    to_sft,
)
from apothecary.tasks.combinations.trace_roles import TraceSettings, prepare_traces
from apothecary.tasks.combinations.trace_rules import rule_completion, rule_trace
from apothecary.tasks.combinations.trace_steps import JUDGE, Judgement, Review
from apothecary.tasks.flow import Extraction

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[4] / "shared" / "data"))
SENTENCE = "In men , zincol plus aspirin improved survival ."
SPANS = [
    {"span_id": 0, "text": "zincol", "start": 9, "end": 15},
    {"span_id": 1, "text": "aspirin", "start": 21, "end": 28},
]


def row(rels: list[dict[str, object]] | None = None) -> Document:
    given = [{"class": "POS", "spans": [0, 1]}] if rels is None else rels
    values = {"doc_id": "d", "sentence": SENTENCE, "paragraph": SENTENCE, "spans": SPANS, "rels": given}
    return document_of(values, where="x.jsonl:1", line=1)


GOOD = rule_completion(example_of(row()))
BAD = GOOD.replace('"POS"', '"NEG"')


def judged(medical: int = 5, semantic: int = 5, usefulness: int = 5, comment: str = "fine") -> str:
    return json.dumps(
        {"medical": medical, "semantic": semantic, "usefulness": usefulness, "comment": comment}
    )


@dataclass
class Answered:
    """The record of a flow, its problems, and what was asked on the way."""

    extraction: Extraction
    asked: list[Request] = field(default_factory=list)

    @property
    def record(self) -> Mapping[str, object]:
        assert self.extraction.record is not None
        return self.extraction.record

    @property
    def steps(self) -> list[str]:
        return [request.step.partition(".")[2] for request in self.asked]

    @property
    def attempts(self) -> list[dict[str, object]]:
        attempts = self.record["attempts"]
        assert isinstance(attempts, list)
        return attempts


def walk(*replies: Outcome | str, settings: TraceSettings | None = None) -> Answered:
    """Answer the questions of one row in turn; a flow that asks more or less than that fails the test."""
    flow = prepare_traces(settings or TraceSettings(), {}).flows["traces"](row())
    given: Iterator[Outcome | str] = iter(replies)
    asked: list[Request] = []
    outcomes: list[Outcome] | None = None
    while True:
        try:
            requests = flow.send(outcomes) if outcomes is not None else next(flow)
        except StopIteration as finished:
            assert next(given, None) is None
            return Answered(finished.value, asked)
        asked += requests
        texts = [next(given) for _ in requests]
        outcomes = [Reply(text) if isinstance(text, str) else text for text in texts]


def test_a_good_trace_passes_in_the_first_round() -> None:
    found = walk(GOOD, judged())
    assert found.steps == ["write", "judge"]
    assert (found.record["passed"], found.record["rounds"], found.record["writer"]) == (True, 1, "write")
    scores = found.record["scores"]
    names = {"format", "medical", "semantic", "consistency", "naturalness", "usefulness"}
    assert isinstance(scores, dict)
    assert set(scores) == names
    assert set(scores.values()) == {5}


def test_what_fails_a_gate_is_never_judged_and_the_writer_is_told() -> None:
    found = walk(BAD, GOOD, judged())
    assert found.steps == ["write", "write", "judge"]
    assert "differs from the answer" in found.asked[1].messages[0].content
    assert found.attempts[0]["scores"] == {
        "format": 5,
        "consistency": 0,
        "naturalness": 5,
        "medical": 0,
        "semantic": 0,
        "usefulness": 0,
    }


@pytest.mark.parametrize("low", [{"medical": 3}, {"semantic": 3}, {"usefulness": 0}])
def test_one_score_below_the_threshold_is_another_round(low: dict[str, int]) -> None:
    found = walk(GOOD, judged(**low, comment="cite the cue"), GOOD, judged(4, 4, 4))
    assert found.record["passed"]
    assert found.record["rounds"] == 2
    retry = found.asked[2].messages[0].content
    assert "cite the cue" in retry
    assert f"{next(iter(low))}={next(iter(low.values()))}" in retry
    assert rule_trace(example_of(row())) in retry


def test_after_the_last_round_the_best_attempt_is_kept() -> None:
    found = walk(BAD, GOOD, judged(3, 5, 5), GOOD, judged(1, 1, 1))
    assert not found.record["passed"]
    assert found.record["rounds"] == 3
    scores = found.record["scores"]
    assert isinstance(scores, dict)
    assert (scores["medical"], scores["semantic"]) == (3, 5)


def test_the_reviser_takes_over_from_the_second_round() -> None:
    settings = TraceSettings(revise=True)
    found = walk(BAD, BAD, GOOD, judged(), settings=settings)
    assert found.steps == ["write", "revise", "revise", "judge"]
    assert BAD in found.asked[1].messages[0].content
    assert found.record["writer"] == "revise"


def test_a_judgement_that_cannot_be_read_fails_its_round_and_is_kept() -> None:
    found = walk(GOOD, "very nice", settings=TraceSettings(rounds=1))
    assert not found.record["passed"]
    assert found.attempts[0]["raw"] == "very nice"
    assert str(found.attempts[0]["unread"]).startswith("AnswerError: ")


@pytest.mark.parametrize("replies", [(Failure("TimedOut", "late"),), (GOOD, Failure("TimedOut", "late"))])
def test_an_engine_that_fails_leaves_the_example_open(replies: tuple[Outcome | str, ...]) -> None:
    found = walk(*replies)
    assert found.extraction.record is None
    assert [problem.kind for problem in found.extraction.problems] == ["TimedOut"]


def test_an_empty_reply_fails_the_gates_of_its_round() -> None:
    found = walk(" ", settings=TraceSettings(rounds=1))
    assert not found.record["passed"]


def test_a_cut_off_reply_fails_the_tags() -> None:
    found = walk(Reply(GOOD[:200], finish="length"), settings=TraceSettings(rounds=1))
    failures = found.attempts[0]["failures"]
    assert isinstance(failures, list | tuple)
    assert failures[0]["gate"] == "tags"


def test_later_rounds_sample_and_the_first_does_not() -> None:
    found = walk(BAD, BAD, BAD)
    assert [request.decoding.temperature for request in found.asked] == [0.0, 0.7, 0.7]
    assert len({request.decoding.seed for request in found.asked}) == 3


def test_rules_ask_nobody_and_pass_unjudged() -> None:
    found = walk(settings=TraceSettings(rules=True))
    assert found.record["passed"]
    scores = found.record["scores"]
    assert isinstance(scores, dict)
    assert (scores["format"], scores["medical"]) == (5, None)


def test_a_judge_sees_the_thinking_and_answers_in_a_schema() -> None:
    found = walk(GOOD, judged())
    prompt = found.asked[1].messages[0].content
    assert rule_trace(example_of(row())) in prompt
    assert SENTENCE in prompt
    assert isinstance(found.asked[1].constraint, JsonSchema)


def test_no_slot_is_left_open_in_any_prompt() -> None:
    found = walk(BAD, GOOD, judged(1), GOOD, judged(), settings=TraceSettings(revise=True))
    for request in found.asked:
        assert not re.search(r"\{[a-z_]+\}", request.messages[0].content)


def review() -> Review:
    return Review(example_of(row()), "text")


@pytest.mark.parametrize("prefix", ["", "score_"])
def test_a_judgement_renders_and_reads_back(prefix: str) -> None:
    judgement = Judgement(5, 4, 3, "more cues")
    text = JUDGE.render(judgement, review()).replace('"medical"', f'"{prefix}medical"')
    assert JUDGE.parse(Reply(f"```json\n{text}\n```"), review()).value == judgement


@pytest.mark.parametrize("value", ["6", "-1", "4.5", '"5"', "true", "null"])
def test_a_score_is_a_whole_number_from_0_to_5(value: str) -> None:
    with pytest.raises(AnswerError, match="medical"):
        JUDGE.parse(Reply(judged().replace('"medical": 5', f'"medical": {value}')), review())


@pytest.mark.parametrize("settings", [TraceSettings(rounds=0), TraceSettings(threshold=6)])
def test_impossible_settings_are_refused(settings: TraceSettings) -> None:
    with pytest.raises(UsageError):
        prepare_traces(settings, {})


# --- training data --------------------------------------------------------------------------------


@pytest.mark.parametrize("rels", [None, []], ids=["combined", "not combined"])
@pytest.mark.parametrize("think", [None, "[1] A\n- b"])
def test_training_rows_give_answers_back(rels: list[dict[str, object]] | None, think: str | None) -> None:
    example, chats = example_of(row(rels)), Chats(reasoning=think is not None)
    imitated = read_sft(json.loads(json.dumps(to_sft(example, think, chats))))
    rewarded = read_grpo(json.loads(json.dumps(to_grpo(example, chats))))
    assert imitated.items == rewarded.items == example.gold
    assert imitated.think == think


@pytest.mark.parametrize("reasoning", [True, False])
@pytest.mark.parametrize("drugs", ["given", "found"])
@pytest.mark.parametrize("prompt", ["full", "brief"])
def test_training_asks_what_extraction_asks(
    reasoning: bool, drugs: Literal["given", "found"], prompt: Literal["full", "brief"]
) -> None:
    """Word for word: a model is asked what it was trained on, long paragraphs cut to the same window."""
    filler = "Nothing of note happened that day . " * 20
    values = {
        "doc_id": "d",
        "sentence": SENTENCE,
        "paragraph": filler + SENTENCE + " " + filler,
        "spans": SPANS,
        "rels": [],
    }
    document = document_of(values, where="x.jsonl:1", line=1)
    chats = Chats(reasoning=reasoning, drugs=drugs, window=200, prompt=prompt)
    settings = {"ways": "text", "reasoning": reasoning, "drugs": drugs, "window": 200, "prompt": prompt}
    asked = next(TASK.prepare(settings, {}).flows["extract"](document))
    trained = to_sft(example_of(document), "[1] A" if reasoning else None, chats)["messages"]
    assert isinstance(trained, list)
    messages = [{"role": each.role, "content": each.content} for each in asked[0].messages]
    assert trained[:-1] == messages
    assert SENTENCE in messages[-1]["content"].partition("Target sentence")[0]


def test_without_reasoning_every_example_is_taken_and_answers_with_the_list_alone() -> None:
    record = walk(BAD, settings=TraceSettings(rounds=1)).record
    found = sft_of_trace(record, Chats(reasoning=False))
    assert found is not None
    chat = found["messages"]
    assert isinstance(chat, list)
    assert json.loads(chat[-1]["content"]) == [{"type": "POS", "drugs": ["zincol", "aspirin"]}]


def test_the_answer_of_a_training_row_is_the_examples_not_the_writers() -> None:
    record = dict(walk(GOOD, judged()).record) | {"answer": "[]", "output": "nonsense"}
    found = sft_of_trace(record)
    assert found is not None
    assert read_sft(found).items == (Combination("POS", ("zincol", "aspirin")),)


def test_a_failed_example_is_dropped_or_gets_a_trace_by_rule() -> None:
    record = walk(BAD, settings=TraceSettings(rounds=1)).record
    assert sft_of_trace(record) is None
    rescued = sft_of_trace(record, fallback=True)
    assert rescued is not None
    assert (rescued["trace"], read_sft(rescued).think) == ("rules", rule_trace(example_of(row())))
    assert read_grpo(grpo_of_trace(record)).items == example_of(row()).gold


@pytest.mark.slow
@pytest.mark.parametrize(
    ("corpus", "name"), [("drugcomb", "train.jsonl"), ("ddi2013", "train.rexdrug.jsonl")]
)
def test_training_rows_give_back_the_gold_of_a_whole_corpus(corpus: str, name: str) -> None:
    file = DATA / corpus / name
    if not file.exists():
        pytest.skip(f"the training part of {corpus} is not there: set APOTHECARY_DATA")
    for example in map(example_of, read_gold(file)):
        assert read_sft(to_sft(example, "[1] A")).items == example.gold
        assert read_grpo(to_grpo(example)).items == example.gold
