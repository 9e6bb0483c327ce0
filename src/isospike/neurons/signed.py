r"""Signed neuron with memory: an integrate-and-fire neuron that takes back, by a negative spike, a spike that it sent
too early.

    V ← V + x(t),     s = clip(⌊V / θ⌋, −min(most, n), most),     V ← V − s θ,     n ← n + s

n is what it has sent so far, so that the sum of its spikes never falls below zero.  With V₀ = θ / 2 and limits that do
not bind, n is the drive's sum so far, rounded and rectified, at every step: no error is left but that of the last
step, and no step need be simulated. Source: Wang 2022 (Signed Neuron with Memory), with the threshold of −1 brought to
V < 0."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.neurons.arithmetic import between, whole
from isospike.neurons.base import Drive
from isospike.neurons.burst import BurstIF


@dataclass(frozen=True, eq=False, kw_only=True)
class SignedIF(BurstIF):
    """`most`: the most spikes a step, of either sign."""

    most: float = 1
    signed: ClassVar = True
    counts: ClassVar = True
    told: ClassVar = True

    def closed_form(self, drive: Drive) -> Tensor:
        return super().closed_form(drive).clamp_min(0.0)

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        """The rate after `ticks` steps, at once: where no limit binds it is the drive's sum, rounded, whatever the
        order of the spikes."""
        if math.isfinite(self.most):
            raise InvalidSetting(
                f"SignedIF(most={self.most}) has limits, so its spikes' order counts.",
                "SignedIF(most=math.inf); or Stepped().",
                "Take Stepped().",
            )
        count = drive(self.bias) / self.threshold * ticks + self.initial
        return whole(count).clamp_min(0) / ticks

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v, sent), (per, taken, none, most) = states, parameters
        v = v + x
        s = between(whole(v * per), -between(sent, none, most), most)
        return s, (v - s * taken,)
