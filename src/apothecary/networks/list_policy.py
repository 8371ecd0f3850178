"""The list editor as a torch module, to be trained; what it says equals `list_editor.ListEditor.logits`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apothecary.networks.list_features import CONTEXT, OF_DRUG, Seen

__all__ = ["ListPolicy", "SeenTensors"]


@dataclass(frozen=True)
class SeenTensors:
    """`Seen` as tensors; the same shapes, with states instead of visits."""

    drugs: Tensor
    context: Tensor
    gains: Tensor
    best: Tensor
    pull: Tensor
    legal: Tensor

    @classmethod
    def of(cls, seen: Seen) -> SeenTensors:
        """Share the memory of the arrays."""
        arrays = (seen.drugs, seen.context, seen.gains, seen.best, seen.pull, seen.legal)
        return cls(*(torch.from_numpy(each) for each in arrays))

    @classmethod
    def joined(cls, parts: list[SeenTensors]) -> SeenTensors:
        """The states of all parts, one after another."""
        return cls(
            torch.cat([part.drugs for part in parts]),
            torch.cat([part.context for part in parts]),
            torch.cat([part.gains for part in parts]),
            torch.cat([part.best for part in parts]),
            torch.cat([part.pull for part in parts]),
            torch.cat([part.legal for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.gains)

    def take(self, rows: Tensor) -> SeenTensors:
        """Some of the states."""
        return SeenTensors(
            self.drugs[rows],
            self.context[rows],
            self.gains[rows],
            self.best[rows],
            self.pull[rows],
            self.legal[rows],
        )


class ListPolicy(nn.Module):
    """Chances of the edits of lists, and of stopping.

    With `gain` it begins as the greedy editor of the expected potential, softened: edits are drawn by
    ``exp(gain * rise)``, and the odds of stopping are ``exp(-gain * largest rise)``. With 0.0 all edits are
    alike at first, and half of all decisions is to stop.
    """

    def __init__(self, hidden: int, gain: float) -> None:
        super().__init__()
        self.drug = nn.Linear(OF_DRUG, hidden)
        self.context = nn.Linear(CONTEXT, hidden, bias=False)
        self.second = nn.Linear(hidden, hidden)
        self.listed = nn.Linear(hidden, hidden, bias=False)
        self.edit = nn.Linear(hidden, 1)
        self.stop_first = nn.Linear(CONTEXT + hidden, hidden)
        self.stop = nn.Linear(hidden, 1)
        self.gain = nn.Parameter(torch.tensor(float(gain)))
        for last in (self.edit, self.stop):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, seen: SeenTensors) -> Tensor:
        """Logarithms of the chances; minus infinity for what is not legal.

        Shapes: result states x (drugs + 1).
        """
        first = torch.relu(self.drug(seen.drugs) + self.context(seen.context)[:, None, :])
        listed = torch.bmm(seen.pull[:, None, :], first)[:, 0, :]
        second = torch.relu(self.second(first) + self.listed(listed)[:, None, :])
        edits = self.edit(second)[:, :, 0] + self.gain * seen.gains
        stopping = torch.relu(self.stop_first(torch.cat((seen.context, listed), dim=1)))
        stop = self.stop(stopping) - self.gain * seen.best[:, None]
        some = seen.legal.any(dim=1, keepdim=True)
        # Where nothing is legal the soft-max is of anything: its result is masked below.
        chosen = torch.log_softmax(edits.masked_fill(some & ~seen.legal, -torch.inf), dim=1)
        going = (chosen + nn.functional.logsigmoid(-stop)).masked_fill(~seen.legal, -torch.inf)
        return torch.cat((going, nn.functional.logsigmoid(stop).masked_fill(~some, 0.0)), dim=1)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the weights for a `ListEditor`."""
        return {name: value.detach().numpy().copy() for name, value in self.state_dict().items()}
