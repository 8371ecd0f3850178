"""Soft tokens: read by the model, learnt with the adapter, saved with it, the same in every batch."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="the train extra is not installed")

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer

from apothecary.adapters.soft_tokens import (
    LORA,
    SoftRow,
    SoftTokens,
    add_marks,
    given,
    load_soft_adapter,
    save_soft_adapter,
    soft_row,
    write_answers,
)
from apothecary.engines.hf_adapters import check_adapter
from apothecary.errors import ApothecaryError, EngineError, FormatError, UsageError, WeightsError
from apothecary.messages import SoftToken
from apothecary.messages import soft_mark as mark
from apothecary.networks.visit_encoder import VectorTable, encode_visits, write_tables
from apothecary.training import soft_sft
from apothecary.training.base_model import load_base
from apothecary.training.lora_settings import LoraSettings, SftSettings, SoftSettings
from tests.adapters.tiny_models import FAMILIES, SIZES, shaken, tiny
from tests.engines.tiny_causal import tiny_causal

CODES, DRUGS = encode_visits([(("i50", "i10"), ("furosemide",)), (("j45",), ("salbutamol",))], width=3)
TABLES = {"visit": CODES, "code": CODES, "drug": DRUGS}
HEART, LUNG = SoftToken("visit", ("i50",)), SoftToken("visit", ("j45",))
ROWS = [
    SoftRow((5, 6, 2, 7), (2,), (HEART,)),
    SoftRow((2, 8, 9, 2, 10, 11, 12), (0, 3), (LUNG, SoftToken("drug", ("salbutamol",)))),
    SoftRow((13, 14), (), ()),
]


def projectors(seed: int = 3, scale: float = 1.0) -> SoftTokens:
    torch.manual_seed(seed)
    soft = SoftTokens(TABLES, SIZES["hidden_size"], hidden=8)
    with torch.no_grad():
        for each in soft.parameters():
            each.mul_(scale)
    return soft


def adapted(family: str = "llama") -> PeftModel:
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return shaken(get_peft_model(tiny(family), config))


def last(model: Any, soft: SoftTokens, row: SoftRow) -> Tensor:
    with torch.no_grad(), given(model, soft, [row], [0]):
        found: Tensor = model(input_ids=torch.tensor([row.ids])).logits[0, -1]
    return found


def answers(model: Any, soft: SoftTokens, rows: list[SoftRow]) -> list[tuple[int, ...]]:
    return write_answers(model, soft, rows, padding=0, end=1, max_new_tokens=6)


# --- what the model reads -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_soft_tokens_change_what_the_model_says(family: str) -> None:
    model, soft = tiny(family), projectors()
    row, bare = ROWS[0], SoftRow(ROWS[0].ids, (), ())
    assert not torch.allclose(last(model, soft, row), last(model, soft, bare))
    assert not torch.allclose(last(model, soft, row), last(model, soft, replace(row, tokens=(LUNG,))))
    # The hook is gone, and only one pass read them.
    assert torch.equal(last(model, soft, bare), model(input_ids=torch.tensor([row.ids])).logits[0, -1])


def test_the_vectors_stand_where_the_marks_stood() -> None:
    model, soft = tiny(), projectors()
    embedding = model.get_input_embeddings()
    by_hand = embedding(torch.tensor([ROWS[1].ids])).clone()
    by_hand[0, [0, 3]] = soft(ROWS[1].tokens)
    with torch.no_grad():
        found = model(inputs_embeds=by_hand).logits[0, -1]
    assert torch.allclose(last(model, soft, ROWS[1]), found, atol=1e-6)


def test_an_unseen_patient_is_read_by_the_codes_that_are_known() -> None:
    model, soft = tiny(), projectors()
    unseen = replace(ROWS[0], tokens=(SoftToken("visit", ("j45", "i10", "never-seen")),))
    found = last(model, soft, unseen)
    assert found.isfinite().all()
    assert not torch.allclose(found, last(model, soft, ROWS[0]))
    nothing_known = last(model, soft, replace(ROWS[0], tokens=(SoftToken("visit", ("never-seen",)),)))
    assert nothing_known.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_of_a_batch_are_those_of_single_prompts(family: str) -> None:
    model, soft = adapted(family), projectors(scale=3.0)
    assert answers(model, soft, ROWS) == [answers(model, soft, [row])[0] for row in ROWS]
    assert answers(model, soft, ROWS) != answers(model, projectors(seed=9, scale=3.0), ROWS)


def test_marks_of_a_prompt_become_the_token_that_the_model_knows(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_causal(tmp_path))
    marks = add_marks(tokenizer, TABLES)
    ids = tokenizer.encode(f"yes{mark('visit')} no {mark('drug')}.")
    assert set(marks.values()) == set(TABLES)
    tokens = [HEART, SoftToken("drug", ("furosemide",))]
    row = soft_row(ids, marks, tokens, filler=0)
    assert [ids[place] for place in row.places] == [
        key for kind in ("visit", "drug") for key in marks if marks[key] == kind
    ]
    assert max(row.ids) < 320
    with pytest.raises(UsageError, match="2 marks, which are not those of 1 soft tokens"):
        soft_row(ids, marks, tokens[:1], filler=0)


def test_a_kind_without_a_table_is_named() -> None:
    with pytest.raises(UsageError, match="no soft tokens of the kind 'molecule'"):
        projectors()([SoftToken("molecule", ("aspirin",))])
    with pytest.raises(UsageError, match="a word for each kind"):
        SoftTokens({"two words": CODES}, 8)


# --- learning -------------------------------------------------------------------------------------------


def test_gradients_reach_the_projectors_and_not_the_tables() -> None:
    model, soft = adapted(), projectors()
    before = CODES.vectors.copy()
    model.train()
    for name, each in model.named_parameters():
        each.requires_grad_(".lora_" in name)
    with given(model, soft, [ROWS[1]], [0]):
        model(input_ids=torch.tensor([ROWS[1].ids])).logits.sum().backward()
    used = {name for name, each in soft.named_parameters() if each.grad is not None and each.grad.any()}
    assert used == {name for name, _ in soft.named_parameters() if "of_visit" in name or "of_drug" in name}
    assert any(
        each.grad is not None and each.grad.any() for n, each in model.named_parameters() if ".lora_" in n
    )
    torch.optim.AdamW(soft.parameters(), lr=0.1).step()
    assert np.array_equal(CODES.vectors, before)
    assert not any("table" in name for name, _ in soft.named_parameters())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("soft")
    tiny_causal(place / "model")
    rows = []
    for code, answer in (("i50", "yes"), ("j45", "no")):
        ask = {"role": "user", "content": f"Visit{mark('visit')}?"}
        soft = [{"kind": "visit", "names": [code]}]
        rows.append({"messages": [ask, {"role": "assistant", "content": answer}], "soft": soft})
    (place / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_tables(place / "soft.json", TABLES, {"medication": {"soft": "visit"}})
    return place


@pytest.fixture
def learning(folder: Path) -> SftSettings:
    return SftSettings(
        model=str(folder / "model"),
        train=("sft.jsonl",),
        epochs=45,
        batch=2,
        learning_rate=2e-2,
        weight_decay=0.0,
        precision="fp32",
        max_tokens=64,
        save_every=10,
        lora=LoraSettings(4, 16.0, 0.0),
        soft=SoftSettings("soft.json"),
    )


@pytest.mark.slow
def test_what_only_soft_tokens_tell_is_learnt_saved_and_read_again(
    folder: Path, learning: SftSettings, tmp_path: Path
) -> None:
    tuned = soft_sft.train_sft(learning, folder, tmp_path / "out", lambda line: None)
    log = [json.loads(line)["loss"] for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    # The two prompts are the same but for the soft token.
    assert log[-1] < 0.1 < log[0]
    base = load_base(learning.model, "fp32")
    model, soft = load_soft_adapter(base.model, tuned.adapter)
    marks = add_marks(base.tokenizer, TABLES)
    ids = base.tokenizer.encode(f"<|user|>Visit{mark('visit')}?<|end|><|assistant|>")
    rows = [soft_row(ids, marks, [each], filler=0) for each in (HEART, LUNG, SoftToken("visit", ("i10",)))]
    found = write_answers(model, soft, rows, padding=0, end=0, max_new_tokens=4)
    # The last is a visit that was not learnt from: its code goes with the drug of the first.
    assert [base.tokenizer.decode(list(each)) for each in found] == ["yes", "no", "yes"]


def test_a_training_that_was_killed_ends_with_the_same_projectors(
    folder: Path, learning: SftSettings, tmp_path: Path
) -> None:
    short = replace(learning, steps=4, save_every=1)

    def stop(line: str) -> None:
        if line.startswith("step 3 "):
            raise KeyboardInterrupt

    soft_sft.train_sft(short, folder, tmp_path / "whole", lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        soft_sft.train_sft(short, folder, tmp_path / "cut", stop)
    soft_sft.train_sft(short, folder, tmp_path / "cut", lambda line: None, resume=True)
    one, other = (load_file(tmp_path / n / "adapter" / "soft_tokens.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"soft": "i50"}, "sft.jsonl:2: its soft tokens are of another form"),
        ({"soft": []}, "1 marks, which are not those of 0 soft tokens"),
    ],
)
def test_a_row_whose_soft_tokens_do_not_fit_is_named_by_its_line(
    folder: Path, learning: SftSettings, tmp_path: Path, row: dict[str, object], message: str
) -> None:
    good = json.loads((folder / "sft.jsonl").read_text().splitlines()[0])
    (tmp_path / "sft.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(good | row)}\n")
    with pytest.raises(FormatError, match=message):
        write_tables(tmp_path / "soft.json", TABLES, {})
        soft_sft.train_sft(learning, tmp_path, tmp_path / "out", lambda line: None)


# --- on disk --------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_soft_adapter(adapted(), projectors(scale=3.0), tmp_path / "saved")
    return tmp_path / "saved"


def test_saved_and_loaded_is_the_same(saved: Path) -> None:
    model, soft = load_soft_adapter(tiny(), saved)
    assert answers(model, soft, ROWS) == answers(adapted(), projectors(scale=3.0), ROWS)
    assert torch.equal(last(model, soft, ROWS[1]), last(adapted(), projectors(scale=3.0), ROWS[1]))
    assert {kind: table.names for kind, table in soft.tables.items()} == {
        k: t.names for k, t in TABLES.items()
    }


def test_a_program_that_knows_no_soft_tokens_finds_no_adapter(saved: Path) -> None:
    with pytest.raises(EngineError, match="there is no such adapter"):
        check_adapter(saved)


def changed(folder: Path, name: str, tensor: Tensor | None) -> None:
    tensors = load_file(folder / "soft_tokens.safetensors")
    tensors.pop(name)
    save_file(tensors | ({} if tensor is None else {name: tensor}), folder / "soft_tokens.safetensors")


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("projectors.of_drug.2.weight", None, "lacks projectors.of_drug.2.weight"),
        ("projectors.of_drug.2.weight", torch.zeros(2, 2), r"is \(2, 2\), not \(32, 8\)"),
        ("projectors.of_code.0.bias", torch.full((8,), torch.nan), "no finite number"),
        ("tables.visit", None, "lacks the table of visit"),
        ("tables.visit", torch.zeros(1, 3), "3 names, and vectors"),
    ],
)
def test_a_projector_or_table_that_lacks_or_does_not_fit_is_told(
    saved: Path, name: str, tensor: Tensor | None, message: str
) -> None:
    changed(saved, name, tensor)
    with pytest.raises(WeightsError, match=message):
        load_soft_adapter(tiny(), saved)


@pytest.mark.parametrize(
    "lost", ["soft_tokens.json", "soft_tokens.safetensors", f"{LORA}/adapter_model.safetensors"]
)
def test_a_part_that_is_lost_is_told(saved: Path, lost: str) -> None:
    (saved / lost).unlink()
    with pytest.raises(WeightsError):
        load_soft_adapter(tiny(), saved)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format":1,"size":64,"hidden":8,"names":{}}'])
def test_another_description_is_told(saved: Path, text: str) -> None:
    (saved / "soft_tokens.json").write_text(text)
    with pytest.raises(ApothecaryError):
        load_soft_adapter(tiny(), saved)


def test_tables_may_come_from_the_user() -> None:
    molecules = VectorTable(("aspirin",), np.ones((1, 5), dtype=np.float32))
    soft = SoftTokens({**TABLES, "molecule": molecules}, 32, hidden=4)
    assert soft([SoftToken("molecule", ("aspirin",))]).shape == (1, 32)
