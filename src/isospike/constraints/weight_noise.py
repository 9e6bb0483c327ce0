"""Synapses that were not made alike: each weight is off by a fixed amount.

    J_ij ← J_ij + N(0, sd²) max |J|,     s_i ← s_i + Σ_j δJ_ij

The ramp of a first-spike neuron does not know of it, so the slope changes with the weights.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from isospike.constraints.base import Noise
from isospike.network import Body, Stage, reweighted, total, trained_maps
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True, eq=False)
class WeightNoise(Noise):
    """One draw for every weight; synapses that share a weight share its error.  sd: in units of the map's largest
    weight."""

    windowed: ClassVar[bool] = True
    stepwise: ClassVar[bool] = True

    def parameters(self, body: Body, generator: torch.Generator) -> Body:
        return replace(body, stages=tuple(self._stage(stage, body, generator) for stage in body.stages))

    def _stage(self, stage: Stage, body: Body, generator: torch.Generator) -> Stage:
        noise = reweighted(stage, lambda _, step: self.draw(step.weight, generator) * step.weight.detach().abs().max())
        added = iter([step.weight for step in trained_maps(noise)])
        noisy = reweighted(stage, lambda _, step: step.weight + next(added))
        if not isinstance(stage.neuron, FirstSpikeIF):
            return noisy
        more = (total(noisy, body.shapes) - total(stage, body.shapes)).to(stage.neuron.slope.dtype)
        return replace(noisy, neuron=stage.neuron.mismatched(more))
