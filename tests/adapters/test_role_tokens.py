"""Roles of characters to roles of tokens."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast
from transformers.tokenization_python import PythonBackend

from apothecary.adapters.role_batch import RoleRow, collate
from apothecary.adapters.role_tokens import encode_with_roles, random_roles, rendered_spans, token_roles
from apothecary.errors import DataError, OffsetError, UsageError
from apothecary.messages import RoleSpan
from tests.engines.tiny_causal import tiny_causal

SHARED = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[2].parent / "shared" / "data")).parent
VECTORS = SHARED / "vectors" / "condition_roles.json"
NUMBERS = {"drug": 1, "disease": 2}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    folder = tiny_causal(tmp_path_factory.mktemp("model"))
    return PreTrainedTokenizerFast.from_pretrained(folder)  # type: ignore[no-any-return]


@pytest.mark.skipif(not VECTORS.exists(), reason="no shared vectors")
def test_tokens_get_the_roles_that_the_source_gives_them() -> None:
    for case in json.loads(VECTORS.read_text())["tagging"]:
        named = ((1, case["drug"]), (2, case["disease"]))
        hits = [
            (role, hit) for role, name in named for hit in re.finditer(re.escape(name), case["text"], re.I)
        ]
        spans = [(hit.start(), hit.end(), role) for role, hit in hits]
        offsets = [(start, end) for start, end in case["offsets"]]
        assert list(token_roles(offsets, spans)) == case["role_ids"], case["name"]


@given(
    st.lists(st.integers(0, 4), max_size=30),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(1, 2)), max_size=6),
)
@settings(deadline=None, max_examples=50)
def test_a_token_plays_the_role_of_the_first_span_it_touches(
    widths: Sequence[int], drawn: Sequence[tuple[int, int, int]]
) -> None:
    spans = [(start, start + length, role) for start, length, role in drawn]
    offsets = [(sum(widths[:place]), sum(widths[: place + 1])) for place in range(len(widths))]
    found = token_roles(offsets, spans)
    for (start, end), role in zip(offsets, found, strict=True):
        touching = [r for s, e, r in spans if start < e and s < end and end > start]
        assert role == (touching[0] if touching else 0)


def test_special_tokens_and_blanks_in_front_are_seen_to() -> None:
    offsets = [(0, 0), (0, 7), (7, 12), (12, 13), (0, 0)]
    assert token_roles(offsets, [(8, 12, 2)]) == (0, 0, 2, 0, 0)


def test_pieces_of_one_character_all_get_its_role() -> None:
    assert token_roles([(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)], [(1, 2, 1)]) == (0, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("offsets", "spans", "error"),
    [
        ([(0, 3)], [(2, 2, 1)], OffsetError),
        ([(0, 3)], [(-1, 2, 1)], OffsetError),
        ([(0, 3)], [(0, 2, 0)], UsageError),
        ([(3, 5), (0, 3)], [(0, 2, 1)], DataError),
    ],
)
def test_what_makes_no_sense_is_refused(
    offsets: list[tuple[int, int]], spans: list[tuple[int, int, int]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        token_roles(offsets, spans)


def test_a_text_is_tokenised_with_its_roles(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "Aspirin caused β-asthma in ten patients."
    found = encode_with_roles(tokenizer, text, [(0, 7, 1), (15, 23, 2)])
    assert list(found.ids) == tokenizer.encode(text, add_special_tokens=False)
    for role, words in ((1, "Aspirin"), (2, "β-asthma")):
        tagged = [token for token, own in zip(found.ids, found.roles, strict=True) if own == role]
        assert str(tokenizer.decode(tagged)).strip() == words
    with pytest.raises(OffsetError, match="beyond the text"):
        encode_with_roles(tokenizer, text, [(0, 99, 1)])


class Slow(PythonBackend):
    """A tokenizer of the slow kind."""

    vocab_size = 0

    def get_vocab(self) -> dict[str, int]:
        return {}


def test_a_tokenizer_without_offsets_is_refused() -> None:
    with pytest.raises(UsageError, match="where its tokens stand"):
        encode_with_roles(Slow(), "Aspirin", [])  # type: ignore[no-untyped-call]


def chat(contents: Sequence[str]) -> str:
    return "".join(f"<|user|>{each.strip()}<|end|>" for each in contents) + "<|assistant|>"


def test_spans_of_messages_are_found_in_the_text_of_a_template() -> None:
    contents = [" About user and end.", "\nAspirin for asthma? \n"]
    spans = [RoleSpan(1, 1, 8, "drug"), RoleSpan(1, 13, 19, "disease"), RoleSpan(0, 1, 6, "drug")]
    text = chat(contents)
    found = rendered_spans(chat, contents, spans, NUMBERS)
    assert [(text[start:end], role) for start, end, role in found] == [
        ("Aspirin", 1),
        ("About", 1),
        ("asthma", 2),
    ]


def test_a_token_that_two_spans_share_is_the_drug() -> None:
    spans = [RoleSpan(0, 0, 7, "disease"), RoleSpan(0, 7, 12, "drug")]
    found = rendered_spans("".join, ["streptomycin"], spans, NUMBERS)
    assert token_roles([(0, 12)], found) == (1,)


@given(st.lists(st.text("ab <|usernd>\n", max_size=12), min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=50)
def test_a_span_is_found_whatever_the_messages_look_like(contents: list[str], strips: bool) -> None:
    def render(given: Sequence[str]) -> str:
        return chat(given) if strips else "[" + " ".join(given) + "]"

    for place, content in enumerate(contents):
        inner = content.strip()
        if inner:
            start = content.index(inner)
            span = RoleSpan(place, start, start + len(inner), "drug")
            ((begin, end, _),) = rendered_spans(render, contents, [span], NUMBERS)
            assert render(contents)[begin:end] == inner


@pytest.mark.parametrize(
    ("span", "error", "message"),
    [
        (RoleSpan(2, 0, 1, "drug"), OffsetError, "no message 2"),
        (RoleSpan(0, 0, 99, "drug"), OffsetError, "outside message 0"),
        (RoleSpan(0, 0, 2, "drug"), OffsetError, "stripped from message 0"),
        (RoleSpan(0, 1, 2, "gene"), UsageError, "'gene' has no number"),
    ],
)
def test_spans_that_cannot_be_placed_are_refused(
    span: RoleSpan, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rendered_spans(chat, [" aspirin", "asthma"], [span], NUMBERS)


def test_a_template_that_changes_messages_is_refused() -> None:
    for render in (
        lambda given: " ".join(each.upper() for each in given),
        lambda given: " ".join(each[:3] for each in given),
        lambda given: " ".join([*given, *given]),
        lambda given: "nothing",
    ):
        with pytest.raises(DataError, match="changes the messages"):
            rendered_spans(render, ["aspirin"], [RoleSpan(0, 0, 7, "drug")], NUMBERS)


def test_random_roles_are_those_of_their_example() -> None:
    drawn = random_roles(300, example="17:2", seed=1)
    assert drawn == random_roles(300, example="17:2", seed=1)
    assert set(drawn) == {0, 1, 2}
    others = [
        random_roles(300, example="17:3", seed=1),
        random_roles(300, example="17:2", seed=2),
        random_roles(300, example="17:2", seed=1, step=0),
        random_roles(300, example="17:2", seed=1, step=1),
    ]
    assert len({drawn, *others}) == 5


def test_a_conversation_becomes_a_row_by_the_template_of_a_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    contents = ["Aspirin caused asthma. Which conditions?"]
    spans = [RoleSpan(0, 0, 7, "drug"), RoleSpan(0, 15, 21, "disease")]

    def render(given: Sequence[str]) -> str:
        turns = [{"role": "user", "content": each} for each in given]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    prompt = encode_with_roles(tokenizer, render(contents), rendered_spans(render, contents, spans, NUMBERS))
    row = RoleRow(prompt.ids, prompt.roles, tuple(tokenizer.encode("Aspirin", add_special_tokens=False)))
    batch = collate([row, RoleRow((3,), (0,))], padding=0)
    tagged = batch.input_ids[0][batch.role_ids[0] == 1].tolist()
    assert str(tokenizer.decode(tagged)) == "Aspirin"
    assert not batch.role_ids[0, len(prompt.ids) :].any()
