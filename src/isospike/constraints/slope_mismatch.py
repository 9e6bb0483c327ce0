"""Neurons that were not made alike: each one's ramp current is off by a fixed amount.

    α_i ← α_i + N(0, sd²)

Source: Stanojevic 2023, Fig. 2.5c.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from isospike.constraints.base import Noise
from isospike.network import Body, Stage
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True, eq=False)
class SlopeMismatch(Noise):
    """One draw for every first-spike neuron.  sd: in units of α."""

    windowed: ClassVar[bool] = True

    def parameters(self, body: Body, generator: torch.Generator) -> Body:
        return replace(body, stages=tuple(self._stage(stage, generator) for stage in body.stages))

    def _stage(self, stage: Stage, generator: torch.Generator) -> Stage:
        if not isinstance(stage.neuron, FirstSpikeIF):
            return stage
        off = self.draw(stage.neuron.ramp.expand(stage.shape), generator)
        return replace(stage, neuron=stage.neuron.mismatched(off, off))
