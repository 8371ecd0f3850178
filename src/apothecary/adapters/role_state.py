"""Which token plays which role, for the forward pass at hand: one small object per model.

Roles are given for whole sequences; a forward pass may read a part of them (a cached prefix is not read
again, a prompt may be read in chunks) or go beyond (generated tokens have no role). A hook before each pass
of the whole model cuts out what the pass reads, a hook after it takes it away again. Under gradient
checkpointing the layers run once more during the backward pass, when other passes may have come between:
each layer's second run gets the roles of its first. All this belongs to one thread at a time: a second one
is refused, since the roles of one pass would reach the other.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from apothecary.errors import UsageError

__all__ = ["ATTRIBUTE", "RoleState", "roles", "state_of"]

ATTRIBUTE = "role_state"
CHECKPOINTING = "_gradient_checkpointing_func"
Checkpoint = Callable[..., object]


class RoleState:
    """The roles of a model's tokens. `current` is what this pass reads, None where all have role 0.

    Shapes: roles as given (B, P), whole numbers from 0 to below `num_roles`; `current` (rows, tokens).
    """

    def __init__(self, model: nn.Module, num_roles: int) -> None:
        self.num_roles = num_roles
        self.current: Tensor | None = None
        self._inside = False
        self._given: Tensor | None = None
        self._owners: dict[str, int] = {}
        self._parameters = tuple(inspect.signature(model.forward).parameters)
        self._hooks = (
            model.register_forward_pre_hook(self._before, with_kwargs=True),
            model.register_forward_hook(self._after, always_call=True),
            *_refusing_alone(model),
        )
        setattr(model, ATTRIBUTE, self)

    def leave(self, model: nn.Module) -> None:
        """Let the model be as it was."""
        for hook in self._hooks:
            hook.remove()
        for layer in model.modules():
            func = vars(layer).get(CHECKPOINTING)
            if isinstance(func, _Remembering) and func.state is self:
                vars(layer)[CHECKPOINTING] = func.func
        if vars(model).get(ATTRIBUTE) is self:
            delattr(model, ATTRIBUTE)

    @contextmanager
    def given(self, ids: Tensor) -> Iterator[None]:
        """Take these for the roles of every pass inside. Raises UsageError for what are none."""
        checked = self._checked(ids)
        owned = self._own("given")
        kept, self._given = self._given, checked
        try:
            yield
        finally:
            self._given = kept
            if not owned:
                del self._owners["given"]

    def rows_of(self, table: Tensor, x: Tensor, *, learning: bool) -> Tensor:
        """The rows of a table (roles, outputs) that the tokens of a module's input take.

        Raises UsageError where no roles were told and something would be learnt or lost by it, and for a
        module that does not see the tokens of the pass.
        """
        if not self._inside and (learning or self._given is not None):
            told = "no roles reach this pass"
            hint = "give role_ids to the whole model (with a Trainer: remove_unused_columns=False)"
            raise UsageError(told, hint=hint)
        if self.current is None:
            return table[0]
        if x.dim() != 3 or x.shape[:2] != self.current.shape:
            seen, read = tuple(x.shape[:-1]), tuple(self.current.shape)
            message = f"a conditioned module sees {seen} positions, the model reads {read} tokens"
            raise UsageError(message, hint="role_modules: name modules that see every token of the text")
        return functional.embedding(self.current.to(table.device), table)

    def _before(
        self, model: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        if vars(model).get("_is_replica"):
            hint = "use DistributedDataParallel"
            raise UsageError("roles do not go with DataParallel: its threads share one state", hint=hint)
        self._own("pass")
        own = kwargs.pop("role_ids", None)
        named = {**dict(zip(self._parameters, args, strict=False)), **kwargs}
        tokens = named.get("input_ids")
        tokens = tokens if isinstance(tokens, Tensor) else named.get("inputs_embeds")
        if not isinstance(tokens, Tensor):
            raise UsageError("the model was called without input_ids and without inputs_embeds")
        offset = _read_before(named)
        if own is None:
            ids = self._given
        else:
            ids = self._checked(own)
            whole = (tokens.shape[0], int(offset) + tokens.shape[1])
            if ids.shape != whole:
                hint = "one role for each token, padding and cached tokens included"
                raise UsageError(f"role_ids are {tuple(ids.shape)}, the tokens {whole}", hint=hint)
        current = None if ids is None else _part(ids, tokens, offset)
        self.current, self._inside = current, ids is not None
        if model.training and torch.is_grad_enabled():
            self._remember(model)
        return args, kwargs

    def _after(self, model: nn.Module, args: object, output: object) -> None:
        if self._owned_elsewhere():
            return  # this pass was refused
        # What runs later without a pass of the whole model must not find the roles of an earlier one.
        self.current, self._inside = None, False
        self._owners.pop("pass", None)

    def _own(self, what: str) -> bool:
        """Let this thread have the passes, or the roles given to several; whether it had them already.

        Raises UsageError where another one has either.
        """
        if torch.compiler.is_compiling():
            return True  # a compiled pass does not know in which thread it runs
        me, owned = threading.get_ident(), what in self._owners
        taken = self._owners.setdefault(what, me) == me
        if {*dict(self._owners).values()} != {me}:
            if taken and not owned:
                del self._owners[what]
            hint = "one thread at a time; give the roles in the thread that runs the model"
            raise UsageError("another thread is using the roles of this model", hint=hint)
        return owned

    def _owned_elsewhere(self) -> bool:
        return not torch.compiler.is_compiling() and self._owners.get("pass") != threading.get_ident()

    def _checked(self, ids: object) -> Tensor:
        if (
            not isinstance(ids, Tensor)
            or ids.dim() != 2
            or ids.is_floating_point()
            or ids.dtype == torch.bool
        ):
            raise UsageError("role_ids: give a matrix of whole numbers, a row a sequence")
        # Once for a pass, not once for a module: on a GPU each look at a value waits for all work before it.
        # A compiled pass would be broken up by it, and fails at the look-up of a row that is not there.
        looked = ids.numel() > 0 and not torch.compiler.is_compiling()
        if looked and not 0 <= int(ids.min()) <= int(ids.max()) < self.num_roles:
            raise UsageError(f"role_ids: roles are numbers from 0 to {self.num_roles - 1}")
        return ids.long()

    def _remember(self, model: nn.Module) -> None:
        """See to it that checkpointed layers find their roles again, whatever is computed in between."""
        for layer in model.modules():
            func = vars(layer).get(CHECKPOINTING)
            if func is not None and not isinstance(func, _Remembering):
                vars(layer)[CHECKPOINTING] = _Remembering(self, func)

    @contextmanager
    def _holding(self, current: Tensor | None, inside: bool) -> Iterator[None]:
        """As if the pass that reads these roles were still going on."""
        kept = self.current, self._inside
        self.current, self._inside = current, inside
        try:
            yield
        finally:
            self.current, self._inside = kept

    def remembered(self, run: Checkpoint) -> Checkpoint:
        """A function that runs with the roles of now, whenever it is called."""
        return partial(self._run_again, self.current, self._inside, run)

    def _run_again(
        self, current: Tensor | None, inside: bool, run: Checkpoint, *args: object, **kwargs: object
    ) -> object:
        with self._holding(current, inside):
            return run(*args, **kwargs)


class _Remembering:
    """A checkpointing function whose second run of a layer has the roles of the first."""

    def __init__(self, state: RoleState, func: Checkpoint) -> None:
        self.state = state
        self.func = func

    def __call__(self, run: Checkpoint, *args: object, **kwargs: object) -> object:
        return self.func(self.state.remembered(run), *args, **kwargs)


def _refusing_alone(model: nn.Module) -> list[RemovableHandle]:
    """Hooks for what lies between the model and its layers: called by itself, it would overlook roles."""
    inner = getattr(model, "base_model", None)
    if not isinstance(inner, nn.Module) or inner is model:
        return []
    return [inner.register_forward_pre_hook(_refuse_alone, with_kwargs=True)]


def _refuse_alone(inner: nn.Module, args: object, kwargs: Mapping[str, object]) -> None:
    if "role_ids" in kwargs:
        hint = "output_hidden_states=True gives what is between"
        raise UsageError("role_ids go to the whole model", where=type(inner).__name__, hint=hint)


def _read_before(named: Mapping[str, object]) -> int | Tensor:
    """How many tokens the cache holds; a static cache tells by a tensor, which it changes in place."""
    cache = named.get("past_key_values")
    if cache is None:
        return 0
    length = cache.get_seq_length()  # type: ignore[attr-defined]
    return length.clone() if isinstance(length, Tensor) else int(length)


def _part(ids: Tensor, tokens: Tensor, offset: int | Tensor) -> Tensor | None:
    """The roles of the tokens that are read now: 0 beyond the end of what was given."""
    rows, width = tokens.shape[:2]
    if rows % len(ids):
        raise UsageError(f"role_ids are for {len(ids)} sequences, the model reads {rows}")
    known = ids.shape[1]
    if not known:
        return None
    if isinstance(offset, int):
        if offset >= known:
            return None
        part = ids[:, offset : offset + width].to(tokens.device)
        part = functional.pad(part, (0, width - part.shape[1]))
    else:
        # Nothing here looks at the value of the length: a compiled pass runs on without waiting for it.
        ids = ids.to(tokens.device)
        places = offset.to(tokens.device) + torch.arange(width, device=tokens.device)
        part = torch.where(places < known, ids[:, places.clamp(max=known - 1)], 0)
    # Beams and several answers to one prompt are rows that follow each other.
    return part.repeat_interleave(rows // len(ids), 0)


def state_of(model: nn.Module) -> RoleState:
    """The state of a model that has roles, however it is wrapped. Raises UsageError for any other."""
    for module in model.modules():
        found = vars(module).get(ATTRIBUTE)
        if isinstance(found, RoleState):
            return found
    raise UsageError("the model has no roles", hint="attach or load a role adapter first")


@contextmanager
def roles(model: nn.Module, ids: Tensor) -> Iterator[None]:
    """Every pass of the model inside reads these roles, one row a sequence, padded as the tokens are.

    Tokens past their end have no role, so that a loop that decodes token by token needs nothing else.
    Raises UsageError.
    """
    with state_of(model).given(ids):
        yield
