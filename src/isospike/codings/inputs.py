r"""Input neurons of rate codes: how a value x in [0, 1] drives the first layer, step by step.

    constant     the current x at every step; its first layer costs multiplications, not synaptic operations
    regular      spikes of a fixed frequency: ⌊r x t⌋ of them in the first t steps
    Bernoulli    a spike with probability r x
    Poisson      a number of spikes with mean r x

On the wire there are whole spikes; what one stands for, 1 / r, lies in the weights.  r is the coding range k times the time step, k Δt:
with few spikes in the whole window there is little to read.  Source: Lu 2022, eq. 15 (regular; the first spike at 1 / x_i).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from isospike.codings.unit import UnitEncoder
from isospike.errors import InvalidSetting


@dataclass(frozen=True, eq=False)
class RateEncoder(UnitEncoder):
    """`rate`: r, spikes a step that the largest input sends."""

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InvalidSetting(f"{type(self).__name__}(rate={self.rate}).", "Spikes a step, above 0.", "1 is the most that one spike a step allows.")

    def drive(self, x: Tensor) -> Tensor:
        return self.unit(x) * self.rate

    def encode(self, x: Tensor) -> Tensor:
        return self.drive(x)


@dataclass(frozen=True, eq=False)
class ConstantCurrent(RateEncoder):
    """The value itself, as a current."""

    constant: ClassVar = True

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        return self.drive(x)

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return drive[None]


@dataclass(frozen=True, eq=False)
class RegularSpikes(RateEncoder):
    """As evenly spaced as whole steps allow."""

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        return self.train(self.drive(x), 0, ticks, None).sum(0) / ticks

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        settle = 1e-9 if drive.dtype == torch.float64 else 1e-5  # a count that is whole but for rounding is whole
        ends = torch.arange(begin, begin + steps + 1, dtype=drive.dtype, device=drive.device).reshape(-1, *(1,) * drive.ndim)
        return torch.floor(drive * ends + settle).diff(dim=0)


@dataclass(frozen=True, eq=False)
class Bernoulli(RateEncoder):
    """At most one spike a step, independent of the others."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate > 1:
            raise InvalidSetting(f"Bernoulli(rate={self.rate}).", "At most 1: it sends one spike a step or none.", "Use Poisson for more.")

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return torch.stack([(torch.rand(drive.shape, generator=generator, dtype=drive.dtype) < drive).to(drive.dtype) for _ in range(steps)])


@dataclass(frozen=True, eq=False)
class Poisson(RateEncoder):
    """Spikes of a Poisson process, counted step by step."""

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return torch.stack([torch.poisson(drive.clamp_min(0), generator=generator) for _ in range(steps)])
