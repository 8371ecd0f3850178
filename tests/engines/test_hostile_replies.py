"""Replies that are anything but what was asked for: a typed result, never an exception of another kind.

What parses replies: `tests.hostile.replies`. Scripts, caches, manifests and model.json are files: they are
damaged with the others in `tests/formats/test_hostile.py`.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apothecary.engines.chat import Dialect
from apothecary.engines.http import reason_of
from apothecary.engines.scripted import read_script
from apothecary.errors import ApothecaryError, EngineError, FormatError
from apothecary.formats import jsonl, records
from apothecary.messages import (
    Constraint,
    LabelProbabilities,
    Reply,
    SetProbabilities,
    TaggedSpan,
    TaggedSpans,
    Usage,
    Value,
)
from apothecary.runs.driver import Result
from apothecary.runs.folder import RunFolder
from apothecary.tasks import catalog
from apothecary.tasks.flow import ScoreOptions
from tests.hostile.edits import KINDS, TOKENS, WRONG, Edit, edited, variants
from tests.hostile.readers import reader
from tests.hostile.replies import CONSTRAINTS, PARSERS, SEEDS, answered, extracted, probed, steps

STEPS = steps()
LONG_NUMBER = "9" * 5000
DEEP = "[" * 10_000

numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, -1e308, math.nan])
texts = st.text(max_size=20) | st.sampled_from(
    ["\ud800", "0", "1", "</think>", "Druga", "\0", "stop", "length"]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
edits = st.builds(
    Edit, st.sampled_from(KINDS), st.integers(0, 500), st.sampled_from((1, 3, 20)), st.sampled_from(TOKENS)
)
quick = settings(deadline=None, max_examples=40, derandomize=True)


def is_typed(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ApothecaryError as error:
        assert "\n" not in str(error)
    return True


@pytest.mark.parametrize("name", PARSERS)
@quick
@given(st.text(max_size=200) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Mn", "So"]), max_size=50))
def test_any_text_is_a_value_or_an_error(name: str, text: str) -> None:
    assert is_typed(PARSERS[name], text)


@pytest.mark.parametrize("name", PARSERS)
@quick
@given(st.sampled_from(SEEDS), st.lists(edits, max_size=4))
def test_a_damaged_reply_is_a_value_or_an_error(name: str, seed: str, changes: list[Edit]) -> None:
    kept = [each for each in changes if len(each.token) < 5000]
    assert is_typed(PARSERS[name], edited(seed.encode(), kept).decode("utf-8", "surrogateescape"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "text",
    [
        *(
            DEEP,
            DEEP + "]" * 10_000,
            '{"a":' * 10_000,
            '{"Chemical": [' * 5000,
            "```" * 50_000,
            "," * 200_000,
        ),
        *("<think>" * 50_000, "Answer: " * 50_000, " " * 200_000 + "x", '"' * 100_001, "\\" * 100_001),
        *(
            '{"Chemical": ["' + "a" * 500_000,
            '{"Chemical": []' + ', "Chemical": []' * 20_000 + "}",
            "\n" * 200_000,
        ),
        *('{"Chemical": [NaN, Infinity, -Infinity, 1e999], "Disease": [null]}', "-" * 200_000),
    ],
    ids=lambda text: text[:12],
)
def test_a_long_or_deep_reply_takes_no_time(name: str, text: str) -> None:
    assert is_typed(PARSERS[name], text)


@pytest.mark.parametrize("name", ["JSON answer", "mentions"])
def test_a_long_number_in_a_reply_is_an_error(name: str) -> None:
    assert is_typed(PARSERS[name], f'{{"Chemical": [{LONG_NUMBER}]}}')


@pytest.mark.timeout(3, func_only=True)
def test_a_reply_with_more_names_than_were_asked_for_takes_no_time() -> None:
    extracted("mentions", [Reply(json.dumps({"Chemical": [f"drugax {n} number" for n in range(200_000)]}))])


# What an engine without a language model may say, or a cache hold.

values: st.SearchStrategy[Value] = (
    st.builds(
        TaggedSpans,
        st.lists(
            st.builds(
                TaggedSpan,
                st.integers(-5, 200),
                st.integers(-5, 200),
                st.sampled_from(["Chemical", "Nothing"]),
                st.floats(),
            ),
            max_size=3,
        ).map(tuple),
    )
    | st.builds(LabelProbabilities, st.dictionaries(st.sampled_from(["CID", "none", "="]), st.floats()))
    | st.just(SetProbabilities(()))
)
logprobs = st.none() | st.dictionaries(st.sampled_from(["0", "1", "=", "~", "?"]), st.floats())
replies = st.builds(
    Reply,
    st.sampled_from([*SEEDS, "0", "=", "1"]) | texts,
    st.none() | values,
    logprobs,
    st.just(Usage()),
    st.sampled_from(["stop", "length"]),
)


@pytest.mark.parametrize("name", STEPS)
@quick
@given(reply=replies)
def test_any_reply_to_a_step_is_a_value_or_an_error(name: str, reply: Reply) -> None:
    try:
        STEPS[name](reply)
    except ApothecaryError as error:
        assert str(error)


@pytest.mark.parametrize("task", ["mentions", "relations"])
@quick
@given(said=st.lists(replies, min_size=1, max_size=4))
def test_a_document_with_hostile_replies_is_a_record_or_problems(task: str, said: list[Reply]) -> None:
    try:
        extraction = extracted(task, said)
    except ApothecaryError:
        return
    assert extraction.problems or extraction.record is not None
    assert all("\n" not in problem.message for problem in extraction.problems)


@pytest.mark.parametrize(
    "reply",
    [
        Reply('{"Chemical": ["\\ud800"], "Disease": []}'),
        Reply("0", logprobs={"0": -1e308, "1": 1e308}),
        Reply("", value=TaggedSpans((TaggedSpan(0, 5, "Chemical", math.nan),))),
    ],
    ids=["half a character", "log-probabilities without bound", "a probability that is none"],
)
def test_what_a_run_writes_can_be_read_again(reply: Reply, tmp_path: Path) -> None:
    found = extracted("relations", [Reply(SEEDS[0]), reply] if reply.logprobs else [reply])
    folder = RunFolder(tmp_path / "run")
    with folder.opened({"fingerprint": "f"}, fresh=True):
        folder.write(Result("d1", found.record, found.problems))
    assert [type(row) for row in jsonl.read_rows(tmp_path / "run" / "predictions.jsonl")] == [tuple]


@pytest.mark.parametrize("number", ["1" * 400, "NaN", "1e999", "-Infinity"])
def test_a_script_with_a_number_that_is_none_is_refused(number: str, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(f'{{"reply": "0", "logprobs": {{"0": {number}}}}}\n')
    with pytest.raises(FormatError, match="s.jsonl:1: 'logprobs'"):
        read_script(tmp_path / "s.jsonl")


# What a server may say.


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=list(CONSTRAINTS))
@quick
@given(body=anything)
@example(body={"choices": [{"message": {"content": DEEP}}]})
@example(body={"choices": [{"message": {"content": LONG_NUMBER}}]})
@example(
    body={"choices": [{"message": {"content": [{"text": 5}, {"text": "0"}]}, "logprobs": 5}], "usage": []}
)
def test_any_response_is_a_reply_or_an_error(constraint: Constraint | None, body: object) -> None:
    try:
        assert answered(body, constraint).text.strip()
    except ApothecaryError as error:
        assert str(error)


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=list(CONSTRAINTS))
def test_a_field_of_the_wrong_type_in_a_response_is_a_reply_or_an_error(
    constraint: Constraint | None,
) -> None:
    for body in variants(json.loads(SEEDS[-2]), [*WRONG, 10**400, math.nan, "\ud800"]):
        try:
            usage = answered(body, constraint).usage
        except ApothecaryError:
            continue
        assert min(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) >= 0


@quick
@given(
    st.binary(max_size=100) | anything.map(lambda value: json.dumps(value).encode()), st.integers(200, 599)
)
def test_a_server_that_says_anything_is_opened_or_refused(text: bytes, status: int) -> None:
    try:
        assert isinstance(probed(text, status), Dialect)
    except EngineError as error:
        assert "\n" not in str(error)


def test_a_server_that_always_says_the_same_is_opened_without_abilities() -> None:
    dialect = probed(SEEDS[-2].encode())
    assert (dialect.schema, dialect.choice, dialect.tokens_ratio) == (False, "none", 0.0)


@quick
@given(st.binary(max_size=100))
def test_the_reason_of_a_refusal_is_one_printable_line(data: bytes) -> None:
    assert reason_of(data).isprintable()


# What a file of predictions may hold, which `score` and `fit` read as replies of a run.

GOLD = records.from_record(json.loads(reader("records").seed), where="gold")


def judged(task: str, record: Mapping[str, object], *, fit: bool = False) -> None:
    chosen = catalog.load(task)
    try:
        if not fit:
            chosen.score([(GOLD, record)], ScoreOptions(resamples=1, list_errors=True))
        elif chosen.fit:
            chosen.fit([(GOLD, record)], None)
    except ApothecaryError as error:
        assert "\n" not in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["mentions", "relations"])
def test_a_prediction_of_the_wrong_type_is_scored_or_an_error(task: str) -> None:
    for record in variants(json.loads(reader("predictions").seed), [*WRONG[::3], 10**400]):
        if isinstance(record, dict):
            judged(task, record)


@pytest.mark.slow
def test_odds_of_the_wrong_type_are_fitted_or_an_error() -> None:
    for record in variants(json.loads(reader("predictions").seed), [*WRONG, 10**400]):
        if isinstance(record, dict):
            judged("relations", record, fit=True)
