"""Synaptic operations.

A synaptic operation is one synaptic update: every spike makes one at each of its outgoing synapses, padding
excluded.  A synapse of a composition (an average pool, then a convolution) counts once a path."""

from collections.abc import Iterator

from torch import Tensor

from isospike.ir.ops.affine import fan_out
from isospike.network import Body


def groups(body: Body) -> Iterator[tuple[str, str, Tensor]]:
    """Every synapse group: its stage, its source, and how many of its synapses each neuron of the source has."""
    for stage in body.stages:
        for group in stage.groups:
            shape = body.shapes[group.source]
            yield stage.name, group.source, fan_out(stage.neuron.connections(group.chain, shape), shape)


def fans(body: Body) -> dict[str, Tensor]:
    """How many synapses each neuron's spikes reach, by source."""
    found: dict[str, Tensor] = {}
    for _, source, fan in groups(body):
        found[source] = found[source] + fan if source in found else fan
    return found
