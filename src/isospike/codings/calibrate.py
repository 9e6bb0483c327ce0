r"""Calibration after conversion: what each layer sends too little on average is given back to it, layer by layer.

    b ← b + mean(x − u N / T)              over samples and places, a channel each
    V₀ ← V₀ + T mean(x − u N / T) / u      over samples, a neuron each

x is the original's activation.  Every layer is measured in the network as corrected so far.  Source: Li 2021 (light
pipeline)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from isospike.engine import Walk, together
from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.typed import typed
from isospike.network import Body
from isospike.neurons import Stepping


@dataclass(frozen=True)
class Calibrate:
    """`samples`: how many of the calibration samples are used."""

    samples: int = 128

    def __post_init__(self) -> None:
        typed(self)
        if self.samples < 1:
            raise InvalidSetting(f"Calibrate(samples={self.samples}).", "At least one.", "128 are usual.")

    def __call__(self, body: Body, graph: Graph, calibration: Iterable[Tensor]) -> Body:
        """The network with calibrated biases and initial potentials.  Raises `InvalidData` if there is no sample."""
        x = torch.cat(
            list(islice((row[None] for batch in calibration for row in batch), self.samples)) or [torch.zeros(0)]
        ).double()
        if not len(x):
            raise InvalidData(
                "there is no calibration sample.", "At least one.", "Pass some images of the training set."
            )
        wanted: dict[str, Tensor] = {}
        names = {stage.name for stage in body.stages if isinstance(stage.neuron, Stepping)}
        with torch.no_grad():
            graph(x, lambda name, value: wanted.update({name: value}) if name in names else None)
            for i, stage in enumerate(body.stages):
                if isinstance(stage.neuron, Stepping):
                    short = _short(body, i, x, wanted[stage.name]).mean(0)
                    places = tuple(range(1, short.ndim))
                    per_channel = short.mean(places, keepdim=True) if places else short
                    body = _with(body, i, bias=stage.neuron.bias + per_channel)
                    more = _short(body, i, x, wanted[stage.name]).mean(0) * body.steps
                    body = _with(body, i, initial=stage.neuron.initial + more / stage.neuron.threshold)
        return body


def _short(body: Body, i: int, x: Tensor, wanted: Tensor) -> Tensor:
    """What the neurons of stage i miss, in their own units, sample by sample."""
    stage, found = body.stages[i], []
    first = replace(body, stages=(*body.stages[: i + 1], body.stages[-1]))
    generator = torch.Generator().manual_seed(0)
    for part in x.split(together(body)):
        walk = Walk(first, part, generator)
        walk.advance(body.steps)
        found.append(walk.states[stage.name].net / body.steps)
    unit = stage.neuron.unit if isinstance(stage.neuron, Stepping) else 1.0
    return wanted / unit - torch.cat(found)


def _with(body: Body, i: int, **changes: Tensor) -> Body:
    stage = body.stages[i]
    return replace(
        body, stages=(*body.stages[:i], replace(stage, neuron=replace(stage.neuron, **changes)), *body.stages[i + 1 :])
    )
