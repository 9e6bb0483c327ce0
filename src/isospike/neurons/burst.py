r"""Integrate-and-fire neuron with several spikes a step: all that its potential pays for, up to a limit.

    V ← V + x(t),     s = clip(⌊V / θ⌋, 0, most),     V ← V − s θ

On the wire s is a whole number: `most` spikes a step carry log₂(most + 1) bits.  Source: bursts, Yu 2022 (AugMapping's
coefficients)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.neurons.arithmetic import between, whole
from isospike.neurons.stepping import Stepping


@dataclass(frozen=True, eq=False, kw_only=True)
class BurstIF(Stepping):
    """`most`: the most spikes a step."""

    most: float = 4
    counts: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < 1 or (math.isfinite(self.most) and self.most != int(self.most)):
            raise InvalidSetting(
                f"{type(self).__name__}(most={self.most}).", "A whole number from 1 on, or math.inf.", "4 is usual."
            )

    def parameters(self) -> tuple[Tensor, ...]:
        return (
            1 / self.threshold,
            self.threshold,
            torch.zeros_like(self.threshold),
            torch.full_like(self.threshold, self.most),
        )

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (per, taken, none, most) = states, parameters
        v = v + x
        s = between(whole(v * per), none, most)
        return s, (v - s * taken,)
