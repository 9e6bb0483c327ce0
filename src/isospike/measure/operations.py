"""Synaptic operations and energy.

A synaptic operation is one synaptic update: every spike makes one at each of its outgoing synapses, padding excluded.  A synapse of a
composition (an average pool, then a convolution) counts once a path.
"""

from dataclasses import dataclass

from torch import Tensor

from isospike.ir.ops.affine import fan_out
from isospike.network import Body


@dataclass(frozen=True)
class Energy:
    """Energy of one operation [pJ], and where the figure comes from."""

    picojoule: float
    source: str


MAC = Energy(4.6, "32-bit multiply-accumulate, 45 nm (Han et al. 2023, eq. 23)")
SYNAPTIC_OPERATION = Energy(0.077, "synaptic operation on a neuromorphic chip (Han et al. 2023, eq. 24)")


@dataclass(frozen=True)
class Wiring:
    """Fan-out of every synapse group, by stage."""

    groups: dict[str, list[tuple[str, Tensor]]]


def wiring(body: Body) -> Wiring:
    """Counted once for a network."""
    groups: dict[str, list[tuple[str, Tensor]]] = {}
    for stage in body.stages:
        groups[stage.name] = []
        for group in stage.groups:
            shape = body.shapes[group.source]
            groups[stage.name].append((group.source, fan_out(stage.neuron.connections(group.chain, shape), shape)))
    return Wiring(groups)
