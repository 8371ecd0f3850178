"""A language model with a new adapter on it: what it gives the tokens of an answer, and how it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from peft import LoraConfig, LoraModel, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from apothecary.adapters.role_config import RoleLoraConfig, Variant
from apothecary.adapters.role_files import save_role_adapter
from apothecary.adapters.role_model import attach
from apothecary.engines.hf_weights import CHAT_TEMPLATE
from apothecary.errors import UsageError, WeightsError
from apothecary.training.adapter_files import PREFIX, AdapterFile, read_adapter, write_adapter
from apothecary.training.adapter_sums import summed
from apothecary.training.base_model import Base, quiet, translated
from apothecary.training.chat_data import Template, Tokens
from apothecary.training.chat_templates import CHAT_TEMPLATES
from apothecary.training.lora_settings import LoraSettings, SftSettings, TuneSettings

__all__ = ["Learner", "Policy", "accelerator", "flushed", "plain_config", "rate", "seeded"]

NEW, START = "default", "start"
CLOSE, LOOSE = 1e-3, 0.25
"""How far log-probabilities of packed rows may be from others, in float32 and in bfloat16."""


def accelerator(track: Sequence[str], out: Path) -> Accelerator:
    """The processes that train together: one, or as many as ``accelerate launch`` began."""
    # The others wait while one judges a checkpoint.
    waiting = InitProcessGroupKwargs(timeout=timedelta(hours=12))
    return Accelerator(log_with=list(track) or None, project_dir=str(out), kwargs_handlers=[waiting])


class Policy:
    """The model, its adapter, and its way to read conversations.

    Only the new adapter learns. The policy without it, but with the adapter it started from, is the
    reference.
    """

    def __init__(self, base: Base, settings: TuneSettings, start: Path | None, device: torch.device) -> None:
        self._roles = bool(settings.lora.roles)
        if self._roles and start:
            raise UsageError(
                "roles cannot be learnt on top of another adapter", where="start", hint="merge it"
            )
        self.template = Template(base.tokenizer, base.name, settings.chat_template)
        self._named = settings.chat_template
        learning = settings if isinstance(settings, SftSettings) else None
        self._packing = learning is not None and learning.packing
        self._name = base.name
        self._number = base.number
        self._device = device
        self._start = read_adapter(start) if start else None
        torch.manual_seed(settings.seed)
        self._scale = settings.lora.alpha / settings.lora.rank
        with quiet(), translated(base.name, "cannot take this adapter"):
            self.model = (
                attach(base.model, _role_config(settings), adapter=NEW)
                if self._roles
                else cast(
                    PeftModel, get_peft_model(base.model, plain_config(settings.lora), adapter_name=NEW)
                )
            )
        if start:
            self._put_under(start)
        if settings.recompute:
            base.model.gradient_checkpointing_enable()  # type: ignore[no-untyped-call]
            base.model.enable_input_require_grads()  # type: ignore[no-untyped-call]
        if self._number != torch.float32:
            # Autocast brings weights and input to one number type: what PEFT widened would be narrowed again.
            for layer in self.model.modules():
                if isinstance(layer, LoraLayer):
                    layer.cast_input_dtype_enabled = False
        if learning is None or not learning.four_bit:
            # What is in four bits lies on its device from the beginning.
            self.model.to(device)
        self.model.train()

    def _put_under(self, start: Path) -> None:
        """The adapter to start from works too, and stays as it is."""
        with quiet(), translated(str(start), f"does not fit {self._name}"):
            self.model.load_adapter(str(start), adapter_name=START, is_trainable=False)
            cast(LoraModel, self.model.base_model).set_adapter([START, NEW])
        for name, parameter in self.model.named_parameters():
            if f".{START}." in name:
                parameter.requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def learnt(self) -> dict[str, torch.nn.Parameter]:
        """What learns, by name, in a fixed order."""
        return {name: each for name, each in sorted(self.model.named_parameters()) if each.requires_grad}

    @contextmanager
    def reference(self) -> Iterator[None]:
        """The policy as it was before it learnt anything."""
        layers = [each for each in self.model.modules() if isinstance(each, LoraLayer)]
        kept = [layer.scaling.get(NEW, 0.0) for layer in layers]
        try:
            for layer in layers:
                layer.scaling[NEW] = 0.0
            yield
        finally:
            for layer, scale in zip(layers, kept, strict=True):
                layer.scaling[NEW] = scale

    @contextmanager
    def computing(self) -> Iterator[None]:
        """In the number type of the weights; the adapter itself stays in float32."""
        with torch.autocast(self._device.type, self._number, enabled=self._number != torch.float32):
            yield

    def logprobs(self, rows: Sequence[Tokens], temperature: float = 1.0) -> list[Tensor]:
        """For each row the log-probability of every token of its answer.

        The output layer is computed for the answers alone: it is the dearest part of a small model. Rows
        begin together, so that no token sees padding and attention needs no mask.
        """
        if self._packing:
            return self.packed(rows, temperature)
        ids = self._padded([row.prompt + row.answer for row in rows])
        given = {"role_ids": self._padded([self._roles_of(row) for row in rows], 0)} if self._roles else {}
        lines = [line for line, row in enumerate(rows) for _ in row.answer]
        before = [place for row in rows for place in range(len(row.prompt) - 1, row.length - 1)]
        return self._answers(rows, {"input_ids": ids, **given}, (lines, before), temperature)

    def _answers(
        self,
        rows: Sequence[Tokens],
        given: Mapping[str, Tensor],
        before: tuple[Sequence[int], Sequence[int]],
        temperature: float,
    ) -> list[Tensor]:
        """The log-probabilities of answers; `before` are lines and columns of the tokens before theirs."""
        with self.computing(), self._scored(*before):
            found = self.model(use_cache=False, **given).logits[0]
        told = _told(found, [token for row in rows for token in row.answer], temperature)
        return list(torch.split(told, [len(row.answer) for row in rows]))

    @contextmanager
    def _scored(self, lines: Sequence[int], columns: Sequence[int]) -> Iterator[None]:
        """Let the output layer see these tokens alone, as one row."""
        places = torch.tensor([lines, columns], device=self._device)

        def chosen(module: torch.nn.Module, states: tuple[Tensor]) -> tuple[Tensor]:
            return (states[0][places[0], places[1]][None],)

        model = cast(PreTrainedModel, self.model.get_base_model())
        head = cast(torch.nn.Module, model.get_output_embeddings())  # type: ignore[no-untyped-call]
        handle = head.register_forward_pre_hook(chosen)
        try:
            yield
        finally:
            handle.remove()

    def _padded(self, rows: Sequence[Sequence[int]], padding: int | None = None) -> Tensor:
        """Rows of numbers aligned at their beginnings, filled up with `padding`, else with the template's."""
        longest = max(map(len, rows))
        filler = [self.template.padding if padding is None else padding]
        return torch.tensor([[*row, *filler * (longest - len(row))] for row in rows], device=self._device)

    def packed(self, rows: Sequence[Tokens], temperature: float = 1.0) -> list[Tensor]:
        """As `logprobs`, of rows that stand one behind the other in a single one, without padding.

        Each counts its positions from 0, and attention stays within what counts on: so the library takes
        positions that begin anew, where no mask is given.
        """
        ids = torch.tensor(
            [[token for row in rows for token in row.prompt + row.answer]], device=self._device
        )
        places = torch.cat([torch.arange(row.length) for row in rows])[None].to(self._device)
        begins = [0, *accumulate(row.length for row in rows)]
        before = [
            place
            for begin, row in zip(begins, rows, strict=False)
            for place in range(begin + len(row.prompt) - 1, begin + row.length - 1)
        ]
        given = {"input_ids": ids, "position_ids": places}
        return self._answers(rows, given, ([0] * len(before), before), temperature)

    def check_packing(self, rows: Sequence[Tokens]) -> None:
        """Raises UsageError for a model that sees other conversations of a packed row."""
        if not self._packing or len(rows) < 2:
            return
        shortest = sorted(rows, key=lambda row: row.length)[:2]
        self.model.eval()
        with torch.inference_mode():
            together = torch.cat(self.packed(shortest))
            apart = torch.cat([each for row in shortest for each in self.packed([row])])
        self.model.train()
        if not torch.allclose(together, apart, atol=LOOSE if self._number == torch.bfloat16 else CLOSE):
            raise UsageError(
                "packing: this kind of model cannot do it", where=self._name, hint="leave it out"
            )

    @staticmethod
    def _roles_of(row: Tokens) -> Sequence[int]:
        """The roles of the tokens of a row; an answer has none."""
        return [*(row.roles or (0,) * len(row.prompt)), *(0,) * len(row.answer)]

    def write(self, folder: Path) -> None:
        """Write what was learnt, with what it was learnt on top of, in the layout of PEFT."""
        if self._roles:
            save_role_adapter(self.model, folder, adapter=NEW)
        else:
            write_adapter(self.adapter(), folder)
        if self._named:
            text = CHAT_TEMPLATES[self._named].text
            (folder / CHAT_TEMPLATE).write_text(text, encoding="utf-8")

    def adapter(self) -> AdapterFile:
        """What was learnt, together with the adapter it was learnt on top of."""
        state = cast(Mapping[str, Tensor], get_peft_model_state_dict(self.model, save_embedding_layers=False))
        modules = {}
        for name in state:
            if name.endswith(".lora_A.weight"):
                module = name.removesuffix(".lora_A.weight")
                a, b = state[name], state[f"{module}.lora_B.weight"]
                modules[module.removeprefix(PREFIX)] = (a.detach().float().cpu(), b.detach().float().cpu())
        new = AdapterFile(self._name, self._scale, modules)
        return summed([self._start, new]) if self._start else new


def _told(scores: Tensor, tokens: Sequence[int], temperature: float) -> Tensor:
    """The log-probability of each token, in float32; shapes: tokens x vocabulary, tokens."""
    scores, wanted = scores.float(), torch.tensor(tokens, device=scores.device)
    # One pass forward and one back: as a difference of sums a step of the embedded model takes 4 % longer.
    return -cross_entropy(scores if temperature == 1 else scores / temperature, wanted, reduction="none")


def plain_config(lora: LoraSettings) -> LoraConfig:
    """A plain LoRA as PEFT wants it."""
    return LoraConfig(
        r=lora.rank,
        lora_alpha=cast(int, lora.alpha),
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
    )


def _role_config(settings: TuneSettings) -> RoleLoraConfig:
    lora = settings.lora
    return RoleLoraConfig(
        r=lora.rank,
        lora_alpha=cast(int, lora.alpha),
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
        variant=cast(Variant, lora.roles),
        role_modules=lora.role_modules,
        scale_vectors=lora.scale_vectors,
        shared_embedding=lora.shared_embedding,
        freeze_none=lora.freeze_none,
        base_model_name_or_path=settings.model,
    )


class Learner:
    """The optimizer of a policy, with its schedule: warm-up, then a cosine down to nothing."""

    def __init__(self, policy: Policy, settings: TuneSettings, total: int, processes: Accelerator) -> None:
        self._settings = settings
        self._total = total
        self._processes = processes
        self._parameters = policy.learnt
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(),
            lr=settings.learning_rate,
            betas=(0.9, settings.beta2),
            weight_decay=settings.weight_decay,
        )

    def step(self, step: int) -> dict[str, float]:
        """Change the adapter by the gradients that all processes gathered; what was done, for the log."""
        parameters = list(self._parameters.values())
        if self._processes.num_processes > 1:
            for parameter in parameters:
                given = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = cast(Tensor, self._processes.reduce(given, reduction="sum"))
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._settings.max_gradient)
        if not torch.isfinite(norm):
            # A step by it would leave no weight that is a number.
            self._optimizer.zero_grad(set_to_none=True)
            return {"gradient": math.inf, "rate": 0.0}
        now = rate(step, self._total, self._settings)
        for group in self._optimizer.param_groups:
            group["lr"] = now
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return {"gradient": float(norm), "rate": now}

    def state(self) -> dict[str, object]:
        """All that `restore` needs."""
        adapter = {name: each.detach().cpu().clone() for name, each in self._parameters.items()}
        return {"adapter": adapter, "optimizer": self._optimizer.state_dict()}

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from a kept state. Raises WeightsError when it is of another adapter."""
        adapter = cast(Mapping[str, Tensor], state["adapter"])
        if {name: each.shape for name, each in adapter.items()} != {
            name: each.shape for name, each in self._parameters.items()
        }:
            raise WeightsError("the kept state is of another adapter", hint="leave out --resume")
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(adapter[name])
        self._optimizer.load_state_dict(cast("dict[str, object]", state["optimizer"]))


def rate(step: int, total: int, settings: TuneSettings) -> float:
    """The learning rate of a step, counted from 0: it rises linearly, then falls as a half cosine."""
    warm = math.ceil(settings.warm_up * total)
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    gone = (step - warm) / max(1, total - warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * gone))


def seeded(settings: TuneSettings, step: int, process: int = 0) -> int:
    """Draw what a step draws from its own seed, so that a resumed training draws the same."""
    seed = (settings.seed * 1_000_003 + step * 1_009 + process) % 2**31
    torch.manual_seed(seed)
    return seed


@contextmanager
def flushed() -> Iterator[None]:
    """Numbers too small for the normal range count as 0: on a CPU they cost a hundred times as much."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
