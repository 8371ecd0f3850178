"""Several adapters of one model as one: their sum, their mean, and the nearest one of a lower rank.

The mean of adapters that were trained alike with other seeds is a uniform soup of their models (Wortsman et
al. 2022), taken here in what each adds to the weights, not half by half: the mean of the halves would be
another matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from apothecary.errors import UsageError, WeightsError
from apothecary.training.adapter_files import AdapterFile

__all__ = ["averaged", "reduced", "summed"]


def summed(adapters: Sequence[AdapterFile]) -> AdapterFile:
    """One adapter that adds what all add: ranks are laid side by side, so nothing is rounded away.

    Raises WeightsError for adapters of models that differ in the size of a module.
    """
    known: dict[str, tuple[Tensor, Tensor]] = {}
    for each in adapters:
        for module, (a, b) in each.modules.items():
            first_a, first_b = known.setdefault(module, (a, b))
            if (a.shape[1], b.shape[0]) != (first_a.shape[1], first_b.shape[0]):
                raise WeightsError(f"the adapters are of different models: {module} differs in size")
    modules = {}
    for module in sorted(known):
        halves = [_halves(each, known, module) for each in adapters]
        modules[module] = (torch.cat([a for a, _ in halves]), torch.cat([b for _, b in halves], dim=1))
    return AdapterFile(next((each.base for each in adapters if each.base), ""), 1.0, modules)


def averaged(adapters: Sequence[AdapterFile]) -> AdapterFile:
    """One adapter that adds the mean of what the given ones add."""
    return summed([replace(each, scale=each.scale / len(adapters)) for each in adapters])


def reduced(adapter: AdapterFile, rank: int) -> tuple[AdapterFile, float]:
    """The nearest adapter of `rank`, and the share that it keeps of the squared norm of all changes.

    By the singular values of each module's change (Eckart and Young 1936), found without the change itself
    being written out. Raises UsageError for a rank below one.
    """
    if rank < 1:
        raise UsageError(f"a rank of {rank} is no rank", hint="give 1 or more")
    modules, kept, whole = {}, 0.0, 0.0
    for module, (a, b) in adapter.modules.items():
        outer, inner_b = torch.linalg.qr(b * adapter.scale)
        inputs, inner_a = torch.linalg.qr(a.T)
        left, values, right = torch.linalg.svd(inner_b @ inner_a.T)
        root = values[:rank].sqrt()
        modules[module] = (
            root[:, None] * right[:rank] @ inputs.T,
            outer @ left[:, : len(root)] * root,
        )
        kept += float(values[:rank].square().sum())
        whole += float(values.square().sum())
    return AdapterFile(adapter.base, 1.0, modules), kept / whole if whole else 1.0


def _halves(
    adapter: AdapterFile, known: dict[str, tuple[Tensor, Tensor]], module: str
) -> tuple[Tensor, Tensor]:
    """The halves with the scale in the second; zeros for a module that only other adapters change."""
    if module in adapter.modules:
        a, b = adapter.modules[module]
        return a, b * adapter.scale
    # The file has one rank for all modules.
    rank = next((a.shape[0] for a, _ in adapter.modules.values()), 1)
    a, b = known[module]
    return torch.zeros(rank, a.shape[1]), torch.zeros(b.shape[0], rank)
