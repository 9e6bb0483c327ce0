"""Noise in the detection of a threshold crossing: every spike of a hidden neuron comes a little early or late.

    t ← min(t + N(0, sd²), t_max)

A neuron fires at t_max at the latest, so no spike can come after it; silent neurons stay silent, and inputs come when
they come.  The source adds noise to all spike times.  sd: [time].  Source: Stanojevic 2023, Figs. 2.5b and 3.5a.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.constraints.base import Noise
from isospike.network import Stage


@dataclass(frozen=True, eq=False)
class SpikeJitter(Noise):
    """Every spike of every sample has a jitter of its own.  sd: [time]."""

    def spikes(self, stage: Stage, lead: Tensor, generator: torch.Generator) -> Tensor:
        return torch.where(lead > 0, (lead - self.draw(lead, generator)).clamp_min(0.0), lead)
