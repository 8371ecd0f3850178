"""Requests and replies as JSON."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apothecary.engines.wire import reply_from_json, reply_to_json, request_to_json
from apothecary.errors import FormatError
from apothecary.messages import (
    Choices,
    Choose,
    Decoding,
    Grammar,
    JsonSchema,
    LabelPair,
    LabelProbabilities,
    LabelSet,
    Message,
    Reply,
    Request,
    RoleSpan,
    SetProbabilities,
    SoftToken,
    TaggedSpan,
    TaggedSpans,
    TagSpans,
    Usage,
)

# Lone surrogates included: broken files and broken models write them.
texts = st.text(max_size=8)
counts = st.integers(0, 10**6)
floats = st.floats(allow_nan=False, allow_infinity=False)
names = st.lists(texts, max_size=3).map(tuple)
offsets = st.tuples(counts, counts)
spans = st.lists(offsets, max_size=3).map(tuple)
labelled = st.builds(LabelProbabilities, st.dictionaries(texts, floats, max_size=3))
values = (
    st.none()
    | st.builds(
        TaggedSpans,
        st.lists(st.builds(TaggedSpan, counts, counts, texts, floats), max_size=3).map(tuple),
    )
    | labelled
    | st.builds(SetProbabilities, st.lists(labelled, max_size=3).map(tuple))
)
replies = st.builds(
    Reply,
    text=texts,
    value=values,
    logprobs=st.none() | st.dictionaries(texts, floats, max_size=3),
    usage=st.builds(Usage, counts, counts, counts, floats, st.booleans()),
    finish=st.sampled_from(["stop", "length"]),
)
inputs = (
    st.none()
    | st.builds(TagSpans, texts, names)
    | st.builds(LabelPair, texts, spans, spans, names)
    | st.builds(LabelSet, texts, spans, st.lists(st.lists(counts, max_size=2).map(tuple)).map(tuple), names)
    | st.builds(Choose, texts, names)
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "messages": st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts), max_size=2
    ).map(tuple),
    "step": texts,
    "input": inputs,
    "constraint": st.none()
    | st.builds(JsonSchema, texts)
    | st.builds(Grammar, texts)
    | st.builds(Choices, names),
    "decoding": st.builds(Decoding, counts, st.floats(0, 2), counts, names),
    "want_logprobs": st.booleans(),
    "roles": st.lists(st.builds(RoleSpan, counts, counts, counts, texts), max_size=2).map(tuple),
    "soft_tokens": st.lists(st.builds(SoftToken, texts, names), max_size=2).map(tuple),
}
requests = st.builds(Request, **fields)


@given(replies)
def test_a_reply_comes_back_as_it_was(reply: Reply) -> None:
    assert reply_from_json(reply_to_json(reply)) == reply


@given(requests, st.sampled_from(sorted(fields)), st.data())
def test_any_other_field_makes_another_text(request: Request, field: str, data: st.DataObject) -> None:
    change: dict[str, Any] = {field: data.draw(fields[field])}
    other = replace(request, **change)
    assume(other != request)
    assert request_to_json(other) != request_to_json(request)


@given(requests)
def test_equal_requests_have_equal_texts(request: Request) -> None:
    assert request_to_json(replace(request)) == request_to_json(request)
    json.loads(request_to_json(request))


@given(texts, names)
def test_kinds_with_the_same_fields_differ(text: str, options: tuple[str, ...]) -> None:
    def asked(given: TagSpans | LabelPair | Choose) -> str:
        return request_to_json(Request((), "a.b", input=given))

    kinds = (TagSpans(text, options), LabelPair(text, (), (), options), Choose(text, options))
    assert len({asked(kind) for kind in kinds}) == len(kinds)


def test_schema_and_grammar_of_one_text_differ() -> None:
    both = [Request((), "a.b", constraint=JsonSchema("{}")), Request((), "a.b", constraint=Grammar("{}"))]
    assert len({request_to_json(request) for request in both}) == 2


def test_options_keep_their_order() -> None:
    reply = reply_from_json(reply_to_json(Reply("b", logprobs={"b": -1.0, "a": -1.0})))
    assert list(reply.logprobs or ()) == ["b", "a"]


def test_mappings_of_any_kind_can_be_stored() -> None:
    odds = MappingProxyType({"a": -0.5})
    reply = Reply("a", LabelProbabilities(odds), logprobs=odds)
    assert reply_from_json(reply_to_json(reply)).logprobs == {"a": -0.5}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"txt": "a"}', '{"text": 3}', "[" * 100_000])
def test_what_is_no_reply_is_a_format_error(text: str) -> None:
    with pytest.raises(FormatError, match="not a stored reply"):
        reply_from_json(text)
