"""The synapses of a stage, listed one by one: all of them, or those of some of its channels at a time."""

import math
from collections.abc import Iterator
from dataclasses import replace

import scipy

from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, count
from isospike.ir.ops.base import Map, Shape
from isospike.network import Body, Stage
from isospike.neurons.base import Synapses

SYNAPSE = 12  # bytes: a weight in double precision and the number of its neuron
COPIES = 2  # of weights, while they are brought into that form
GB = 10**9
AT_ONCE = 2.0  # GB that the synapses of a whole network may take, listed at once


def affordable(body: Body, memory: float) -> None:
    """Raises `InvalidSetting` if the synapses of a network take more than so many GB, all listed at once; lists
    none."""
    number, size = whole(body)
    if size > memory:
        raise InvalidSetting(
            f"the network has up to {number:,} synapses; listed one by one they take {size:.1f} GB.",
            f"At most {memory:g} GB.",
            "A smaller network, or a smaller input.",
        )


def whole(body: Body) -> tuple[int, float]:
    """How many synapses a network has at most, and the GB that they take, all listed at once, with copies that are
    made while they are listed."""
    number, largest = 0, 0
    for stage in body.stages:
        chains = _chains(stage, body.shapes)
        own = [count(chain, shape) for chain, shape in chains]
        number += sum(own)
        largest = max(largest, *(_beside(chain, shape) for chain, shape in chains), sum(own) if len(own) > 1 else 0)
    return number, SYNAPSE * (number + largest) / GB


def parts(stage: Stage, shapes: dict[str, Shape], memory: float) -> list[tuple[int, int]]:
    """The channels of a stage, first and last of each part, so that the synapses of a part take at most so many GB
    while they are listed.  Raises `InvalidSetting` where those of one channel take more."""
    chains = _chains(stage, shapes)
    growing, fixed = 0, 0  # what a part has a share of, and what is listed for any part
    for chain, shape in chains:
        growing += (1 + (len(chains) > 1)) * count(chain, shape)
        before, at = chain[:-1], _after(chain[:-1], shape)
        held = _beside(before, shape) + count(before, shape) if before else 0
        if chain and chain[-1].part(0, 1, at) is None:
            held += count(chain[-1:], at)
        elif before:
            growing += count(chain[-1:], at)
        fixed = max(fixed, held)
    channels = 1 if stage.neuron.relays or not stage.shape else stage.shape[0]
    for many in range(1, channels + 1):
        if COPIES * SYNAPSE * (growing / many + fixed) <= memory * GB:
            width = -(-channels // many)
            return [(first, min(first + width, channels)) for first in range(0, channels, width)]
    least = COPIES * SYNAPSE * (growing / channels + fixed) / GB
    raise InvalidSetting(
        f"the synapses of {'one channel of ' if channels > 1 else ''}stage `{stage.name}` take {least:.2g} GB, listed "
        "one by one.",
        f"At most {memory:g} GB: EventDriven(memory={memory:g}).",
        f"Allow more, EventDriven(memory={math.ceil(least)}), --memory {math.ceil(least)}; or take the closed form "
        "alone, simulators=[ClosedForm()], --simulator closed-form; or a smaller input.",
    )


def wired(stage: Stage, shapes: dict[str, Shape], of: list[tuple[int, int]]) -> Iterator[tuple[Stage, Synapses]]:
    """Part by part: the stage of these channels alone, and every synapse of it."""
    if len(of) == 1:
        yield stage, synapses(stage, shapes)
        return
    for first, last in of:
        rank, channels = len(stage.shape), stage.shape[0]
        neuron = stage.neuron.map_tensors(
            lambda _, t: t[first:last] if t.ndim == rank and t.shape[0] == channels > 1 else t  # noqa: B023  # used at once
        )
        yield (
            replace(stage, neuron=neuron, shape=(last - first, *stage.shape[1:])),
            synapses(stage, shapes, (first, last)),
        )


def synapses(stage: Stage, shapes: dict[str, Shape], channels: tuple[int, int] | None = None) -> Synapses:
    """Every synapse of a stage, or of some of its channels, by presynaptic neuron, its sources one after the other."""
    matrices = [_matrix(chain, shape, channels) for chain, shape in _chains(stage, shapes)]
    joined = scipy.sparse.csr_array(scipy.sparse.vstack(matrices)) if len(matrices) > 1 else matrices[0]
    joined.eliminate_zeros()  # a weight of zero is no synapse
    return Synapses(joined.indptr, joined.indices, joined.data)


def _chains(stage: Stage, shapes: dict[str, Shape]) -> list[tuple[Chain, Shape]]:
    return [
        (stage.neuron.connections(group.chain, shapes[group.source]), shapes[group.source]) for group in stage.groups
    ]


def _matrix(chain: Chain, shape: Shape, channels: tuple[int, int] | None = None) -> "scipy.sparse.csr_array":
    total = None
    for step in chain[:-1]:
        one, shape = _exact(step).matrix(shape), step.out_shape(shape)
        total = one if total is None else scipy.sparse.csr_array(total @ one)
    if not chain:
        last, out = scipy.sparse.csr_array(scipy.sparse.eye_array(math.prod(shape))), shape
    else:
        step, out = chain[-1], chain[-1].out_shape(shape)
        cut = None if channels is None else step.part(*channels, shape)
        if cut is not None:
            step, channels = cut, None
        last = _exact(step).matrix(shape)  # no weights but its own are cast
    if channels is not None:
        size = math.prod(out[1:])
        last = scipy.sparse.csr_array(last[:, channels[0] * size : channels[1] * size])
    return last if total is None else scipy.sparse.csr_array(total @ last)


def _exact(step: Map) -> Map:
    return step.map_tensors(lambda _, t: t.detach().double())


def _after(chain: Chain, shape: Shape) -> Shape:
    for step in chain:
        shape = step.out_shape(shape)
    return shape


def _beside(chain: Chain, shape: Shape) -> int:
    """How many synapses are held beside a chain's own while it is composed, map by map."""
    most, at = 0, shape
    for i, step in enumerate(chain):
        if i:
            joined = count(chain[: i + 1], shape) if i + 1 < len(chain) else 0
            most = max(most, count(chain[:i], shape) + count((step,), at) + joined)
        at = step.out_shape(at)
    return most
