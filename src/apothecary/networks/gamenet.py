"""A network in the manner of GAMENet: a bank of drugs from two graphs, a memory of the patient's lists.

Source: Shang et al., GAMENet (AAAI 2019), written from the paper; its loss stands in
`training.visit_networks`. Departures:
1. Interactions are kept down by the rule of SafeDrug, where the paper draws by lot which of two losses
counts. 2. The stream of conditions has the categories of codes, age and sex. 3. The last layer begins at the
shares of the drugs.
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

__all__ = ["GameNet", "read"]

_SPREAD = 0.1


class Graph(nn.Module):
    """Vectors of drugs by two layers of graph convolution over a fixed graph."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.register_buffer("links", torch.zeros(form.drugs, form.drugs))
        self.first = nn.Parameter(_SPREAD * torch.randn(form.drugs, form.hidden))
        self.second = nn.Parameter(form.hidden**-0.5 * torch.randn(form.hidden, form.hidden))

    def told(self, linked: Bools) -> None:
        """Take over the graph A, as ``D^-1/2 (A + I) D^-1/2``. Shapes: drugs x drugs."""
        whole = linked | np.eye(len(linked), dtype=np.bool_)
        roots = np.sqrt(whole.sum(axis=1))
        self.links = torch.from_numpy((whole / roots[:, None] / roots).astype(np.float32))

    def forward(self, dropped: nn.Dropout) -> Tensor:
        """Shapes: result drugs x hidden."""
        links = self.get_buffer("links")
        found: Tensor = links @ dropped(torch.tanh(links @ self.first)) @ self.second
        return found


class GameNet(VisitNetwork):
    """`together` is the graph of drugs that stood in one list, `harmful` that of interacting ones."""

    def __init__(self, form: Form, dropout: float = 0.5) -> None:
        super().__init__(form, dropout)
        self.query = nn.Linear(2 * form.hidden, form.hidden)
        self.together, self.harmful = Graph(form), Graph(form)
        self.harm = nn.Parameter(torch.ones(1))
        self.joined = nn.Linear(3 * form.hidden, 2 * form.hidden)
        self.last = nn.Linear(2 * form.hidden, form.drugs)

    def told(self, conditions: Bools, procedures: Bools, interacting: Bools, given: Bools) -> None:
        """As `VisitNetwork.told`; begins at the shares of the drugs."""
        super().told(conditions, procedures, interacting, given)
        self.harmful.told(interacting)
        lists = given.astype(np.int64)
        self.together.told(lists.T @ lists > 0)
        with torch.no_grad():
            self.last.bias.copy_(torch.from_numpy(log_odds(given.mean(axis=0))))

    def forward(self, seen: Seen) -> Tensor:
        """Log-odds. Shapes: result visits x drugs."""
        queries = self.query(torch.relu(self.streams(seen.features, self.dropped)))
        query = at_last(queries, seen.counts)
        bank = self.together(self.dropped) - self.harm * self.harmful(self.dropped)
        from_bank = torch.softmax(query @ bank.T, dim=1) @ bank
        # A first visit reads the bank alone, as in the paper.
        from_lists = self._from_lists(seen, queries, query, bank, from_bank)
        told = torch.relu(torch.cat((query, from_bank, from_lists), dim=1))
        found: Tensor = self.last(torch.relu(self.joined(told)))
        return found

    def _from_lists(
        self, seen: Seen, queries: Tensor, query: Tensor, bank: Tensor, otherwise: Tensor
    ) -> Tensor:
        """What the bank says of the patient's earlier lists, by the likeness of their visits to this one."""
        earlier = torch.arange(queries.shape[1]) < (seen.counts - 1)[:, None]
        some = earlier.any(dim=1)
        likeness = torch.einsum("vsh,vh->vs", queries[some], query[some]).masked_fill(
            ~earlier[some], -torch.inf
        )
        lists = torch.einsum("vs,vsd->vd", torch.softmax(likeness, dim=1), seen.lists[some])
        return otherwise.index_put((torch.nonzero(some)[:, 0],), lists @ bank)


def read(arrays: Mapping[str, NDArray[np.generic]]) -> NetworkScorer:
    """A trained network from its arrays. Raises DataError for what is not its own."""
    return read_network(arrays, GameNet, "last.bias")
