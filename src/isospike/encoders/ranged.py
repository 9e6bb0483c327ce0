"""What encoders share: inputs brought from their declared range to [0, 1], and refused or clipped outside of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.data.samples import fitting
from isospike.errors import InvalidData, OutOfRange
from isospike.network import Encoder

TOLERANCE = 1e-5  # of the range: rounding in float32, not data


@dataclass(frozen=True, eq=False)
class RangedEncoder(Encoder):
    """`clip`: whether inputs outside [low, high] (from `Encoder`) are clipped instead of refused."""

    clip: bool

    def unit(self, x: Tensor) -> Tensor:
        """(x − low) / (high − low).  Raises `OutOfRange`, and `InvalidData` for a wrong shape or dtype, NaN or
        infinity."""
        unit = self._unit(x)
        if self.clip:
            return unit.clamp(0.0, 1.0)
        if count := self._count(unit):
            raise OutOfRange(
                f"{count:,} of {x.numel():,} input values lie outside the declared range; they reach from "
                f"{float(x.min()):.4g} to {float(x.max()):.4g}.",
                f"[{float(self.low.min()):.4g}, {float(self.high.max()):.4g}]"
                + (", channel by channel." if self.low.numel() > 1 else "."),
                "Declare a wider range when converting (input_range, --range LOW HIGH), or clip and count "
                "(outside='clip', --outside clip).",
            )
        return unit  # what exceeds the range by rounding is kept: it would be an error of its own

    def outside(self, x: Tensor) -> int:
        return self._count(self._unit(x))

    def _count(self, unit: Tensor) -> int:
        least, most = unit.aminmax() if unit.numel() else (unit.new_zeros(()),) * 2
        within = bool((least >= -TOLERANCE) & (most <= 1 + TOLERANCE))
        return 0 if within else int(((unit < -TOLERANCE) | (unit > 1 + TOLERANCE)).sum())

    def _unit(self, x: Tensor) -> Tensor:
        fitting(x, self.shape)
        if not bool(torch.isfinite(x.sum())) and not bool(torch.isfinite(x).all()):  # the sum is the quick look
            raise InvalidData(
                "the input has NaN or infinite values.",
                "Finite numbers in the declared range.",
                "Remove or replace them.",
            )
        width = self.high - self.low
        return (x.to(self.low.dtype) - self.low) / torch.where(width > 0, width, torch.ones_like(width))
