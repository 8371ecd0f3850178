"""Rows to tensors and answers: each test fails on what the code of the source does."""

import inspect
from typing import Literal, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig, PreTrainedModel

from apothecary.adapters.role_batch import UNLEARNT, RoleRow, collate, write_answers
from apothecary.errors import DataError, UsageError
from tests.adapters.tiny_models import adapted, logits

EOS = 1
ROWS = [RoleRow((5, 6, 7), (0, 1, 2), (8, EOS)), RoleRow((9,), (2,), (10, 11, EOS)), RoleRow((3, 4), (0, 0))]
Side = Literal["left", "right"]
rows_of_any_length = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(2, 30), st.integers(0, 2)), min_size=1), st.lists(st.integers(2, 9))
    ),
    min_size=1,
    max_size=5,
)


@given(rows_of_any_length, st.sampled_from(["left", "right"]))
@settings(deadline=None, max_examples=25)
def test_roles_stand_where_their_tokens_stand(
    drawn: list[tuple[list[tuple[int, int]], list[int]]], side: Side
) -> None:
    rows = [RoleRow(tuple(t for t, _ in p), tuple(r for _, r in p), tuple(a)) for p, a in drawn]
    batch = collate(rows, padding=0, side=side)
    for place, row in enumerate(rows):
        own = batch.attention_mask[place].bool()
        assert batch.input_ids[place][own].tolist() == [*row.prompt, *row.answer]
        assert batch.role_ids[place][own].tolist() == [*row.roles, *[0] * len(row.answer)]
        assert batch.position_ids[place][own].tolist() == list(range(row.length))
        assert not batch.role_ids[place][~own].any()


def test_padding_goes_to_the_side_that_was_asked_for() -> None:
    assert collate(ROWS, padding=0).role_ids.tolist() == [[0, 1, 2, 0, 0], [0, 2, 0, 0, 0], [0, 0, 0, 0, 0]]
    right = collate(ROWS, padding=0, side="right")
    assert right.role_ids.tolist() == [[0, 1, 2, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_answers_have_no_roles_even_where_they_repeat_a_tagged_token() -> None:
    row = RoleRow((5, 6), (1, 2), (5, 6, EOS))
    assert collate([row], padding=0).role_ids.tolist() == [[1, 2, 0, 0, 0]]
    with pytest.raises(DataError, match="5 roles for the 2 tokens of a prompt"):
        RoleRow((5, 6), (1, 2, 1, 2, 0), (5, 6, EOS))


def test_prompts_and_padding_cost_nothing_and_the_end_is_learnt_where_it_also_pads() -> None:
    batch = collate(ROWS, padding=EOS)
    assert batch.labels.tolist() == [
        [UNLEARNT, UNLEARNT, UNLEARNT, 8, EOS],
        [UNLEARNT, UNLEARNT, 10, 11, EOS],
        [UNLEARNT] * 5,
    ]


def test_a_row_that_is_too_long_is_refused_not_cut() -> None:
    rows = [*ROWS, RoleRow((2,) * 9, (1,) * 9, where="train.jsonl:7")]
    with pytest.raises(DataError, match="train.jsonl:7: 9 tokens, 8 allowed"):
        collate(rows, padding=0, max_tokens=8)
    with pytest.raises(DataError, match="empty"):
        RoleRow((), ())
    with pytest.raises(UsageError, match="no row"):
        collate([], padding=0)


def greedy(row: RoleRow, tokens: int) -> list[int]:
    """The same by hand: the whole is read again for each token."""
    model, written = adapted(), list(row.prompt)
    for _ in range(tokens):
        ids = torch.tensor([[*row.roles, *[0] * (len(written) - len(row.prompt))]])
        written.append(int(logits(model, input_ids=torch.tensor([written]), role_ids=ids)[0, -1].argmax()))
    return written[len(row.prompt) :]


def test_decoding_is_greedy_whatever_the_model_was_shipped_with() -> None:
    model = adapted()
    inner = cast(PreTrainedModel, model.get_base_model())
    shipped = GenerationConfig(
        do_sample=True, temperature=9.0, top_k=20, repetition_penalty=1.8, min_new_tokens=2
    )  # type: ignore[no-untyped-call]
    inner.generation_config = shipped
    by_hand = [greedy(row, 4) for row in ROWS]
    for seed in (0, 1):
        torch.manual_seed(seed)
        answers = write_answers(model, ROWS, padding=0, end=39, max_new_tokens=4)
        assert [list(each.tokens) for each in answers] == [
            each[: each.index(39)] if 39 in each else each for each in by_hand
        ]
    assert inner.generation_config is shipped


def test_an_answer_that_was_cut_off_says_so() -> None:
    model = adapted()
    row = RoleRow((5, 6, 7), (0, 1, 2))
    written = greedy(row, 6)
    (cut,) = write_answers(model, [row], padding=0, end=39, max_new_tokens=3)
    assert (list(cut.tokens), cut.finished) == (written[:3], False)
    (whole,) = write_answers(model, [row], padding=0, end=written[2], max_new_tokens=6)
    assert list(whole.tokens) == written[: written.index(written[2])]
    assert whole.finished


def test_answers_are_long_enough_for_lists_unless_told_otherwise() -> None:
    assert inspect.signature(write_answers).parameters["max_new_tokens"].default == 256


def test_beams_and_training_mode_are_taken_care_of() -> None:
    model = adapted().train()
    answers = write_answers(model, ROWS, padding=0, end=EOS, max_new_tokens=4, beams=3)
    assert len(answers) == 3
    assert model.training
