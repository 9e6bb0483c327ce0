"""Event-driven: each membrane integrated spike by spike.  It knows synapses and neurons, and nothing of the original network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Shape
from isospike.network import Body, Stage, Step
from isospike.neurons import SpikePool
from isospike.neurons.base import Drive, Synapses
from isospike.simulate.base import Simulator

CHUNK = 1 << 24  # entries of the dense piece of a synapse matrix that is held at a time


@dataclass(frozen=True)
class EventDriven(Simulator):
    """Integrates the membrane equation in double precision; time grows with the number of spikes times their synapses."""

    def step(self, body: Body) -> Step:
        shapes: dict[str, Shape] = {"input": body.input_shape} | {stage.name: stage.shape for stage in body.stages}
        synapses = {stage.name: _synapses(stage, shapes) for stage in body.stages}

        def step(stage: Stage, drive: Drive, codes: dict[str, Tensor]) -> Tensor:
            first = codes[stage.groups[0].source]
            arriving = np.concatenate([codes[group.source].flatten(1).double().numpy() for group in stage.groups], 1)
            code = stage.neuron.event_driven(arriving, synapses[stage.name], stage.shape)
            return torch.from_numpy(code).to(first.dtype).reshape(len(first), *stage.shape)

        return step


def _synapses(stage: Stage, shapes: dict[str, Shape]) -> Synapses:
    parts = []
    for group in stage.groups:
        chain = stage.neuron.pool.patches(shapes[group.source]) if isinstance(stage.neuron, SpikePool) else group.chain
        parts.append(synapse_lists(chain, shapes[group.source]))
    offsets = np.cumsum([0, *(len(part.targets) for part in parts)])
    indptr = np.concatenate([part.indptr[:-1] + at for part, at in zip(parts, offsets, strict=False)] + [offsets[-1:]])
    return Synapses(indptr, np.concatenate([part.targets for part in parts]), np.concatenate([part.weights for part in parts]))


def synapse_lists(chain: Chain, shape: Shape) -> Synapses:
    """Every synapse of a chain of maps, found by sending a unit through it from each presynaptic neuron in turn."""
    inputs = int(np.prod(shape))
    exact = tuple(step.map_tensors(lambda _, t: t.detach().double()) for step in chain)
    counts, targets, weights = [], [], []
    with torch.no_grad():
        outputs = through(exact, torch.zeros(1, *shape, dtype=torch.float64)).numel()
        size = max(1, CHUNK // max(outputs, inputs))
        for start in range(0, inputs, size):
            units = torch.zeros(min(size, inputs - start), inputs, dtype=torch.float64)
            units[torch.arange(len(units)), torch.arange(start, start + len(units))] = 1
            rows = through(exact, units.reshape(-1, *shape)).flatten(1)
            where = rows.nonzero()
            counts.append(torch.bincount(where[:, 0], minlength=len(units)))
            targets.append(where[:, 1].to(torch.int32))
            weights.append(rows[where[:, 0], where[:, 1]])
    indptr = np.concatenate([[0], np.cumsum(torch.cat(counts).numpy())])
    return Synapses(indptr, torch.cat(targets).numpy(), torch.cat(weights).numpy())
