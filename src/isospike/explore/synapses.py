"""What reaches one neuron: the spikes of each source, and the weights of their synapses."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isospike.explore.scene import Scene
from isospike.measure.membrane import weights
from isospike.network import Stage
from isospike.neurons import FirstSpikeIF, Integrator


@dataclass(frozen=True, eq=False)
class Part:
    """What one source sends to a neuron, of the synapses that carry anything.

    | field    | shape             | meaning                                                          |
    |----------|-------------------|------------------------------------------------------------------|
    | `source` |                   | its name                                                         |
    | `places` | (synapses, axes)  | of the neurons that send                                         |
    | `code`   | (synapses,)       | their leads, net spikes a step, or currents                      |
    | `weight` | (synapses,)       | of the synapse                                                   |
    | `time`   | (synapses,)       | when the first spike arrives; a current has none: infinity       |
    | `count`  | (synapses,)       | spikes, net of negative ones; of a current 0                     |
    | `adds`   | (synapses,)       | to the potential, up to the window's beginning or over all steps |
    | `trains` | (steps, synapses) | spikes of each step; None for first spikes and currents          |
    """

    source: str
    places: Tensor
    code: Tensor
    weight: Tensor
    time: Tensor
    count: Tensor
    adds: Tensor
    trains: Tensor | None


@dataclass(frozen=True, eq=False)
class Incoming:
    """All that reaches a neuron.  synapses: how many it has, silent ones included; current: whether part of it is a
    current."""

    parts: tuple[Part, ...]
    synapses: int
    current: bool

    @property
    def total(self) -> float:
        """What all of them add to the potential."""
        return float(sum(part.adds.double().sum() for part in self.parts))

    def listed(self, most: int) -> dict[str, Any]:
        """As JSON, those that add most first, up to so many."""
        rows = [
            {
                "source": part.source,
                "place": place,
                "time": time if math.isfinite(time) else None,
                "count": int(count),
                "lead": lead,
                "weight": weight,
                "adds": adds,
            }
            for part in self.parts
            for place, time, count, lead, weight, adds in _largest(part, most)
        ]
        rows.sort(key=lambda row: -abs(row["adds"]))
        arriving = sum(len(part.code) for part in self.parts)
        return {"rows": rows[:most], "arriving": arriving, "synapses": self.synapses, "current": self.current}


def _largest(part: Part, most: int) -> Any:
    order = part.adds.abs().topk(min(most, len(part.adds))).indices
    columns = (part.places, part.time, part.count, part.code, part.weight, part.adds)
    return zip(*(column[order].tolist() for column in columns), strict=True)


def incoming(scene: Scene, stage: Stage, at: tuple[int, ...]) -> Incoming:
    """What reaches the neuron `at` of a stage."""
    body, parts, synapses, current = scene.body, [], 0, False
    tau = float(stage.neuron.tau) if isinstance(stage.neuron, FirstSpikeIF | Integrator) else 1.0
    ends = {"input": body.encoder.end} | {one.name: float(one.end) for one in body.stages}
    for group in stage.groups:
        code, trains = scene.code(group.source), scene.trains.get(group.source)
        chain = stage.neuron.connections(group.chain, tuple(code.shape[1:]))
        weight, code = weights(chain, at, code)[0], code[0]
        synapses += int((weight != 0).sum())
        used = (weight != 0) & (code != 0 if trains is None else (trains != 0).any(0))
        places, code, weight = used.nonzero(), code[used], weight[used]
        if trains is not None:
            sent = trains[:, used]
            count = sent.sum(0).to(weight.dtype)
            time, adds = 1 + (sent != 0).int().argmax(0).to(weight.dtype), weight * count
        elif body.steps:
            current, sent = True, None
            time, count, adds = torch.full_like(code, torch.inf), torch.zeros_like(code), weight * code * body.steps
        else:
            sent, count = None, torch.ones_like(code)
            time, adds = ends[group.source] + float(group.delay) - code, weight * code / tau
        parts.append(Part(group.source, places, code, weight, time, count, adds, sent))
    return Incoming(tuple(parts), synapses, current)
