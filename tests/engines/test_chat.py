"""Requests as chat completions, and responses as replies."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.engines.chat import (
    THINKING_TOKENS,
    ChoiceForm,
    Dialect,
    Unusable,
    read_reply,
    request_body,
    rough_tokens,
)
from apothecary.engines.http import TRUNCATED_BELOW
from apothecary.errors import EngineError
from apothecary.messages import Choices, Constraint, Decoding, JsonSchema, Message, Reply, Request

SCHEMA = '{"type":"object","properties":{"drug":{"type":"string"}},"required":["drug"]}'
CODES = ("1", "2", "~")


def request(constraint: Constraint | None = None, *, logprobs: bool = False) -> Request:
    return Request((Message("user", "Which?"),), "t.s", None, constraint, Decoding(50), logprobs)


def response(content: object, *tokens: object, finish: str = "stop", **message: object) -> dict[str, object]:
    choice: dict[str, object] = {"message": {"content": content, **message}, "finish_reason": finish}
    if tokens:
        choice["logprobs"] = {"content": list(tokens)}
    return {"choices": [choice]}


def token(text: str, **others: float) -> dict[str, object]:
    return {"token": text, "top_logprobs": [{"token": t, "logprob": v} for t, v in others.items()]}


def read(given: object, constraint: Constraint | None = None, dialect: Dialect | None = None) -> Reply:
    wanted = isinstance(constraint, Choices)
    return read_reply(given, request(constraint, logprobs=wanted), dialect or Dialect(), 1.5)


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("structured_outputs", {"structured_outputs": {"choice": ["a.b", 'c"']}}),
        ("guided_choice", {"guided_choice": ["a.b", 'c"']}),
        ("grammar", {"grammar": 'root ::= "a.b" | "c\\""'}),
        ("regex", {"regex": r'(a\.b|c")'}),
        ("none", {}),
    ],
)
def test_codes_are_asked_for_in_the_form_of_the_server(form: ChoiceForm, fields: dict[str, object]) -> None:
    plain = request_body(request(), "m", Dialect())
    assert request_body(request(Choices(("a.b", 'c"'))), "m", Dialect(choice=form)) == plain | fields


def test_codes_as_json_are_an_enumeration() -> None:
    body = request_body(request(Choices(CODES)), "m", Dialect(choice="json"))
    form = body["response_format"]
    assert isinstance(form, dict)
    assert form["json_schema"]["schema"] == {"type": "string", "enum": list(CODES)}


def test_a_schema_is_sent_only_where_it_is_held() -> None:
    assert "response_format" in request_body(request(JsonSchema(SCHEMA)), "m", Dialect())
    assert "response_format" not in request_body(request(JsonSchema(SCHEMA)), "m", Dialect(schema=False))


def test_log_probabilities_are_asked_for_only_where_they_are_told() -> None:
    asked = request(Choices(CODES), logprobs=True)
    assert request_body(asked, "m", Dialect())["top_logprobs"] == 20
    assert "logprobs" not in request_body(asked, "m", Dialect(logprobs=0))


def test_a_model_that_cannot_but_think_has_room_for_it() -> None:
    loud = Dialect(thinking=True)
    assert request_body(request(), "m", loud)["max_tokens"] == 50 + THINKING_TOKENS
    quiet = request_body(request(), "m", replace(loud, quiet=(("think", False),)))
    assert (quiet["max_tokens"], quiet["think"]) == (50, False)


def test_the_seed_of_the_run_is_added_to_that_of_the_request() -> None:
    asked = replace(request(), decoding=Decoding(5, 0.7, 3, ("\n",)))
    body = request_body(asked, "m", Dialect(), 10)
    assert (body["seed"], body["temperature"], body["stop"]) == (13, 0.7, ["\n"])


@pytest.mark.parametrize("schema", ["nonsense", "true", "[" * 100_000])
def test_a_schema_that_is_none_is_an_error(schema: str) -> None:
    with pytest.raises(EngineError, match="the schema of the request is no JSON"):
        request_body(request(JsonSchema(schema)), "m", Dialect())


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ('{"type": "nothing"}', "is no JSON schema"),
        ('{"pattern": "("}', "is no JSON schema"),
        ('{"$ref": "http://localhost:1/x"}', "refers to what is not in it"),
        ('{"$ref": "#/$defs/none"}', "refers to what is not in it"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_an_error(schema: str, fault: str) -> None:
    with pytest.raises(EngineError, match=fault):
        read(response('"x"'), JsonSchema(schema))


@pytest.mark.parametrize("content", ["2", " 2\n", '"2"', ' "2" ', '"\\u0032"'])
def test_a_code_is_read_plain_and_as_a_json_string(content: str) -> None:
    assert read(response(content), Choices(CODES)).text == "2"


@pytest.mark.parametrize("code", [" a ", '"x"', '"'])
def test_a_code_with_blanks_or_quotes_is_read_as_it_stands(code: str) -> None:
    assert read(response(code), Choices((code, "b"))).text == code


def test_content_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "image"}, {"text": 7}, "x", {"text": "two"}]
    assert read(response(parts)).text == "one two"


TOLD = {"1": -0.5, "2": -1.5, "~": -2.5}
JSON_TOLD = {'"1': -0.5, " 2": -1.5, "~": -2.5}


@pytest.mark.parametrize(
    "tokens",
    [
        [token("2", **TOLD)],
        [token('"', x=-0.1), token("2", **TOLD), token('"', x=-0.1)],
        [token('"2', **JSON_TOLD), token('"', x=-0.1)],
        [token(" ", x=-0.1), token("2", **TOLD)],
        [token(" 2", **JSON_TOLD)],
        [token("<think>"), token("2", x=-0.1), token("</think>"), token("\n\n"), token("2", **TOLD)],
        [token("2", **TOLD), token("<|end2|>", x=-0.1)],
    ],
    ids=["alone", "quote", "quoted", "blank", "blank before", "thoughts", "end mark"],
)
def test_log_probabilities_are_those_where_the_answer_begins(tokens: list[object]) -> None:
    assert read(response("2", *tokens), Choices(CODES)).logprobs == TOLD


@pytest.mark.parametrize("told", [[], [{"token": "\ufffd"}], [{"token": "2"}], [7, None], "2", {}])
def test_without_tokens_that_fit_no_log_probabilities_are_told(told: object) -> None:
    given = response("2")
    given["choices"][0]["logprobs"] = {"content": told}  # type: ignore[index]
    assert read(given, Choices(CODES)).logprobs is None


def test_codes_that_are_not_among_the_alternatives_are_no_tie() -> None:
    assert read(response("2", token("2", Yes=-0.1, No=-0.2)), Choices(CODES)).logprobs is None


def test_log_probabilities_that_are_none_are_left_out() -> None:
    odd = {"1": math.nan, "2": -1.0, "~": -math.inf, "x": 10**400}
    assert read(response("2", token("2", **odd)), Choices(CODES)).logprobs == dict.fromkeys(CODES, -1.0)


def test_codes_that_begin_with_the_same_token_are_an_error() -> None:
    with pytest.raises(EngineError, match="begin with the same token"):
        read(response("10", token("1", **{"1": -0.1}), token("0")), Choices(("10", "11")))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_stay_in_front_of_a_free_reply(name: str) -> None:
    given = response("So.", **{name: "Hm."})
    assert read(given).text == "<think>Hm.</think>\nSo."


@pytest.mark.parametrize("content", ["<think>Hm.</think>\nSo.", "\n<think>Hm, and no end"])
def test_a_free_reply_with_thoughts_in_it_stays_as_it_is(content: str) -> None:
    assert read(response(content)).text == content


def test_thoughts_whose_first_tag_the_template_wrote_get_it_back() -> None:
    assert read(response("Hm.</think>\n\nSo.")).text == "<think>Hm.</think>\nSo."


@pytest.mark.parametrize("before", ["<think>a 1\n</think>\n\n", "\n<think></think>", "So 1.\n</think>\n"])
def test_a_constrained_reply_is_the_answer_alone(before: str) -> None:
    assert read(response(before + "1"), Choices(CODES)).text == "1"
    assert read(response(before + '{"drug": "x"}'), JsonSchema(SCHEMA)).text == '{"drug": "x"}'
    assert read(response("1", reasoning_content="2"), Choices(CODES)).text == "1"


def test_a_tag_within_a_value_is_no_thought() -> None:
    content = '{"drug": "<think>x</think>"}'
    assert read(response(content), JsonSchema(SCHEMA)).text == content


def test_usage_that_is_missing_or_nonsense_counts_nothing() -> None:
    usage = read(response("x")).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.seconds) == (0, 0, 1.5)
    odd = response("x") | {"usage": {"prompt_tokens": "7", "completion_tokens": -1}}
    assert read(odd).usage == usage


def test_usage_tells_what_came_from_the_prefix_cache() -> None:
    told = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    usage = read(response("x") | {"usage": told}).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (9, 4, 2)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (response(None, refusal="No."), "refused to answer"),
        (response("x", finish="content_filter"), "refused to answer"),
        (response(""), "wrote nothing"),
        (response(None), "wrote nothing"),
        (response([]), "wrote nothing"),
        (response(" \n", finish="length"), "spent all its tokens on thinking"),
        (response(None, finish="length", reasoning="Hm"), "spent all its tokens on thinking"),
        ({"error": {"message": "overloaded"}}, "gave no message"),
        ({"choices": []}, "gave no message"),
    ],
)
def test_what_is_no_answer_says_why(given: object, fault: str) -> None:
    with pytest.raises(Unusable, match=fault) as caught:
        read(given)
    assert caught.value.reply is None


def test_thoughts_without_end_are_no_answer_to_a_constrained_request() -> None:
    with pytest.raises(Unusable, match="spent all its tokens on thinking"):
        read(response("<think>1 or 2", finish="length"), Choices(CODES))


@pytest.mark.parametrize(
    ("content", "constraint"),
    [("3", Choices(CODES)), ('{"drug": 1}', JsonSchema(SCHEMA)), ("[" * 100_000, JsonSchema(SCHEMA))],
)
def test_a_breach_carries_what_was_written(content: str, constraint: Constraint) -> None:
    with pytest.raises(Unusable) as caught:
        read(response(content), constraint)
    assert caught.value.reply is not None
    assert caught.value.reply.text == content


def test_a_reply_that_is_cut_off_is_not_judged_by_its_schema() -> None:
    reply = read(response('{"drug": "asp', finish="length"), JsonSchema(SCHEMA))
    assert (reply.text, reply.finish) == ('{"drug": "asp', "length")


def test_a_server_is_not_held_to_what_it_does_not_know() -> None:
    free = Dialect(schema=False, choice="none")
    assert read(response("The second."), Choices(CODES), free).text == "The second."
    assert read(response("none"), JsonSchema(SCHEMA), free).text == "none"


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
NAMES = ("choices", "message", "content", "refusal", "finish_reason", "reasoning", "logprobs", "usage")
names = st.sampled_from([*NAMES, "token", "top_logprobs", "text", "prompt_tokens"])
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
tokens = st.lists(
    st.fixed_dictionaries(
        {"token": json_values | st.sampled_from(["1", "2", '"']), "top_logprobs": json_values}
    )
    | json_values,
    max_size=4,
)
responses = json_values | st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries(
                        {"content": json_values | st.sampled_from(["1", '"2"'])}
                    ),
                    "logprobs": st.fixed_dictionaries({"content": tokens}),
                },
                optional={"finish_reason": leaves},
            ),
            max_size=2,
        )
    },
    optional={"usage": json_values},
)


@settings(deadline=None, max_examples=200)
@given(responses, st.sampled_from([None, Choices(CODES), JsonSchema(SCHEMA)]))
def test_any_json_is_a_reply_or_unusable(given: object, constraint: Constraint | None) -> None:
    try:
        reply = read(given, constraint)
    except (Unusable, EngineError):
        return
    assert reply.text.strip()
    json.dumps([reply.text, reply.logprobs, reply.usage.prompt_tokens], allow_nan=False)


@given(st.text(max_size=60), st.text(max_size=60))
def test_more_text_is_not_fewer_tokens(first: str, second: str) -> None:
    assert rough_tokens(f"{first} {second}") == rough_tokens(first) + rough_tokens(second)


# Counts of the tokenizers of Qwen2.5 and of SmolLM2, which both make 1.137 tokens of each of ours of the
# passage that servers are probed with.
@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("The morning bus was late again, so the two painters walked along the river.", (16, 16)),
        ("阿司匹林可引起皮疹患者于用药三天后出现全身瘙痒。", (18, 51)),
        ("Administration of acetaminophen significantly decreased complications.", (10, 9)),
        ('{"drugs": [{"name": "aspirin", "spans": [[0, 7]]}], "found": true}', (28, 29)),
        ("| --- | --- |\n| a | b |\n==========", (11, 14)),
        ("INR 2.5 -> 4.1 (p < 0.001; n = 1,204)", (30, 30)),
    ],
)
def test_tokens_are_guessed_low_in_any_script(text: str, counts: tuple[int, int]) -> None:
    assert min(counts) >= TRUNCATED_BELOW * 1.137 * rough_tokens(text)
    assert rough_tokens(text) >= 0.6 * min(counts)
