"""Synaptic operations and energy.

A synaptic operation is one synaptic update: every spike makes one at each of its outgoing synapses, padding excluded.  A synapse of a
composition (an average pool, then a convolution) counts once a path.  The original network makes one multiply-accumulate a synapse.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Shape
from isospike.network import Body


@dataclass(frozen=True)
class Energy:
    """Energy of one operation [pJ], and where the figure comes from."""

    picojoule: float
    source: str


MAC = Energy(4.6, "32-bit multiply-accumulate, 45 nm (Han et al. 2023, eq. 23)")
SYNAPTIC_OPERATION = Energy(0.077, "synaptic operation on a neuromorphic chip (Han et al. 2023, eq. 24)")


def fan_out(chain: Chain, shape: Shape) -> Tensor:
    """Number of outgoing synapses of each presynaptic neuron: the transposed 0/1 map, applied to ones.  Returns `shape`."""
    pattern = tuple(step.pattern().map_tensors(lambda _, t: t.detach().double()) for step in chain)
    x = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        total = through(pattern, x).sum()
    return torch.autograd.grad(total, x)[0][0] if pattern else torch.ones(shape, dtype=torch.float64)


@dataclass(frozen=True)
class Wiring:
    """Fan-out of every synapse group, by stage, and the operations that the original network makes for a sample."""

    groups: dict[str, list[tuple[str, Tensor]]]
    macs: int


def wiring(body: Body) -> Wiring:
    """Counted once for a network."""
    groups: dict[str, list[tuple[str, Tensor]]] = {}
    for stage in body.stages:
        groups[stage.name] = []
        for group in stage.groups:
            shape = body.shapes[group.source]
            groups[stage.name].append((group.source, fan_out(stage.neuron.connections(group.chain, shape), shape)))
    macs = sum(int(fan.sum()) for stage in body.stages if not stage.neuron.relays for _, fan in groups[stage.name])
    return Wiring(groups, macs)
