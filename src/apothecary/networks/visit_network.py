"""What the networks over visits share: two recurrent streams, and a scorer of drugs that wraps a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apothecary.errors import DataError
from apothecary.networks.visit_scorers import Matrix, Rows
from apothecary.networks.visit_steps import block_of

__all__ = ["Form", "NetworkScorer", "Seen", "Streams", "VisitNetwork", "at_last", "read_network"]

Bools = NDArray[np.bool_]

BATCH = 256
_SPREAD = 0.1


@dataclass(frozen=True)
class Form:
    """The size of a network: columns of a step, drugs, width of its vectors, parts of molecules."""

    columns: int
    drugs: int
    hidden: int = 64
    parts: int = 0


@dataclass(frozen=True)
class Seen:
    """A block of visits as tensors (`visit_steps.Block`)."""

    features: Tensor
    lists: Tensor
    counts: Tensor

    @classmethod
    def of(cls, rows: Rows, visits: NDArray[np.int64]) -> Seen:
        """Chosen visits. Raises DataError for rows without their earlier visits."""
        block = block_of(rows, visits)
        return cls(*(torch.from_numpy(each) for each in (block.features, block.lists, block.counts)))


class Streams(nn.Module):
    """Conditions and procedures of visits, each embedded and read by a recurrent network of its own."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        for name in ("conditions", "procedures"):
            self.register_buffer(name, torch.zeros(form.columns))
        self.of_conditions = nn.Parameter(_SPREAD * torch.randn(form.columns, form.hidden))
        self.of_procedures = nn.Parameter(_SPREAD * torch.randn(form.columns, form.hidden))
        self.read_conditions = nn.GRU(form.hidden, form.hidden, batch_first=True)
        self.read_procedures = nn.GRU(form.hidden, form.hidden, batch_first=True)

    def forward(self, features: Tensor, dropped: nn.Dropout) -> Tensor:
        """What is known after each step. Shapes: features visits x steps x columns, result .. x 2 hidden."""
        conditions = (features * self.get_buffer("conditions")) @ self.of_conditions
        procedures = (features * self.get_buffer("procedures")) @ self.of_procedures
        found = self.read_conditions(dropped(conditions))[0], self.read_procedures(dropped(procedures))[0]
        return torch.cat(found, dim=2)


class VisitNetwork(nn.Module):
    """What a network over visits is: `forward` gives log-odds of the drugs."""

    def __init__(self, form: Form, dropout: float) -> None:
        super().__init__()
        self.form = form
        self.streams = Streams(form)
        self.dropped = nn.Dropout(dropout)

    def told(self, conditions: Bools, procedures: Bools, interacting: Bools, given: Bools) -> None:
        """Take over what is not learnt: the columns of each stream, the graph of interactions, the lists of
        the training visits. Shapes: columns; columns; drugs x drugs; visits x drugs."""
        self.streams.conditions = torch.from_numpy(conditions.astype(np.float32))
        self.streams.procedures = torch.from_numpy(procedures.astype(np.float32))

    def forward(self, seen: Seen) -> Tensor:
        """Log-odds. Shapes: result visits x drugs."""
        raise NotImplementedError


@dataclass(frozen=True)
class NetworkScorer:
    """A trained network as a scorer of drugs (`visit_scorers.Scorer`)."""

    network: VisitNetwork
    reads_earlier: ClassVar[bool] = True

    def probabilities(self, rows: Rows) -> Matrix:
        """Shapes: result visits x drugs. Raises DataError for rows that do not fit."""
        form = self.network.form
        if rows.width != form.columns or (rows.earlier and rows.earlier.given.shape[1] != form.drugs):
            raise DataError("a network does not fit the features or the drugs of visits")
        found = np.zeros((len(rows), form.drugs))
        self.network.eval()
        with torch.no_grad():
            for start in range(0, len(rows), BATCH):
                visits = np.arange(start, min(start + BATCH, len(rows)))
                found[visits] = torch.sigmoid(self.network(Seen.of(rows, visits)).double()).numpy()
        return found

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The weights, and what the network was told."""
        return {name: value.numpy().copy() for name, value in self.network.state_dict().items()}


def read_network(
    arrays: Mapping[str, NDArray[np.generic]], make: Callable[[Form], VisitNetwork], drugs: str
) -> NetworkScorer:
    """A scorer from its `arrays`; the last axis of the one named `drugs` is that of the drugs.

    Raises DataError for what is not its own.
    """
    embedded, of_drugs = arrays.get("streams.of_conditions"), arrays.get(drugs)
    if embedded is None or of_drugs is None or embedded.ndim != 2 or not of_drugs.ndim:
        raise DataError("arrays of a network are missing")
    parts = arrays.get("parts")
    columns, hidden = embedded.shape
    network = make(Form(columns, of_drugs.shape[-1], hidden, 0 if parts is None else len(parts)))
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: value.shape for name, value in arrays.items()}
    if own != found:
        first = min(name for name in {*own, *found} if own.get(name) != found.get(name))
        raise DataError(f"the array {first} of a network is missing or of another form")
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in arrays.items()}
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise DataError("an array of a network holds what is not finite")
    network.load_state_dict(state)
    return NetworkScorer(network)


def at_last(values: Tensor, counts: Tensor) -> Tensor:
    """What stands at the last step. Shapes: values visits x steps x any, result visits x any."""
    return values[torch.arange(len(counts)), counts - 1]
