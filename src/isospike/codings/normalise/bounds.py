"""Rectifiers that are clipped already: the clip is the range.  For activations trained so: Yan 2021, Bu 2022, Ding
2021, Han 2023."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from isospike.codings.normalise.base import Made, Normalise
from isospike.codings.normalise.percentile import Percentile
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Population
from isospike.ranges import Ranges


@dataclass(frozen=True)
class Bounds(Normalise):
    """`otherwise`: for layers that are not clipped."""

    otherwise: Percentile = field(default_factory=Percentile)

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        clips = {node.name: node.op.high for node in graph if isinstance(node.op, Population)}
        finite = {
            name: torch.full((1,) * len(graph[name].shape), high, dtype=torch.float64)
            for name, high in clips.items()
            if math.isfinite(high)
        }
        if len(finite) == len(clips):
            return Ranges(finite, None)
        found = self.otherwise.ranges(graph, calibration, made)
        return replace(found, high=found.high | finite)
