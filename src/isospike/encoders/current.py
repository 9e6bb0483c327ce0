"""The current x at every step.  The first layer costs multiplications, and no synaptic operations."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder
from isospike.ir.typed import Count


@dataclass(frozen=True, eq=False)
class ConstantCurrent(RateEncoder):
    """The value itself, as a current.  `levels`: it is the nearest of so many equal ones above zero; 0: any value."""

    levels: Count = 0
    constant: ClassVar = True

    def drive(self, x: Tensor) -> Tensor:
        return (self.unit(x) * self.levels).round() * (self.rate / self.levels) if self.levels else super().drive(x)

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        return self.drive(x)

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return drive[None]
