r"""Neurons while they learn on ideal hardware: what stays the same from batch to batch is computed once.

    x = (Σ_j J_j x_j − τ_c D) / s,     0 ≤ x ≤ B,          V = (Σ_j J_j x_j + b) / τ_c

The first is `FirstSpikeIF`'s closed form, the second `Integrator`'s with b = α ρ; of D and of b a part is learned."""

import math
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.neurons import FirstSpikeIF, Integrator
from isospike.neurons.base import Drive, Neuron


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned(FirstSpikeIF):
    """
    | field    | shape         | unit | meaning                                    |
    |----------|---------------|------|--------------------------------------------|
    | `apart`  | broadcastable | time | −τ_c of the part of D that is not learned  |
    | `shift`  | broadcastable | 1    | the part that is                           |
    | `per`    |               | time | −τ_c                                       |
    | `latest` |               |      | B, which grows                             |
    | `level`  |               |      | whether all slopes are 1                   |
    """

    apart: Tensor
    per: float
    latest: float
    level: bool

    @classmethod
    def of(cls, neuron: Neuron, shift: Tensor, apart: Tensor) -> "Learned | None":
        """A first-spike neuron with D in two parts; None for one without a gate, on a clock, or of a slope that is not
        positive."""
        if not isinstance(neuron, FirstSpikeIF) or not neuron.gated or neuron.ticks or bool((neuron.slope <= 0).any()):
            return None
        own = {field.name: getattr(neuron, field.name) for field in fields(FirstSpikeIF)} | {"shift": shift}
        level = bool((neuron.slope == 1).all())
        return cls(**own, apart=-neuron.tau * apart, per=-float(neuron.tau), latest=math.nan, level=level)

    def within(self, latest: float) -> "Learned":
        """The same in a window of this length."""
        return self if self.latest == latest else replace(self, latest=latest)

    def closed_form(self, drive: Drive) -> Tensor:
        lead = drive(torch.add(self.apart, self.shift, alpha=self.per))
        lead = lead if self.level else lead / self.slope
        return F.hardtanh(lead, 0.0, self.latest, inplace=True)  # with its gradients, as FirstSpikeIF says


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnedReadOut(Integrator):
    """`shift`, `apart`: the parts of b that are learned and that are not, in units of time."""

    shift: Tensor
    apart: Tensor

    @classmethod
    def of(cls, neuron: Neuron, shift: Tensor, apart: Tensor) -> "LearnedReadOut | None":
        """A read-out with b in two parts; None for another neuron."""
        if not isinstance(neuron, Integrator):
            return None
        return cls(ramp=neuron.ramp, onset=neuron.onset, tau=neuron.tau, shift=shift, apart=apart)

    def within(self, latest: float) -> "LearnedReadOut":
        """The same, whatever the window."""
        return self

    def closed_form(self, drive: Drive) -> Tensor:
        return drive(self.shift + self.apart) / self.tau
