"""What a spiking network is made of, stage by stage."""

from typing import Any

import torch

from isospike.engine import SpikingNetwork
from isospike.measure.meter import stage_size
from isospike.measure.operations import groups


def inspect(network: SpikingNetwork) -> list[dict[str, Any]]:
    """One row a stage: name, neuron model, shape, neurons, synapses, weight and threshold ranges, what else there
    is to know, window, delays [time].

    `largest` is the largest activation that the window was made for, `bound` the largest that any input in the
    declared range can cause, `ratio` the second over the first; None where a stage has no activations of its own."""
    body = network.body
    reach = {name: (largest, bound) for name, largest, bound in body.reach}
    synapses = dict.fromkeys((stage.name for stage in body.stages), 0)
    for name, _, fan in groups(body):
        synapses[name] += int(fan.sum())
    return [
        {
            "name": stage.name,
            "neuron": type(stage.neuron).__name__,
            "shape": list(stage.shape),
            "neurons": stage_size(stage),
            "synapses": synapses[stage.name],
            "weights": _extent([t for group in stage.groups for step in group.chain for t in step.tensors().values()]),
            "thresholds": _extent([stage.neuron.threshold] if hasattr(stage.neuron, "threshold") else []),
            "about": stage.neuron.about,
            "window": float(stage.end - stage.begin),
            "begin": float(stage.begin),
            "delays": [float(group.delay) for group in stage.groups],
            **_reach(*reach.get(stage.name, (None, None))),
        }
        for stage in body.stages
    ]


def _reach(largest: float | None, bound: float | None) -> dict[str, float | None]:
    return {"largest": largest, "bound": bound, "ratio": bound / largest if largest and bound is not None else None}


def _extent(tensors: list[torch.Tensor]) -> list[float]:
    """Smallest and largest number, or nothing where there is none."""
    return [min(float(t.min()) for t in tensors), max(float(t.max()) for t in tensors)] if tensors else []
