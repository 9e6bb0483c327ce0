"""Clamp and quantisation."""

import torch
from torch import Tensor, nn

from isospike.activations.base import check
from isospike.activations.staircase import staircase


class ClampQuantise(nn.Module):
    """The rate of an integrate-and-fire neuron with threshold 1 that starts at 0, over L steps.

        y = ⌊L clip(x, 0, 1)⌋ / L

    Source: Yan 2021 (CQ training).
    """

    one: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        check(self, levels >= 1, levels=levels)
        self.levels = levels
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return staircase(x, self.one, self.levels, 0.0)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"
