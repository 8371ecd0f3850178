"""Fit a network over visits (SafeDrug, GAMENet) as a scorer of drugs.

The loss is that of SafeDrug (Yang et al. 2021): cross-entropy and a ranking margin while lists interact less
than a target, else a mixture with the expected interactions, in proportion to the excess. Departures:
1. Interactions of a visit are divided by the number of drugs, so that their size is that of cross-entropy.
2. The rate is that of a batch of visits, where the paper takes one patient. 3. A visit is learnt with those
before it; the paper takes all visits of a patient at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apothecary.networks.gamenet import GameNet
from apothecary.networks.safedrug import SafeDrug
from apothecary.networks.visit_network import Bools, Form, NetworkScorer, Seen, VisitNetwork
from apothecary.networks.visit_scorers import Rows
from apothecary.training.network_settings import NetworkSettings

__all__ = ["Known", "controlled_loss", "fit_network", "share_of_harm"]

_NETWORKS: Mapping[str, Callable[[Form, float], VisitNetwork]] = {"safedrug": SafeDrug, "gamenet": GameNet}
_CONDITIONS, _PROCEDURES = ("diagnosis ", "age ", "sex "), ("procedure ",)
"""How the names of the features of the two streams begin."""
_MOST_GRADIENT = 5.0


@dataclass(frozen=True)
class Known:
    """What is known beside the visits: the names of the features, which drugs interact, parts of molecules.

    `parts` is for SafeDrug alone (None: no local part). Shapes: interacting drugs x drugs, parts x drugs.
    """

    features: Sequence[str]
    interacting: Bools
    parts: Bools | None = None


def fit_network(
    kind: str, rows: Rows, given: Bools, known: Known, settings: NetworkSettings, *, seed: int
) -> NetworkScorer:
    """A network that learnt from visits with their lists; the same seed gives the same weights.

    `kind` is ``safedrug`` or ``gamenet``; rows have their earlier visits. Shapes: given visits x drugs.
    """
    visits, drugs = given.shape
    parts = known.parts if kind == "safedrug" else None
    form = Form(rows.width, drugs, settings.hidden, 0 if parts is None else len(parts))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _NETWORKS[kind](form, settings.dropout)
        network.told(_marked(known, _CONDITIONS), _marked(known, _PROCEDURES), known.interacting, given)
        if isinstance(network, SafeDrug) and parts is not None:
            network.told_parts(parts)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        wanted, harm = torch.from_numpy(given), torch.from_numpy(known.interacting.astype(np.float32))
        order = np.random.default_rng(seed)
        network.train()
        for _ in range(settings.epochs):
            for chosen in np.array_split(order.permutation(visits), -(-visits // settings.batch)):
                optimizer.zero_grad(set_to_none=True)
                logits = network(Seen.of(rows, chosen))
                torch.autograd.backward(controlled_loss(logits, wanted[chosen], harm, settings))
                torch.nn.utils.clip_grad_norm_(network.parameters(), _MOST_GRADIENT)
                optimizer.step()
    return NetworkScorer(network.eval())


def controlled_loss(logits: Tensor, wanted: Tensor, harm: Tensor, settings: NetworkSettings) -> Tensor:
    """What is to be made small. Shapes: logits and wanted visits x drugs, harm drugs x drugs."""
    chances = torch.sigmoid(logits)
    wrong = functional.binary_cross_entropy_with_logits(logits, wanted.float())
    ranked = functional.multilabel_margin_loss(chances, _listed(wanted))
    wrong = (1 - settings.margin) * wrong + settings.margin * ranked
    excess = share_of_harm(chances.detach() >= 0.5, harm) - settings.target
    if excess <= 0:
        return wrong
    kept = max(0.0, 1 - excess / settings.slack)
    # Every pair is met from both of its ends.
    harms = ((chances @ harm) * chances).sum(dim=1).mean() / (2 * wanted.shape[1])
    return kept * wrong + (1 - kept) * harms


def share_of_harm(lists: Tensor, harm: Tensor) -> float:
    """The mean over lists of the share of interacting pairs. Shapes: lists visits x drugs."""
    members = lists.float()
    sizes = members.sum(dim=1)
    pairs = (sizes * (sizes - 1)).clamp(min=1)
    return float((((members @ harm) * members).sum(dim=1) / pairs).mean())


def _marked(known: Known, beginnings: tuple[str, ...]) -> Bools:
    return np.array([name.startswith(beginnings) for name in known.features], dtype=np.bool_)


def _listed(wanted: Tensor) -> Tensor:
    """The drugs of each list as numbers, -1 after the last, as torch wants them."""
    places = torch.arange(wanted.shape[1]).expand(wanted.shape)
    order = torch.argsort(wanted.int(), dim=1, descending=True, stable=True)
    return torch.where(wanted.gather(1, order), places.gather(1, order), -1)
