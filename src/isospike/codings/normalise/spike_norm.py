r"""Spike-based normalisation: the range of a layer is the largest input that its neurons receive in one step, from
layers that spike already.

    λ_l = max_{t, i, samples} ( Σ_j w_ij λ_{l−1} s_j(t) + b_i )

Layer by layer: each threshold is read off the network of the layers before it, with the thresholds found so far.  A
neuron is then never owed more than one spike a step; rates are small, and latencies long.  Sources: Sengupta 2019
(Spike-Norm, reset to zero), Han 2020 (RMP, soft reset)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from isospike.codings.normalise.base import Made, Normalise
from isospike.engine import Walk, together
from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Population
from isospike.network import Body, Stage
from isospike.neurons import Stepping
from isospike.ranges import Ranges


@dataclass(frozen=True)
class SpikeNorm(Normalise):
    """
    | field     | meaning                                                                       |
    |-----------|-------------------------------------------------------------------------------|
    | `steps`   | for so many the layers before are run                                         |
    | `samples` | how many of the calibration samples are used                                  |
    """

    steps: int = 64
    samples: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or self.samples < 1:
            raise InvalidSetting(
                f"SpikeNorm(steps={self.steps}, samples={self.samples}).",
                "At least one of each.",
                "64 steps, 128 samples are usual.",
            )

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        batches = list(_first(calibration, self.samples))
        if not batches:
            raise InvalidData(
                "there is no calibration sample.",
                "At least one; a few dozen of the training set are usual.",
                "Pass some images.",
            )
        names = [node.name for node in graph if isinstance(node.op, Population)]
        high = {name: torch.ones((1,) * len(graph[name].shape), dtype=torch.float64) for name in names}
        for name in names:
            body = made(Ranges(high, None)).to(batches[0].dtype).body
            place = next(i for i, stage in enumerate(body.stages) if stage.name == name)
            # The one after it takes the read-out's place
            part = replace(body, steps=self.steps, stages=body.stages[: place + 2])
            largest = _largest(part, part.stages[place], (x for batch in batches for x in batch.split(together(part))))
            # A silent layer needs some threshold
            high[name] = torch.full_like(high[name], largest if largest > 0 else 1.0)
        return Ranges(high, sum(map(len, batches)))


def _first(calibration: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    for batch in calibration:
        if samples > 0 and len(batch):
            yield batch[:samples]
            samples -= len(batch)


def _largest(body: Body, of: Stage, batches: Iterable[Tensor]) -> float:
    """The largest input of a stage's neurons in a step, in units of the original's activations."""
    neuron, found = of.neuron, [0.0]
    assert isinstance(neuron, Stepping)

    def hear(stage: Stage, drive: Tensor) -> None:
        if stage.name == of.name:
            found.append(float(drive.abs().max() if neuron.signed else drive.max()))

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for x in batches:
            Walk(body, x, generator, drives=hear).advance(body.steps)
    return max(found) * float(neuron.unit.max())  # a drive is a share of the threshold
