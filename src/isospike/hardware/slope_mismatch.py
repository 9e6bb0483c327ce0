"""Neurons that were not made alike: each one's ramp current is off by a fixed amount.

    α_i ← α_i + N(0, sd²)

Source: Stanojevic 2023, Fig. 2.5c.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from isospike.hardware.base import Noise
from isospike.network import Body, Stage
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True)
class SlopeMismatch(Noise):
    """One draw for every first-spike neuron.  sd: in units of α."""

    windowed: ClassVar[bool] = True

    def parameters(self, body: Body) -> Body:
        return replace(body, stages=tuple(map(self._stage, body.stages)))

    def _stage(self, stage: Stage) -> Stage:
        if not isinstance(stage.neuron, FirstSpikeIF):
            return stage
        off = self.draw(stage.neuron.ramp.expand(stage.shape))
        return replace(stage, neuron=replace(stage.neuron, ramp=stage.neuron.ramp + off, slope=stage.neuron.slope + off))
