"""Pools that are computed beside the neurons whose spikes they read, while these are in the cache.

A pool is, where nobody else reads the stage, its patches lie in the plane and do not overlap from line to line, and
none sees padding.  An average pool is the first step of a synapse group; a pool of counts is a stage of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isospike.ir.ops.base import Shape
from isospike.ir.ops.pool import AveragePool, Pool
from isospike.kernels.pools import growth, mean
from isospike.network.body import Body, Stage
from isospike.neurons.count_pool import CountPool
from isospike.neurons.stepping import Stepping


@dataclass(frozen=True)
class Pooled:
    """`by`: the stage that is the pool, if there is one.  size: numbers a line of patches, numbers a line, lines of places, numbers
    a line of places, the patch and its horizontal stride, channels, and what a sum is divided by."""

    reader: Stage
    by: Stage | None
    kind: Callable[..., None]
    shape: Shape
    size: tuple[int, ...]


def pooled(body: Body) -> dict[str, Pooled]:
    """By stage, the pool that reads it."""
    return {stage.name: found for stage in body.stages if (found := _behind(stage, body)) is not None}


def _behind(stage: Stage, body: Body) -> Pooled | None:
    readers = [(other, group) for other in body.stages for group in other.groups if group.source == stage.name]
    if not isinstance(stage.neuron, Stepping) or len(readers) != 1:
        return None
    ((reader, group),) = readers
    if type(reader.neuron) is CountPool and not group.chain and len(reader.groups) == 1:
        pool: Any = reader.neuron.pool
        plain = bool((pool.sign > 0).all()) and set(pool.dilation) == {1}
        return _planned(stage, reader, reader, pool, growth, plain)
    if group.chain and isinstance(group.chain[0], AveragePool) and reader is not body.stages[-1]:
        return _planned(stage, reader, None, group.chain[0], mean, True)
    return None


def _planned(
    stage: Stage, reader: Stage, by: Stage | None, pool: Pool | AveragePool, kind: Callable[..., None], plain: bool
) -> Pooled | None:
    if not plain or len(stage.shape) != 3 or any(pool.padding) or pool.ceil_mode or pool.kernel[0] > pool.stride[0]:
        return None
    channels, _, wide = stage.shape
    out = pool.out_shape(stage.shape)
    divisor = getattr(pool, "divisor", None) or pool.kernel[0] * pool.kernel[1]
    size = (pool.stride[0] * wide * channels, wide * channels, out[1], out[2] * channels, *pool.kernel, pool.stride[1], channels, divisor)
    return Pooled(reader, by, kind, out, size)
