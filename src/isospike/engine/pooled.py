"""Pools that are computed beside the neurons whose spikes they read, while these are in the cache.

An average pool is the first step of a synapse group, a pool of counts is a stage of its own.  It is computed so where
nobody else reads the stage, and where its patches see no padding and do not overlap from line to line."""

from collections.abc import Callable
from dataclasses import dataclass

from isospike.ir.ops.base import Shape
from isospike.ir.ops.pool import AveragePool, Pool
from isospike.kernels.pools import Patches, growth, mean
from isospike.network.body import Body, Stage
from isospike.neurons.count_pool import CountPool
from isospike.neurons.stepping import Stepping


@dataclass(frozen=True)
class Pooled:
    """
    | field     | meaning                                                            |
    |-----------|--------------------------------------------------------------------|
    | `kind`    | the kernel of a line of places                                     |
    | `patches` | its sizes                                                          |
    | `shape`   | of what it sends, of one sample                                    |
    | `stage`   | the stage that it is; none if it is a step of a synapse group      |
    """

    kind: Callable[..., None]
    patches: Patches
    shape: Shape
    stage: Stage | None = None


def pooled(body: Body) -> dict[str, Pooled]:
    """The pools that are computed beside neurons, by the name of the neurons' stage."""
    found = {stage.name: _behind(stage, body) for stage in body.stages if isinstance(stage.neuron, Stepping)}
    return {name: pool for name, pool in found.items() if pool is not None}


def _behind(stage: Stage, body: Body) -> Pooled | None:
    readers = [(other, group) for other in body.stages for group in other.groups if group.source == stage.name]
    if len(readers) != 1:
        return None
    ((reader, group),) = readers
    if type(reader.neuron) is CountPool and not group.chain:
        pool = reader.neuron.pool
        if bool((pool.sign <= 0).any()) or set(pool.dilation) != {1} or not _in_lines(pool, stage.shape):
            return None
        return Pooled(growth, _patches(pool, stage.shape, 1), pool.out_shape(stage.shape), reader)
    first = group.chain[0] if group.chain else None
    if isinstance(first, AveragePool) and reader is not body.stages[-1] and _in_lines(first, stage.shape):
        divisor = first.divisor or first.kernel[0] * first.kernel[1]
        return Pooled(mean, _patches(first, stage.shape, divisor), first.out_shape(stage.shape))
    return None


def _in_lines(pool: Pool | AveragePool, shape: Shape) -> bool:
    return len(shape) == 3 and not any(pool.padding) and not pool.ceil_mode and pool.kernel[0] <= pool.stride[0]


def _patches(pool: Pool | AveragePool, shape: Shape, divisor: int) -> Patches:
    channels, _, wide = shape
    _, lines, places = pool.out_shape(shape)
    line, (kernel, kernel_wide), (stride, stride_wide) = wide * channels, pool.kernel, pool.stride
    return Patches(stride * line, line, lines, places * channels, kernel, kernel_wide, stride_wide, channels, divisor)
