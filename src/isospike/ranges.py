"""Activation ranges of a canonical graph: calibrated on data, or certified for every input in the declared range."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from isospike.errors import InvalidData
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.base import Op, Shape
from isospike.ir.ops.input import UnitInput


@dataclass(frozen=True)
class Ranges:
    """Largest activation of every neuron of every population.

    `high[name]` has the population's shape; `samples` is None if it is certified, for every input.  `bounds[name]` is
    the layer's certified largest activation, to compare with."""

    high: dict[str, Tensor]
    samples: int | None
    bounds: Mapping[str, float] = field(default_factory=dict)

    def layer(self, name: str) -> float:
        """X, the largest activation of a whole layer."""
        return float(self.high[name].max())


def calibrate(graph: Graph, batches: Iterable[Tensor]) -> Ranges:
    """Largest activations over some data, in one pass over any number of samples.

    batches: tensors (batch, *input shape).  Raises `InvalidData` if there is no sample.
    """
    high: dict[str, Tensor] = {}
    names = {node.name for node in graph if isinstance(node.op, Population)}
    samples = 0

    def observe(name: str, value: Tensor) -> None:
        if name in names:
            largest = value.amax(0)
            high[name] = torch.maximum(high[name], largest) if name in high else largest

    cast = cache(graph.to)
    with torch.no_grad():
        for batch in batches:
            samples += len(batch)
            if len(batch):
                cast(batch.dtype)(batch, observe)
    if not samples:
        raise InvalidData(
            "there is no calibration sample.",
            "At least one; a few hundred of the training set are usual.",
            "Or use certified windows: TTFS(windows='certified').",
        )
    return Ranges({name: t.double() for name, t in high.items()}, samples)


def certify(graph: Graph, dtype: torch.dtype = torch.float64) -> Ranges:
    """Largest activations that any input in the declared range can cause, by interval bounds through the graph, up to
    rounding in a precision.

    Centre c and radius r pass an affine map as A c + b and |A| r.  Raises `InvalidData` if the range is not finite.
    """
    bounds: dict[str, tuple[Tensor, Tensor]] = {}
    high: dict[str, Tensor] = {}
    with torch.no_grad():
        for i, node in enumerate(graph):
            bounds[node.name] = _bounds(
                node.op.map_tensors(lambda _, t: t.to(dtype)), node.shape, [bounds[name] for name in node.inputs]
            )
            if isinstance(node.op, Population):
                high[node.name] = bounds[node.name][1][0].double()
            for name in {name for name in node.inputs if graph.last[name] == i}:
                del bounds[name]
    if not all(bool(torch.isfinite(t).all()) for t in high.values()):
        raise InvalidData(
            "the input's range is not finite, so nothing can be certified.",
            remedy="Declare it: input_range=(low, high), or --range LOW HIGH.",
        )
    return Ranges(high, None)


def _bounds(op: Op, shape: Shape, inputs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    if isinstance(op, UnitInput):
        low = op.low.new_zeros(1, *shape)
        return low, (op.high > op.low).to(low.dtype).expand(1, *shape)
    if not isinstance(op, Affine):
        return op(inputs[0][0]), op(inputs[0][1])  # pools and rectifiers are monotone
    first = inputs[0][0]
    centre = first.new_zeros(1, *shape) if op.bias is None else op.bias.expand(1, *shape)
    radius = torch.zeros_like(centre)
    for chain, (low, high) in zip(op.groups, inputs, strict=True):
        c, r = (high + low).div_(2), (high - low).div_(2)
        for step in chain:
            c, r = step(c), step.within(r)
        centre, radius = centre + c, radius + r
    low, high = centre - radius, centre + radius
    return (op.rectified(low), op.rectified(high)) if isinstance(op, Population) else (low, high)
