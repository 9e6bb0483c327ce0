"""Spikes of a fixed frequency: ⌊r x t⌋ of them in the first t steps.  Source: Lu 2022, eq. 15 (the first spike at 1 /
x)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder


@dataclass(frozen=True, eq=False)
class RegularSpikes(RateEncoder):
    """As evenly spaced as whole steps allow."""

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        return self.train(self.drive(x), 0, ticks, None).sum(0) / ticks

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        settle = 1e-9 if drive.dtype == torch.float64 else 1e-5  # a count that is whole but for rounding is whole
        ends = torch.arange(begin, begin + steps + 1, dtype=drive.dtype, device=drive.device).reshape(
            -1, *(1,) * drive.ndim
        )
        return torch.floor(drive * ends + settle).diff(dim=0)
