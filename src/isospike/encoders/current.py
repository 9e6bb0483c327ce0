"""The current x at every step.  The first layer costs multiplications, and no synaptic operations."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder


@dataclass(frozen=True, eq=False)
class ConstantCurrent(RateEncoder):
    """The value itself, as a current."""

    constant: ClassVar = True

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        return self.drive(x)

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return drive[None]
