"""How a network over visits learns: numbers alone, so that settings are read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

__all__ = ["NetworkSettings"]

_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """`hidden` is the width of vectors, `dropout` the share of their figures that is left out in learning.

    While the lists of a batch have more than `target` of their pairs interacting, interactions count in the
    loss: the more, the further the rate is above, and from `slack` above on they alone. A
    `target` of 1 leaves them out. `margin` is the share of the ranking loss beside cross-entropy.
    """

    hidden: _Count = 64
    epochs: _Count = 20
    batch: _Count = 16
    learning_rate: _Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    margin: _Share = 0.05
    target: _Share = 0.06
    slack: _Positive = 0.05
