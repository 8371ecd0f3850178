"""Role-conditioned adapters in the engine of transformers, on a tiny random model."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra 'train' is not installed")
pytest.importorskip("llguidance", reason="the extra 'train' is not installed")
pytest.importorskip("peft", reason="the extra 'train' is not installed")

from peft import PeftModel
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from apothecary.adapters.role_batch import RoleRow, write_answers
from apothecary.adapters.role_files import load_role_adapter
from apothecary.adapters.role_tokens import encode_with_roles
from apothecary.align.roles import ROLES
from apothecary.engines.hf import HfOptions, HuggingFace, open_hf
from apothecary.engines.hf_roles import RoleReader
from apothecary.errors import EngineError
from apothecary.messages import (
    Choices,
    Constraint,
    Decoding,
    Failure,
    Grammar,
    Message,
    Outcome,
    Reply,
    Request,
    RoleSpan,
)
from tests.engines.tiny_causal import tiny_causal
from tests.engines.tiny_roles import reader, role_adapter, role_model

OPTIONS = ("1", "2", "~")
ALIKE = ("yes", "yesterday", "no")
BEGINNING = "Forty patients, ten of them children, were seen. "
PAIR = {"drug": "zincol", "disease": "fever"}
TEXTS = ("zincol?", "Was zincol, or mirazol, given for fever?", f"{BEGINNING}zincol lowers fever; so zincol")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return role_adapter(base, base.parent / "adapter")


@pytest.fixture(scope="module")
def whole(base: Path, adapter: Path) -> Path:
    return role_model(base, adapter, base.parent / "whole")


@pytest.fixture(scope="module")
def engine(base: Path, adapter: Path) -> Iterator[HuggingFace]:
    opened = open_hf(
        str(base), name="hf:tiny", adapter=adapter, options=HfOptions(threads=1, batch=4, roles=reader)
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def library(base: Path, adapter: Path) -> PeftModel:
    return load_role_adapter(LlamaForCausalLM.from_pretrained(base), adapter)


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerFast:
    found: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(base)
    return found


def request(
    text: str, named: Mapping[str, str], constraint: Constraint | None = None, *, tokens: int = 12
) -> Request:
    spans = [
        RoleSpan(0, *found.span(), role) for role, name in named.items() for found in re.finditer(name, text)
    ]
    wants = isinstance(constraint, Choices)
    return Request(
        (Message("user", text),), "t.s", None, constraint, Decoding(tokens), wants, roles=tuple(spans)
    )


def ask(engine: HuggingFace, asked: Request) -> Outcome:
    (outcome,) = engine.answer([asked])
    return outcome


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


def same(first: Outcome, second: Outcome) -> bool:
    one, other = reply(first), reply(second)
    near = dict(one.logprobs or {}) == pytest.approx(dict(other.logprobs or {}), abs=1e-4)
    return near and (one.text, one.finish) == (other.text, other.finish)


def row(tokenizer: PreTrainedTokenizerFast, asked: Request) -> RoleRow:
    before = "<|user|>"
    text = f"{before}{asked.messages[0].content}<|end|><|assistant|>"
    spans = [
        (each.start + len(before), each.end + len(before), ROLES[each.role])
        for each in sorted(asked.roles, key=lambda each: each.start)
    ]
    found = encode_with_roles(tokenizer, text, spans)
    return RoleRow(found.ids, found.roles)


def test_greedy_replies_with_roles_are_those_of_the_library(
    engine: HuggingFace, library: PeftModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    asked = [request(text, PAIR) for text in TEXTS]
    for one, outcome in zip(asked, engine.answer(asked), strict=True):
        (answer,) = write_answers(
            library, [row(tokenizer, one)], padding=0, end=0, max_new_tokens=one.decoding.max_new_tokens
        )
        assert reply(outcome).text == tokenizer.decode(list(answer.tokens), skip_special_tokens=True)
        assert not same(outcome, ask(engine, replace(one, roles=())))


texts = st.sampled_from([*TEXTS, BEGINNING, "?"])
pairs = st.sampled_from([PAIR, {}, {"disease": "zincol", "drug": "fever"}, {"drug": "children"}])
constraints = st.sampled_from([None, None, Grammar('root ::= [a-z]+ "."'), Choices(OPTIONS), Choices(ALIKE)])
requests = st.builds(request, texts, pairs, constraints, tokens=st.integers(1, 12))


@settings(deadline=None, max_examples=8)
@given(st.lists(requests, min_size=2, max_size=6))
def test_a_reply_with_roles_does_not_hang_on_the_others(engine: HuggingFace, group: list[Request]) -> None:
    together = engine.answer(group)
    assert all(same(one, ask(engine, asked)) for one, asked in zip(together, group, strict=True))


def test_choices_share_what_was_read_only_where_their_roles_are_the_same(
    engine: HuggingFace, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = f"{BEGINNING}zincol lowers fever."
    pairs = [PAIR, {"disease": "zincol", "drug": "fever"}, {}]
    asked = [request(text, pair, Choices(options)) for pair in pairs for options in (OPTIONS, ALIKE)]
    together = engine.answer(asked)
    before = len(tokenizer.encode(f"<|user|>{BEGINNING}", add_special_tokens=False))
    assert 0 < max(reply(each).usage.cached_tokens for each in together) <= before
    alone = [ask(engine, each) for each in asked]
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))
    assert not any(same(alone[0], other) for other in alone[2::2])


def test_choices_share_what_has_the_same_roles(
    engine: HuggingFace, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = f"{BEGINNING}zincol lowers fever"
    asked = [request(text + end, PAIR, Choices(OPTIONS)) for end in ("? One", "! Two", ", or not")]
    together = engine.answer(asked)
    named = len(tokenizer.encode(f"<|user|>{BEGINNING}zincol", add_special_tokens=False))
    assert max(reply(each).usage.cached_tokens for each in together) > named
    assert all(same(one, ask(engine, other)) for one, other in zip(together, asked, strict=True))


def test_a_merged_model_answers_as_the_adapter_does(engine: HuggingFace, whole: Path) -> None:
    opened = open_hf(str(whole), name="hf:whole", options=HfOptions(threads=1, roles=reader))
    kinds = (None, Choices(OPTIONS), Choices(ALIKE))
    asked = [request(text, pair, kind) for text in TEXTS for pair in (PAIR, {}) for kind in kinds]
    both = zip(opened.answer(asked), engine.answer(asked), strict=True)
    assert all(same(one, other) for one, other in both)


def nobody() -> RoleReader:
    raise ImportError("peft")


@pytest.mark.parametrize("kind", ["adapter", "whole"])
def test_what_reads_roles_is_never_opened_without_them(
    base: Path, adapter: Path, whole: Path, kind: str
) -> None:
    model, given = (base, adapter) if kind == "adapter" else (whole, None)
    for options, message in ((HfOptions(), "role part would be lost"), (HfOptions(roles=nobody), "peft")):
        with pytest.raises(EngineError, match=message) as caught:
            open_hf(str(model), name="hf:x", adapter=given, options=options)
        assert caught.value.where == str(given or model)


def test_a_model_that_reads_roles_takes_no_second_adapter_that_does(adapter: Path, whole: Path) -> None:
    with pytest.raises(EngineError, match="reads roles already"):
        open_hf(str(whole), name="hf:x", adapter=adapter, options=HfOptions(roles=reader))


def test_other_models_pass_over_roles(base: Path) -> None:
    plain = open_hf(str(base), name="hf:plain", options=HfOptions(threads=1, roles=reader))
    asked = request(TEXTS[1], PAIR, Choices(OPTIONS))
    assert same(ask(plain, asked), ask(plain, replace(asked, roles=())))
    assert plain.info.notes == ()


def test_roles_that_are_none_are_a_failure_of_their_own(engine: HuggingFace) -> None:
    fine = request(TEXTS[0], PAIR, tokens=3)
    for span in (RoleSpan(0, 5, 99, "drug"), RoleSpan(1, 0, 1, "drug"), RoleSpan(0, 0, 1, "sponsor")):
        outcomes = engine.answer([replace(fine, roles=(span,)), fine])
        assert [type(each) for each in outcomes] == [Failure, Reply]


def test_a_beginning_of_the_reply_leaves_the_roles_before_it_as_they_are(engine: HuggingFace) -> None:
    asked = request(TEXTS[1], PAIR, Choices(OPTIONS))
    begun = replace(asked, messages=(*asked.messages, Message("assistant", "It")))
    assert not same(ask(engine, begun), ask(engine, asked))
    assert not same(ask(engine, begun), ask(engine, replace(begun, roles=())))


def test_who_does_not_say_that_he_asks_with_roles_is_told_to(
    engine: HuggingFace, base: Path, adapter: Path, tmp_path: Path
) -> None:
    assert any("--set roles=lemma" in note for note in engine.info.notes)
    saying = shutil.copytree(adapter, tmp_path / "saying")
    (saying / "asked.json").write_text(json.dumps({"settings": {"conditions": {"roles": "lemma"}}}))
    opened = open_hf(str(base), name="hf:x", adapter=saying, options=HfOptions(threads=1, roles=reader))
    assert opened.info.notes == ()
    assert opened.info.tuned == {"conditions": {"roles": "lemma"}}


def test_roles_drawn_at_random_are_drawn_again_for_each_prompt(base: Path, tmp_path: Path) -> None:
    folder = role_adapter(base, tmp_path / "random", variant="random")
    opened = open_hf(str(base), name="hf:x", adapter=folder, options=HfOptions(threads=1, roles=reader))
    asked = request(TEXTS[1], PAIR, Choices(OPTIONS))
    assert same(ask(opened, asked), ask(opened, replace(asked, roles=())))
