"""Input neurons of rate codes: how a value x in [0, 1] drives the first layer, step by step.

On the wire there are whole spikes; what one stands for, 1 / r, lies in the weights.  r is the coding range k times the
time step, k Δt: with few spikes in the whole window there is little to read.  Source: Lu 2022, eq. 15."""

import math
from dataclasses import dataclass

from torch import Tensor

from isospike.encoders.ranged import RangedEncoder
from isospike.errors import InvalidSetting


@dataclass(frozen=True, eq=False)
class RateEncoder(RangedEncoder):
    """`rate`: r, spikes a step that the largest input sends."""

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InvalidSetting(
                f"{type(self).__name__}(rate={self.rate}).",
                "Spikes a step, above 0.",
                "1 is the most that one spike a step allows.",
            )

    def drive(self, x: Tensor) -> Tensor:
        return self.unit(x) * self.rate

    def encode(self, x: Tensor) -> Tensor:
        return self.drive(x)
