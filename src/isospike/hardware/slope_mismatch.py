"""Neurons that were not made alike: each one's ramp current is off by a fixed amount.

    α_i ← α_i + N(0, sd²)

Source: Stanojevic 2023, Fig. 2.5c.
"""

from dataclasses import dataclass, field, replace

import torch

from isospike.network import SpikingNetwork, Stage
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True)
class SlopeMismatch:
    """Makes a network into one of such neurons.  sd: standard deviation, in units of α; generator: where it comes from."""

    sd: float
    generator: torch.Generator = field(default_factory=torch.Generator)

    def __call__(self, network: SpikingNetwork) -> SpikingNetwork:
        """A network with one draw of mismatch for every first-spike neuron."""
        body = network.body
        return SpikingNetwork(replace(body, stages=tuple(self._stage(stage) for stage in body.stages)))

    def _stage(self, stage: Stage) -> Stage:
        if not isinstance(stage.neuron, FirstSpikeIF):
            return stage
        off = (self.sd * torch.randn(stage.shape, generator=self.generator, dtype=torch.float64)).to(stage.neuron.ramp.dtype)
        return replace(stage, neuron=replace(stage.neuron, ramp=stage.neuron.ramp + off, slope=stage.neuron.slope + off))
