"""What encoders share: inputs brought from their declared range to [0, 1], and clipped or refused outside of it."""

import warnings
from dataclasses import dataclass
from functools import cached_property

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
        """(x − low) / (high − low), clipped with a warning where the encoder clips.  What exceeds the range by
        rounding is kept: to clip it would be an error of its own.  Raises `OutOfRange`, and `InvalidData` for a wrong
        shape or dtype, NaN or infinity."""
        unit = self._unit(x)
        if not self._count(x, unit):
            return unit
        if not self.clip:
            self.refuse(x)
        # The same words every time, so that Python says it once.
        warnings.warn(
            f"input values outside {self._ends} are clipped; `inputs_outside_range` counts them, outside='error' "
            "refuses them.",
            stacklevel=2,
        )
        return torch.where(self._beyond(unit), unit.clamp(0.0, 1.0), unit)

    def refuse(self, x: Tensor) -> None:
        if count := self.outside(x):
            raise OutOfRange(
                f"{count:,} of {x.numel():,} input values lie outside the declared range; they reach from "
                f"{float(x.min()):.4g} to {float(x.max()):.4g}.",
                self._ends + (", channel by channel." if self.low.numel() > 1 else "."),
                "Declare a wider range when converting (input_range, --range LOW HIGH), or clip and count "
                "(outside='clip', --outside clip).",
            )

    def outside(self, x: Tensor) -> int:
        return self._count(x, self._unit(x))

    def _count(self, x: Tensor, unit: Tensor) -> int:
        least, most = map(float, unit.detach().aminmax()) if unit.numel() else (0.0, 0.0)
        if least >= -TOLERANCE and most <= 1 + TOLERANCE:
            return 0
        if not bool(torch.isfinite(x).all()):
            raise InvalidData(
                "the input has NaN or infinite values.",
                "Finite numbers in the declared range.",
                "Remove or replace them.",
            )
        return int(self._beyond(unit).sum())

    def _beyond(self, unit: Tensor) -> Tensor:
        return (unit < -TOLERANCE) | (unit > 1 + TOLERANCE)

    @property
    def _ends(self) -> str:
        return f"[{float(self.low.min()):.4g}, {float(self.high.max()):.4g}]"

    def _unit(self, x: Tensor) -> Tensor:
        fitting(x, self.shape)
        return (x.to(self.low.dtype) - self.low) / self._width

    @cached_property
    def _width(self) -> Tensor:
        with torch.inference_mode(False):  # gradients need tensors that were not made in inference mode
            width = self.high - self.low
            return torch.where(width > 0, width, torch.ones_like(width))
