"""Quantisation, clip, floor and shift."""

import torch
from torch import Tensor, nn

from isospike.activations.base import check
from isospike.activations.staircase import staircase


class QCFS(nn.Module):
    """The mean output of an integrate-and-fire neuron that starts at half its threshold, over L steps; the threshold λ
    is trained.

        y = λ clip(⌊x L / λ + 1/2⌋ / L, 0, 1)

    Source: Bu 2022.
    """

    def __init__(self, levels: int, threshold: float = 1.0) -> None:
        super().__init__()
        check(self, levels >= 1 and threshold > 0, levels=levels, threshold=threshold)
        self.levels = levels
        self.threshold = nn.Parameter(torch.tensor(float(threshold)))

    def forward(self, x: Tensor) -> Tensor:
        return staircase(x, self.threshold, self.levels, 0.5)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"
