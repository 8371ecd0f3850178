"""A model with roles says the same however it is asked: padded, cached, in chunks, by beams, again."""

import copy
from itertools import pairwise

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AutoModelForCausalLM,
    CompileConfig,
    Gemma2Config,
    Gemma3TextConfig,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from apothecary.adapters.role_batch import RoleRow, collate
from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_model import attach
from apothecary.adapters.role_state import roles, state_of
from tests.adapters.tiny_models import FAMILIES, IDS, ROLES, SIZES, adapted, logits, shaken, tiny

VARIANTS = ("full", "vectors", "single_b", "random")
MASK = torch.ones_like(IDS)
CLOSE = 2e-6
NEW = 5


def steps(model: torch.nn.Module, **changes: object) -> Tensor:
    """The scores of each new token, by greedy decoding."""
    inputs = {"input_ids": IDS, "attention_mask": MASK, "role_ids": ROLES} | changes
    written = model.generate(  # type: ignore[operator]
        **inputs,
        do_sample=False,
        min_new_tokens=NEW,
        max_new_tokens=NEW,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return torch.stack(written.logits)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> PeftModel:
    return adapted(request.param)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_new_adapter_changes_no_bit(family: str, variant: str) -> None:
    before = logits(tiny(family), input_ids=IDS)
    new = attach(tiny(family), RoleLoraConfig(r=4, variant=variant)).eval()  # type: ignore[arg-type]
    assert torch.equal(logits(new, input_ids=IDS, role_ids=ROLES), before)
    assert torch.equal(logits(new, input_ids=IDS), before)


def test_parameters_begin_as_in_the_source() -> None:
    for name, each in attach(tiny(), RoleLoraConfig(r=4)).named_parameters():
        if "lora_role_up" in name:
            assert not each.any()
        elif "lora_role_embedding" in name:
            assert not each[0].any()
            assert 0 < each[1:].abs().max() <= 0.5
    vectors = attach(tiny(), RoleLoraConfig(r=4, variant="vectors")).named_parameters()
    assert not any(each.any() for name, each in vectors if "lora_role" in name)


@pytest.mark.parametrize(("family", "variant"), [*zip(FAMILIES, VARIANTS, strict=False), ("gemma3", "full")])
def test_roles_change_what_is_said_from_their_token_on(family: str, variant: str) -> None:
    one = adapted(family, variant=variant)
    changed = ROLES.clone()
    changed[0, 3] = 2
    there = logits(one, input_ids=IDS, role_ids=changed) - logits(one, input_ids=IDS, role_ids=ROLES)
    assert there[0, 3:].abs().amax(1).min() > 1e-4
    assert torch.equal(there[0, :3], torch.zeros_like(there[0, :3]))
    assert torch.equal(there[1], torch.zeros_like(there[1]))


def test_what_a_conditioned_module_adds_is_the_formula() -> None:
    one = adapted(r=3, lora_alpha=12)
    layer = one.get_submodule("base_model.model.model.layers.1.self_attn.v_proj")
    x = torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(5))
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight  # type: ignore[index, union-attr]
    e = layer.lora_role_embedding["default"].weight  # type: ignore[index, union-attr]
    up = layer.lora_role_up["default"].weight  # type: ignore[index, union-attr]
    by_hand = layer.base_layer(x) + 4.0 * (x @ a.T @ b.T + e[ROLES] @ up.T)  # type: ignore[operator, operator]
    state = state_of(one)
    state.current, state._inside = ROLES, True
    assert torch.allclose(layer(x), by_hand, atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_row_says_what_it_says_alone(model: PeftModel, side: str) -> None:
    rows = [
        RoleRow((5, 6, 7, 8, 9, 10), (0, 1, 1, 0, 2, 0)),
        RoleRow((11, 12, 13), (2, 0, 1)),
    ]
    batch = collate(rows, padding=0, side=side)  # type: ignore[arg-type]
    together = logits(model, **batch.inputs(model.device))
    for place, row in enumerate(rows):
        alone = logits(model, input_ids=torch.tensor([row.prompt]), role_ids=torch.tensor([row.roles]))
        own = batch.attention_mask[place].bool()
        assert torch.allclose(together[place][own], alone[0], atol=CLOSE)


def test_roles_padded_on_the_other_side_than_the_tokens_would_be_seen(model: PeftModel) -> None:
    # The fault of the source: tokens padded left to generate, roles right, so they move away from theirs.
    batch = collate([RoleRow((11, 12, 13), (2, 0, 1)), RoleRow(tuple(IDS[0].tolist()), (0,) * 7)], padding=0)
    inputs = batch.inputs(model.device)
    right = logits(model, **inputs)[0, -1]
    shifted = inputs | {"role_ids": batch.role_ids.roll(-4, dims=1)}
    assert (logits(model, **shifted)[0, -1] - right).abs().max() > 1e-2


def test_decoding_with_a_cache_equals_decoding_without(model: PeftModel) -> None:
    assert torch.allclose(steps(model), steps(model, use_cache=False), atol=CLOSE)


def test_decoding_equals_reading_the_whole(model: PeftModel) -> None:
    # Generated tokens have no role, in training and in decoding.
    scores = steps(model)
    whole = torch.cat([IDS, scores.argmax(2).T], dim=1)
    ids = torch.cat([ROLES, torch.zeros(2, NEW, dtype=torch.long)], dim=1)
    read = logits(model, input_ids=whole, role_ids=ids)
    assert torch.allclose(scores.transpose(0, 1), read[:, 6:-1], atol=CLOSE)


def test_beams_with_a_cache_equal_beams_without(model: PeftModel) -> None:
    cached, uncached = (steps(model, num_beams=3, use_cache=use) for use in (True, False))
    assert cached.shape[1] == 6
    assert torch.allclose(cached, uncached, atol=CLOSE)
    assert not torch.allclose(cached, steps(model, num_beams=3, role_ids=torch.zeros_like(ROLES)), atol=1e-3)


def test_several_answers_to_one_prompt_have_its_roles(model: PeftModel) -> None:
    wide = steps(model, num_beams=2, num_return_sequences=2)
    assert torch.allclose(wide[0], steps(model)[0].repeat_interleave(2, 0), atol=CLOSE)


@pytest.mark.parametrize("way", [{"prefill_chunk_size": 3}, {"cache_implementation": "static"}])
def test_chunks_and_static_caches_give_the_same(model: PeftModel, way: dict[str, object]) -> None:
    assert torch.allclose(steps(model), steps(model, **way), atol=CLOSE)


@pytest.mark.slow
def test_compiled_passes_give_the_same() -> None:
    model, inputs = adapted("gemma3"), {"input_ids": IDS, "role_ids": ROLES}
    compiled = torch.compile(model.get_base_model(), backend="eager", fullgraph=True)
    with torch.no_grad():
        found = compiled(**inputs, use_cache=False).logits
    assert torch.allclose(found, logits(model, **inputs), atol=CLOSE)
    settings = CompileConfig(backend="eager")
    vars(settings)["_compile_all_devices"] = True
    decoded = steps(model, cache_implementation="static", compile_config=settings)
    assert torch.allclose(decoded, steps(model), atol=CLOSE)


def test_a_prompt_read_in_two_parts_gives_the_same(model: PeftModel) -> None:
    with torch.no_grad(), roles(model, ROLES):
        first = model(input_ids=IDS[:, :4], use_cache=True)
        rest = model(input_ids=IDS[:, 4:], past_key_values=first.past_key_values)
    whole = logits(model, input_ids=IDS, role_ids=ROLES)
    assert torch.allclose(torch.cat([first.logits, rest.logits], dim=1), whole, atol=CLOSE)


def test_role_ids_beside_a_cache_are_those_of_the_whole_text(model: PeftModel) -> None:
    with torch.no_grad():
        first = model(input_ids=IDS[:, :4], role_ids=ROLES[:, :4], use_cache=True)
        rest = model(input_ids=IDS[:, 4:], role_ids=ROLES, past_key_values=first.past_key_values)
    assert torch.allclose(rest.logits, logits(model, input_ids=IDS, role_ids=ROLES)[:, 4:], atol=CLOSE)


def test_all_ways_to_give_roles_are_one(model: PeftModel) -> None:
    said = logits(model, input_ids=IDS, role_ids=ROLES)
    inner = model.get_base_model()
    with roles(model, ROLES):
        assert torch.equal(logits(model, input_ids=IDS), said)
        assert torch.equal(logits(inner, input_ids=IDS), said)
    assert torch.equal(logits(inner, input_ids=IDS, role_ids=ROLES.to(torch.uint8)), said)
    embedded = inner.get_input_embeddings()(IDS)  # type: ignore[operator]
    assert torch.allclose(logits(model, inputs_embeds=embedded, role_ids=ROLES), said, atol=CLOSE)
    assert torch.equal(logits(copy.deepcopy(model), input_ids=IDS, role_ids=ROLES), said)


def test_no_roles_are_roles_of_none_and_leave_nothing_behind(model: PeftModel) -> None:
    none = logits(model, input_ids=IDS, role_ids=torch.zeros_like(ROLES))
    logits(model, input_ids=IDS, role_ids=ROLES)
    assert torch.allclose(logits(model, input_ids=IDS), none, atol=CLOSE)
    assert state_of(model).current is None


class Looks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts how often a value is asked for: on a GPU each time waits for all work before it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: int = 0

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        self.count += int(func is torch.ops.aten._local_scalar_dense.default)
        return func(*args, **(kwargs if isinstance(kwargs, dict) else {}))


def looks(model: torch.nn.Module, **inputs: object) -> int:
    counted = Looks()
    with counted:
        logits(model, **inputs)
    return counted.count


def test_roles_are_checked_once_whatever_number_of_modules_reads_them(model: PeftModel) -> None:
    with model.disable_adapter():
        without = looks(model, input_ids=IDS)
    # The least and the greatest of them.
    assert looks(model, input_ids=IDS, role_ids=ROLES) == without + 2
    with roles(model, ROLES):
        assert looks(model, input_ids=IDS) == without


def test_row_0_can_be_held_at_nothing() -> None:
    one = adapted(freeze_none=True)
    plain = {name: each for name, each in one.named_parameters() if "lora_role" in name}
    said = logits(one, input_ids=IDS)
    for each in plain.values():
        each.data.mul_(7)
    assert torch.equal(logits(one, input_ids=IDS), said)
    assert not torch.allclose(logits(one, input_ids=IDS, role_ids=ROLES), said, atol=1e-3)


def test_modules_of_one_parent_can_share_their_embedding() -> None:
    one = attach(tiny(), RoleLoraConfig(r=4, shared_embedding=True))
    layer = one.get_submodule("base_model.model.model.layers.0.self_attn")
    assert layer.k_proj.lora_role_embedding["default"] is layer.v_proj.lora_role_embedding["default"]  # type: ignore[index, union-attr]
    apart = attach(tiny(), RoleLoraConfig(r=4))
    assert learnt(apart) - learnt(one) == 2 * 3 * 4


def test_a_fused_projection_can_be_conditioned() -> None:
    torch.manual_seed(0)
    fused = Phi3ForCausalLM(Phi3Config(**SIZES))
    one = shaken(attach(fused, RoleLoraConfig(r=4, target_modules=["o_proj"], role_modules=("qkv_proj",))))
    difference = logits(one, input_ids=IDS, role_ids=ROLES) - logits(one, input_ids=IDS)
    assert difference.abs().max() > 1e-3


# Spec of the method: hidden, layers, width of queries, of keys, of the MLP; parameters by unit of rank.
TABLE = {
    "gemma2-9b": ((3584, 42, 4096, 2048, 14336), 3_376_128, 172_284),
    "qwen2.5-7b": ((3584, 28, 3584, 512, 18944), 2_523_136, 28_840),
    "qwen3-4b": ((2560, 36, 4096, 1024, 9728), 2_064_384, 73_944),
    "gemma3-4b": ((2560, 34, 2048, 1024, 10240), 1_862_656, 69_836),
}
CONFIGS: dict[str, type[PreTrainedConfig]] = {
    "gemma2-9b": Gemma2Config,
    "qwen2.5-7b": Qwen2Config,
    "qwen3-4b": Qwen3Config,
    "gemma3-4b": Gemma3TextConfig,
}


def learnt(model: torch.nn.Module) -> int:
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


def formulas(hidden: int, layers: int, queries: int, keys: int, mlp: int) -> tuple[int, int]:
    lora = layers * (2 * (hidden + queries) + 2 * (hidden + keys) + 3 * (hidden + mlp))
    return lora, layers * 2 * (keys + 3)


@pytest.mark.parametrize("name", TABLE)
def test_parameters_are_as_many_as_the_table_says(name: str) -> None:
    shape, lora, extra = TABLE[name]
    assert formulas(*shape) == (lora, extra)
    hidden, _, queries, keys, mlp = shape
    sizes = {"hidden_size": hidden, "num_hidden_layers": 1, "intermediate_size": mlp, "vocab_size": 8}
    heads = {"num_attention_heads": queries // 128, "num_key_value_heads": keys // 128, "head_dim": 128}
    config = CONFIGS[name].from_dict({**sizes, **heads, "pad_token_id": 0})
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        of_rank = [learnt(attach(copy.deepcopy(base), RoleLoraConfig(r=r))) for r in (8, 16)]
    layers = shape[1]
    assert of_rank[0] * layers == 8 * (lora + extra)
    assert all(second == 2 * first for first, second in pairwise(of_rank))
