"""Noise in the detection of a threshold crossing: every spike of a hidden neuron comes a little early or late.

    t ← min(t + N(0, sd²), t_max)

A neuron fires at t_max at the latest, so no spike can come after it; silent neurons stay silent.  Source: Stanojevic 2023, Fig. 2.5b.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from isospike.network import Stage


@dataclass(frozen=True)
class SpikeJitter:
    """Handed to a simulation as `perturb`.  sd: standard deviation [time]; generator: where the noise comes from."""

    sd: float
    generator: torch.Generator = field(default_factory=torch.Generator)

    def __call__(self, stage: Stage, code: Tensor) -> Tensor:
        """The stage's leads with jitter; relays such as pools add none."""
        if stage.neuron.relays:
            return code
        noise = torch.randn(code.shape, generator=self.generator, dtype=torch.float64).to(code.dtype)
        return torch.where(code > 0, (code - self.sd * noise).clamp_min(0.0), code)
