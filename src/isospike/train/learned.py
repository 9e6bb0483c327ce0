r"""A first-spike neuron while it learns on ideal hardware: what stays the same from batch to batch is computed once.

    x = (Σ_j J_j x_j − τ_c D) / s,     0 ≤ x ≤ B

This is `FirstSpikeIF`'s closed form with the threshold in two parts, θ = s B / τ_c + (α + δ) ρ / τ_c + D."""

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.neurons import FirstSpikeIF
from isospike.neurons.base import Drive, Neuron


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned(FirstSpikeIF):
    """
    | field    | shape         | unit | meaning                                    |
    |----------|---------------|------|--------------------------------------------|
    | `apart`  | broadcastable | time | −τ_c of the part of D that is not learned  |
    | `shift`  | broadcastable | 1    | the part that is                           |
    | `latest` |               |      | B, which grows                             |
    | `level`  |               |      | whether all slopes are 1                   |
    """

    apart: Tensor
    shift: Tensor
    latest: float
    level: bool

    @classmethod
    def of(cls, neuron: Neuron, shift: Tensor, apart: Tensor) -> "Learned | None":
        """A first-spike neuron with D in two parts; None for one without a gate, on a clock, or of a slope that is not
        positive."""
        if not isinstance(neuron, FirstSpikeIF) or not neuron.gated or neuron.ticks or bool((neuron.slope <= 0).any()):
            return None
        own = {field.name: getattr(neuron, field.name) for field in fields(FirstSpikeIF)}
        level = bool((neuron.slope == 1).all())
        return cls(**own, apart=-neuron.tau * apart, shift=shift, latest=math.nan, level=level)

    def closed_form(self, drive: Drive) -> Tensor:
        lead = drive(torch.addcmul(self.apart, self.tau, self.shift, value=-1))
        lead = lead if self.level else lead / self.slope
        return F.hardtanh(lead, 0.0, self.latest, inplace=True)  # with its gradients, as FirstSpikeIF says
