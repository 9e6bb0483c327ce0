"""No normalisation: weights and thresholds stay as they are, and every range is the same given number.

With V_th = 1 and inputs of k spikes a second in steps of Δt, one spike a step stands for 1 / (k Δt) in every
layer.  Source: Lu 2022."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.codings.normalise.base import Made, Normalise
from isospike.errors import InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Population
from isospike.ranges import Ranges


@dataclass(frozen=True)
class Unscaled(Normalise):
    """`high`: the activation that a rate of one spike a step stands for.  Larger ones saturate."""

    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.high) and self.high > 0):
            raise InvalidSetting(
                f"Unscaled({self.high}).",
                "An activation above 0.",
                "1 if inputs lie in [0, 1] and the largest sends a spike a step.",
            )

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        names = [node.name for node in graph if isinstance(node.op, Population)]
        return Ranges(
            {name: torch.full((1,) * len(graph[name].shape), self.high, dtype=torch.float64) for name in names}, None
        )
