"""Learning with roles: gradients, checkpointing, number types, and what must not go unnoticed."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.autograd import backward
from transformers import Trainer, TrainingArguments

from apothecary.adapters.role_batch import Answer, RoleRow, collate, write_answers
from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_files import load_role_adapter
from apothecary.adapters.role_layer import RoleLinear
from apothecary.adapters.role_model import attach, role_layers
from apothecary.adapters.role_state import roles
from apothecary.errors import UsageError
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Tokens
from apothecary.training.lora_settings import LoraSettings, SftSettings
from apothecary.training.policy import Policy
from tests.adapters.tiny_models import FAMILIES, IDS, ROLES, adapted, logits, tiny
from tests.training.tiny_data import tiny_folder

OTHER = ROLES.flip(1)


def new(**settings: object) -> PeftModel:
    return attach(tiny(), RoleLoraConfig(r=4, **settings)).train()  # type: ignore[arg-type]


def loss(model: nn.Module, ids: Tensor = ROLES) -> Tensor:
    scores: Tensor = model(input_ids=IDS, role_ids=ids).logits
    return scores[:, :-1].log_softmax(2).gather(2, IDS[:, 1:, None]).mean().neg()


def gradients(model: nn.Module, run: Callable[[nn.Module], None]) -> dict[str, Tensor]:
    run(model)
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def sizes(found: dict[str, Tensor], part: str) -> list[float]:
    return [each.abs().max().item() for name, each in found.items() if part in name]


def test_only_the_up_projection_learns_in_the_first_step_and_both_from_the_second() -> None:
    model = new()
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=1.0)
    first = gradients(model, lambda m: backward(loss(m)))
    assert max(sizes(first, "lora_role_embedding")) == 0.0
    assert min(sizes(first, "lora_role_up")) > 0.0
    backward(loss(model))
    optimizer.step()
    optimizer.zero_grad()
    second = gradients(model, lambda m: backward(loss(m)))
    assert min(sizes(second, "lora_role_embedding")) > 0.0


def test_row_0_learns_unless_it_is_held() -> None:
    for held in (False, True):
        model = new(variant="vectors", freeze_none=held)
        found = gradients(model, lambda m: backward(loss(m)))
        rows = torch.stack([each for name, each in found.items() if "lora_role_embedding" in name])
        assert bool(rows[:, 0].any()) is not held
        assert rows[:, 1:].abs().amax(2).min() > 0


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointing_changes_no_gradient(family: str, reentrant: bool) -> None:
    plain, checked = adapted(family).train(), adapted(family).train()
    settings = {"use_reentrant": reentrant}
    checked.enable_input_require_grads()
    checked.get_base_model().gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)  # type: ignore[operator]

    def two_at_once(model: nn.Module) -> None:
        # The layers of the first run again when roles of the second have been read, and another pass ended.
        first, second = loss(model), loss(model, OTHER)
        logits(model, input_ids=IDS, role_ids=torch.zeros_like(ROLES))
        backward(2 * first + second)

    wanted, found = gradients(plain, two_at_once), gradients(checked, two_at_once)
    assert wanted.keys() == found.keys()
    assert all(torch.allclose(found[name], each, atol=1e-6) for name, each in wanted.items())
    assert min(sizes(wanted, "lora_role")) > 0


def test_learning_without_roles_is_refused() -> None:
    # A trainer that drops columns it does not know would else learn as if there were none.
    model = new()
    with pytest.raises(UsageError, match="no roles reach this pass.*remove_unused_columns"):
        model(input_ids=IDS)
    with torch.no_grad():
        model(input_ids=IDS)
    with model.disable_adapter():
        model(input_ids=IDS)


def test_a_part_of_the_model_called_alone_does_not_find_old_roles() -> None:
    model = adapted()
    logits(model, input_ids=IDS, role_ids=ROLES)
    inner = model.get_base_model().model
    with torch.no_grad(), roles(model, ROLES), pytest.raises(UsageError, match="the whole model"):
        inner(input_ids=IDS)  # type: ignore[operator]
    with torch.no_grad():
        alone = inner(input_ids=IDS).last_hidden_state  # type: ignore[operator]
        hidden = model(input_ids=IDS, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(alone, hidden)


def test_a_broken_pass_leaves_no_roles_behind() -> None:
    model = adapted()
    with pytest.raises(IndexError):
        model(input_ids=IDS + 1000, role_ids=ROLES)
    assert model.base_model.role_state.current is None  # type: ignore[union-attr]


def test_an_adapter_learns_which_token_plays_the_role() -> None:
    # Two rows that differ in their roles alone, and have other answers.
    prompt = (5, 6, 7, 8)
    rows = [RoleRow(prompt, (0, 1, 0, 0), (9, 1)), RoleRow(prompt, (0, 0, 1, 0), (10, 1))]
    batch = collate(rows, padding=0)
    torch.manual_seed(3)
    model = new()
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=0.02)
    for _ in range(40):
        scores = model(**batch.inputs(model.device)).logits[:, :-1]
        cost = nn.functional.cross_entropy(scores.flatten(0, 1), batch.labels[:, 1:].flatten())
        optimizer.zero_grad()
        backward(cost)
        optimizer.step()
    answers = write_answers(model, rows, padding=0, end=1, max_new_tokens=2)
    assert answers == [Answer((9,), True), Answer((10,), True)]


@pytest.mark.parametrize("variant", ["full", "vectors", "single_b"])
def test_scale_0_and_disabling_leave_the_model_as_it_was(variant: str) -> None:
    model = adapted(variant=variant)
    before = logits(tiny(), input_ids=IDS)
    with model.disable_adapter():
        assert torch.equal(logits(model, input_ids=IDS, role_ids=ROLES), before)
    for _, layer in role_layers(model):
        layer.set_scale("default", 0.0)
    assert torch.equal(logits(model, input_ids=IDS, role_ids=ROLES), before)


def test_vectors_are_scaled_when_asked() -> None:
    scaled, plain = adapted(variant="vectors", scale_vectors=True), adapted(variant="vectors")
    for name, each in plain.named_parameters():
        if "lora_role_embedding" in name:
            each.data.mul_(2)
    inputs = {"input_ids": IDS, "role_ids": ROLES}
    assert torch.allclose(logits(scaled, **inputs), logits(plain, **inputs), atol=2e-6)


def layer_in_bfloat16(model: PeftModel) -> RoleLinear:
    layer = role_layers(model)[1][1]
    assert layer.part("default")
    return layer


def test_a_small_table_survives_bfloat16() -> None:
    model = attach(tiny().to(torch.bfloat16), RoleLoraConfig(r=4)).eval()  # type: ignore[arg-type]
    layer = layer_in_bfloat16(model)
    assert layer.lora_role_embedding["default"].weight.dtype == torch.float32
    generator = torch.Generator().manual_seed(0)
    for container in (layer.lora_A, layer.lora_B, layer.lora_role_embedding, layer.lora_role_up):
        weight = container["default"].weight
        weight.data = torch.randn(weight.shape, generator=generator) * 0.1  # type: ignore[arg-type]
    x = torch.randn(2, 7, 32, generator=generator).to(torch.bfloat16) * 4
    with torch.no_grad():
        part = layer.part("default")
        assert part
        low = (x.float() @ layer.lora_A["default"].weight.T) @ layer.lora_B["default"].weight.T  # type: ignore[operator]
        added = low * 2 + part.table(layer, "default")[ROLES]
        wanted = (layer.base_layer(x).float() + added).to(torch.bfloat16)
        found: list[Tensor] = []
        hook = layer.register_forward_hook(lambda m, i, o: found.append(o))
        layer.role_state.current, layer.role_state._inside = ROLES, True  # type: ignore[union-attr]
        assert torch.equal(layer(x), wanted)
        hook.remove()


def test_autocast_does_not_round_the_table() -> None:
    model = adapted()
    layer = layer_in_bfloat16(model)
    part = layer.part("default")
    assert part
    exact = part.table(layer, "default")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(part.table(layer, "default"), exact)
        logits(model, input_ids=IDS, role_ids=ROLES)


def test_threads_of_data_parallel_are_refused() -> None:
    replica = adapted().get_base_model()._replicate_for_data_parallel()  # type: ignore[no-untyped-call]
    with pytest.raises(UsageError, match="DataParallel"):
        replica(input_ids=IDS, role_ids=ROLES)


def test_two_copies_do_not_share_their_roles() -> None:
    one = adapted()
    two = copy.deepcopy(one)
    with roles(one, ROLES):
        none = logits(two, input_ids=IDS)
    assert torch.equal(none, logits(one, input_ids=IDS))


def test_the_answer_that_a_training_reads_has_no_roles_though_it_names_the_pair(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    model = tiny_folder(tmp_path) / "model"
    lora = LoraSettings(4, 8.0, 0.0, roles="full")
    given = SftSettings(model=str(model), train=("none.jsonl",), lora=lora)
    policy = Policy(load_base(str(model), "fp32"), given, None, torch.device("cpu"))
    read: list[Tensor] = []
    policy.model.register_forward_pre_hook(
        lambda module, args, named: read.append(named["role_ids"]), with_kwargs=True
    )
    rows = [Tokens((5, 6), (6, 5, 9), (1, 2)), Tokens((5, 6, 7), (6,), (1, 0, 2))]
    policy.logprobs(rows)
    assert [each.tolist() for each in read] == [[[1, 2, 0, 0, 0], [1, 0, 2, 0, 0]]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keeps", [True, False])
def test_a_trainer_keeps_the_roles_or_fails(keeps: bool, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the train extra is not installed")
    columns = {"input_ids": IDS[0].tolist(), "role_ids": ROLES[0].tolist(), "labels": IDS[0].tolist()}
    settings = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=2,
        save_steps=2,
        remove_unused_columns=not keeps,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    model = new()
    trainer = Trainer(model=model, args=settings, train_dataset=[columns] * 4)
    if not keeps:
        with pytest.raises(UsageError, match="remove_unused_columns=False"):
            trainer.train()
        return
    trainer.train()
    saved = load_role_adapter(tiny(), tmp_path / "checkpoint-2")
    inputs = {"input_ids": IDS, "role_ids": ROLES}
    assert torch.equal(logits(saved, **inputs), logits(model.train(False), **inputs))
