"""A network in the manner of SafeDrug: visits read by recurrent networks, drugs by what is known of them.

Source: Yang et al., SafeDrug (IJCAI 2021), written from the paper; its loss stands in
`training.visit_networks`. Departures:
1. Molecules are not read: the vector of a drug in the global part is learnt directly, where the paper makes
it by passing messages along the bonds of the molecule. 2. The local part is there only when the user says
which drug has which part of a molecule (`parts` of the settings). 3. The stream of conditions has the
categories of codes, age and sex. 4. The last layer begins at the shares of the drugs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apothecary.networks.visit_network import (
    Bools,
    Form,
    NetworkScorer,
    Seen,
    VisitNetwork,
    at_last,
    read_network,
)
from apothecary.networks.visit_scorers import log_odds

__all__ = ["SafeDrug", "read"]

_SPREAD = 0.1


class SafeDrug(VisitNetwork):
    """With parts in its form there is a local part, too: `told_parts` says which drug has which."""

    def __init__(self, form: Form, dropout: float = 0.5) -> None:
        super().__init__(form, dropout)
        self.query = nn.Linear(2 * form.hidden, form.hidden)
        self.drugs = nn.Parameter(_SPREAD * torch.randn(form.hidden, form.drugs))
        self.matched = nn.Linear(form.drugs, form.drugs)
        self.normed = nn.LayerNorm(form.drugs)
        if form.parts:
            self.register_buffer("parts", torch.zeros(form.parts, form.drugs))
            self.in_parts = nn.Linear(form.hidden, form.parts)
            self.of_parts = nn.Parameter(_SPREAD * torch.randn(form.parts, form.drugs))

    def told(self, conditions: Bools, procedures: Bools, interacting: Bools, given: Bools) -> None:
        """As `VisitNetwork.told`; begins at the shares of the drugs."""
        super().told(conditions, procedures, interacting, given)
        with torch.no_grad():
            self.normed.bias.copy_(torch.from_numpy(log_odds(given.mean(axis=0))))

    def told_parts(self, parts: Bools) -> None:
        """Take over which drug has which part. Shapes: parts x drugs."""
        self.parts = torch.from_numpy(parts.astype(np.float32))

    def forward(self, seen: Seen) -> Tensor:
        """Log-odds. Shapes: result visits x drugs."""
        told = at_last(self.streams(seen.features, self.dropped), seen.counts)
        query = self.query(torch.relu(told))
        match = torch.sigmoid(query @ self.drugs)
        found: Tensor = self.normed(match + self.matched(match))
        if not self.form.parts:
            return found
        having = torch.sigmoid(self.in_parts(query))
        return found * (having @ (self.of_parts * self.get_buffer("parts")))


def read(arrays: Mapping[str, NDArray[np.generic]]) -> NetworkScorer:
    """A trained network from its arrays. Raises DataError for what is not its own."""
    return read_network(arrays, SafeDrug, "drugs")
