"""Soft tokens in the engine of transformers, on a tiny random model."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed")
pytest.importorskip("llguidance", reason="the extra 'train' is not installed")
pytest.importorskip("peft", reason="the extra 'train' is not installed")

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaForCausalLM

from apothecary.adapters.soft_reader import SoftAdapters
from apothecary.adapters.soft_tokens import (
    SoftTokens,
    add_marks,
    load_soft_adapter,
    save_soft_adapter,
    soft_row,
    write_answers,
)
from apothecary.engines.hf import HfOptions, HuggingFace, open_hf
from apothecary.messages import (
    Choices,
    Decoding,
    Failure,
    Grammar,
    Message,
    Outcome,
    Reply,
    Request,
    SoftToken,
    soft_mark,
)
from apothecary.networks.visit_encoder import VectorTable
from tests.adapters.tiny_models import shaken
from tests.engines.tiny_causal import tiny_causal

TABLES = {
    "drug": VectorTable(("aspirin", "heparin"), np.array([[2.0, 0, 0], [0, -2.0, 1.0]], dtype=np.float32)),
    "visit": VectorTable(("i50", "j45"), np.array([[3.0, 0], [0, 3.0]], dtype=np.float32)),
}
OPTIONS, ALIKE = Choices(("1", "2", "~")), Choices(("yes", "yesterday", "no"))
GRAMMAR = Grammar('root ::= [a-z]+ "."')
BEGINNING = "Forty patients, ten of them children, were seen. "


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    torch.manual_seed(5)
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with warnings.catch_warnings(category=FutureWarning, action="ignore"):
        model = shaken(get_peft_model(LlamaForCausalLM.from_pretrained(base), config))
    save_soft_adapter(model, SoftTokens(TABLES, 32, hidden=8), base.parent / "adapter")
    return base.parent / "adapter"


@pytest.fixture(scope="module")
def engine(base: Path, adapter: Path) -> Iterator[HuggingFace]:
    options = HfOptions(threads=1, batch=4, soft=SoftAdapters)
    opened = open_hf(str(base), name="hf:tiny", adapter=adapter, options=options)
    yield opened
    opened.close()


def request(code: str, drug: str, constraint: object = None, text: str = BEGINNING) -> Request:
    content = f"{text}Visit{soft_mark('visit')}, {drug}{soft_mark('drug')}?"
    soft = (SoftToken("visit", (code,)), SoftToken("drug", (drug,)))
    wants = isinstance(constraint, Choices)
    return Request((Message("user", content),), "t.s", None, constraint, Decoding(8), wants, soft_tokens=soft)  # type: ignore[arg-type]


def ask(engine: HuggingFace, asked: Request) -> Reply:
    (outcome,) = engine.answer([asked])
    assert isinstance(outcome, Reply), outcome
    return outcome


def same(one: Outcome, other: Outcome) -> bool:
    assert isinstance(one, Reply), one
    assert isinstance(other, Reply), other
    near = dict(one.logprobs or {}) == pytest.approx(dict(other.logprobs or {}), abs=1e-4)
    return near and one.text == other.text


def test_replies_are_those_of_the_library(engine: HuggingFace, base: Path, adapter: Path) -> None:
    model, soft = load_soft_adapter(LlamaForCausalLM.from_pretrained(base), adapter)
    tokenizer = AutoTokenizer.from_pretrained(base)
    marks = add_marks(tokenizer, TABLES)
    for code in ("i50", "j45", "unheard"):
        asked = request(code, "aspirin")
        ids = tokenizer.encode(f"<|user|>{asked.messages[0].content}<|end|><|assistant|>")
        row = soft_row(ids, marks, asked.soft_tokens, filler=0)
        (answer,) = write_answers(model, soft, [row], padding=0, end=0, max_new_tokens=8)
        assert ask(engine, asked).text == tokenizer.decode(list(answer), skip_special_tokens=True)


@pytest.mark.parametrize("constraint", [None, GRAMMAR, OPTIONS, ALIKE])
def test_soft_tokens_change_the_reply_and_a_batch_does_not(engine: HuggingFace, constraint: object) -> None:
    asked = [request(code, drug, constraint) for code in ("i50", "j45") for drug in ("aspirin", "heparin")]
    asked += [request("i50", "aspirin", constraint, text="")]
    together = engine.answer(asked)
    alone = [ask(engine, each) for each in asked]
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))
    assert len({(each.text, str(each.logprobs)) for each in alone}) > 1


def test_questions_of_a_visit_read_it_once(engine: HuggingFace) -> None:
    found = engine.answer([request("i50", drug, OPTIONS) for drug in ("aspirin", "heparin")])
    assert all(isinstance(each, Reply) for each in found)
    assert max(each.usage.cached_tokens for each in found if isinstance(each, Reply)) > len(BEGINNING) // 4
    others = engine.answer([request(code, "aspirin", OPTIONS) for code in ("i50", "j45")])
    assert max(each.usage.cached_tokens for each in others if isinstance(each, Reply)) < max(
        each.usage.cached_tokens for each in found if isinstance(each, Reply)
    )


def test_marks_that_stand_for_nothing_fail_alone_and_show_nothing(engine: HuggingFace) -> None:
    fine = request("i50", "aspirin")
    bad = replace(fine, soft_tokens=fine.soft_tokens[:1])
    one, other = engine.answer([bad, fine])
    assert isinstance(one, Failure)
    assert isinstance(other, Reply)
    assert "Visit" not in one.message


def test_the_digest_stands_for_the_lora_and_for_the_tables(base: Path, adapter: Path, tmp_path: Path) -> None:
    digests = set()
    for name, file in (("a", None), ("b", "soft_tokens.json"), ("c", "lora/adapter_config.json")):
        folder = shutil.copytree(adapter, tmp_path / name)
        if file:
            (folder / file).write_text((folder / file).read_text() + " ")
        options = HfOptions(threads=1, soft=SoftAdapters)
        opened = open_hf(str(base), name="hf:x", adapter=folder, options=options)
        digests.add(opened.info.adapter_digest)
        assert any("asked.json" in note for note in opened.info.notes)
    assert len(digests) == 3
