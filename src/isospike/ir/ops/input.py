"""The network's input and the range that it is declared to lie in."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.ir.ops.base import Op


@dataclass(frozen=True, eq=False)
class Input(Op):
    """y = x, declared to lie in [low, high] (broadcastable to the sample's shape)."""

    low: Tensor
    high: Tensor

    def __call__(self, *inputs: Tensor) -> Tensor:
        return inputs[0]


@dataclass(frozen=True, eq=False)
class UnitInput(Input):
    """y = (x − low) / (high − low), in [0, 1]; 0 where the range is a point."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        width = self.high - self.low
        return (inputs[0] - self.low) / torch.where(width > 0, width, torch.ones_like(width))
