"""A chain of maps as NIR can say it: convolutions in the plane without groups, dense maps of flat values, flattening.

Pools, means, factors and groups become full-size convolutions, because readers drop or refuse the nodes that NIR has
for them.  What is not sayable so becomes one dense map, if its output is flat."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Map, Shape, constant_beyond
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Along, Dense
from isospike.ir.ops.pool import AveragePool
from isospike.ir.ops.route import Reshape
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Group, Stage
from isospike.neurons import Stepping

LARGEST = 1 << 24  # entries of a dense map: 64 MB
PLANE = 3  # dimensions of a sample with channels, rows and columns


def plain(chain: Chain, shape: Shape, where: str) -> Chain:
    """An equal chain of `Conv`, `Dense` and flattening, with at least one of the first two.  shape: of one sample's
    input.  Raises `InvalidSetting` where there is none; where: the stage, for the message."""
    made, at = list[Map](), shape
    for step in _whole_means(chain):
        said = _said(step, at)
        if said is None:
            return _dense(chain, shape, where, step)
        made += said
        at = step.out_shape(at)
    if not any(isinstance(step, Conv | Dense) for step in made):  # a bias needs a map to stand on
        last = _said(Scale(torch.ones((1,) * len(at), dtype=torch.float64)), at)
        if last is None or at[0] ** 2 > LARGEST:
            raise _unsayable(where, "map without weights")
        made += last
    weighted = [step for step in made if isinstance(step, Conv | Dense) and _constant(step.weight) is None]
    return _unit_pools(tuple(made)) if len(weighted) < 2 else _dense(chain, shape, where, chain[-1])


def carrier(chain: Chain) -> int:
    """Which map of a plain chain carries its weights; the others only add up or move values."""
    weighted = [i for i, step in enumerate(chain) if isinstance(step, Conv | Dense)]
    return next((i for i in weighted if _constant(chain[i].tensors()["weight"]) is None), weighted[-1])


def _said(step: Map, shape: Shape) -> list[Map] | None:
    """A map in the plain maps, or None."""
    flat, plane = len(shape) == 1, len(shape) == PLANE
    match step:
        case Conv() if plane and step.weight.shape[2] == step.weight.shape[3]:  # nir takes all kernels for square
            return [_ungrouped(step)]
        case Dense() if flat:
            return [replace(step, weight=step.weight.double())]
        case Reshape(shape=target) if len(target) == 1:
            return [step]
        case Scale(factor=factor) if flat:
            return [Dense(torch.diag(factor.double().expand(shape)))]
        case Scale(factor=factor) if plane and constant_beyond(factor, 0):
            return [_diagonal(factor.double().reshape(-1, 1, 1).expand(shape[0], 1, 1), shape[0])]
        case AveragePool(ceil_mode=False, divisor=None, kernel=(a, b)) if plane and a == b and _counts_all(step):
            size = math.prod(step.kernel)
            taps = torch.full((shape[0], *step.kernel), 1 / size, dtype=torch.float64)
            return [_diagonal(taps, shape[0], step.stride, step.padding)]
    return None


def _counts_all(pool: AveragePool) -> bool:
    return pool.count_include_pad or not any(pool.padding)


def _whole_means(chain: Chain) -> Chain:
    """The chain with means over rows and then columns as one average pool."""
    made = list[Map]()
    for step in chain:
        before = made[-1] if made else None
        if isinstance(before, Along) and isinstance(step, Along) and {before.dim, step.dim} == {1, 2}:
            sizes = before.weight.shape[1], step.weight.shape[1]
            mean = all(
                len(one.weight) == 1 and _constant(one.weight * one.weight.shape[1]) == 1 for one in (before, step)
            )
            if mean and sizes[0] == sizes[1]:
                made[-1] = AveragePool(sizes, sizes, (0, 0), False, True, None)
                continue
        made.append(step)
    return tuple(made)


def _diagonal(
    taps: Tensor, channels: int, stride: tuple[int, ...] = (1, 1), padding: tuple[int, ...] = (0, 0)
) -> Conv:
    """The full-size convolution that treats each channel by itself.  taps: (channels, height, width)."""
    weight = torch.zeros((channels, channels, *taps.shape[1:]), dtype=torch.float64)
    weight[range(channels), range(channels)] = taps
    return Conv(weight, stride, padding, (1, 1), 1)


def _ungrouped(step: Conv) -> Conv:
    out, per_group, *kernel = step.weight.shape
    own = out // step.groups
    weight = torch.zeros((out, per_group * step.groups, *kernel), dtype=torch.float64)
    for group in range(step.groups):
        rows = slice(group * own, (group + 1) * own)
        weight[rows, group * per_group : (group + 1) * per_group] = step.weight[rows].double()
    return replace(step, weight=weight, groups=1)


def flattened(body: Body) -> Body:
    """The network with its neurons in a row, stage by stage, for readers that take no other."""
    shapes = body.shapes

    def flat(stage: Stage) -> Stage:
        if len(stage.shape) == 1 or not isinstance(stage.neuron, Stepping):
            return replace(stage, groups=tuple(map(unfolding, stage.groups)))
        size = math.prod(stage.shape)
        groups = (replace(g, chain=(*unfolding(g).chain, Reshape((size,)))) for g in stage.groups)
        neuron = stage.neuron.map_tensors(lambda _, t: t.expand(stage.shape).reshape(-1) if t.ndim else t)
        return replace(stage, shape=(size,), groups=tuple(groups), neuron=neuron)

    def unfolding(group: Group) -> Group:
        shape = shapes[group.source]
        if group.source == "input" or len(shape) == 1:
            return group
        return replace(group, chain=(Reshape(shape), *group.chain))

    return replace(body, stages=tuple(map(flat, body.stages)))


def _dense(chain: Chain, shape: Shape, where: str, step: Map) -> Chain:
    """The whole chain as one dense map."""
    out, size = shape, math.prod(shape)
    for one in chain:
        out = one.out_shape(out)
    if len(out) != 1 or size * out[0] > LARGEST:
        raise _unsayable(where, type(step).__name__)
    exact = tuple(one.map_tensors(lambda _, t: t.double()) for one in chain)
    weight = through(exact, torch.eye(size, dtype=torch.float64).reshape(size, *shape)).T.contiguous()
    return (*(() if len(shape) == 1 else (Reshape((size,)),)), Dense(weight))


def _unsayable(where: str, what: str) -> InvalidSetting:
    return InvalidSetting(
        f"stage `{where}` reads through a {what}, which NIR's nodes cannot say.",
        "Convolutions, dense layers, average pools, means over rows and columns, factors a channel, flattening; "
        "anything before flat neurons, if it is small.",
        "Write that layer as a convolution.",
    )


def _unit_pools(chain: Chain) -> Chain:
    """The chain with sums in place of averages, and their divisors in the weights."""
    at, factor, made = carrier(chain), 1.0, list(chain)
    for i, step in enumerate(chain):
        if i != at and isinstance(step, Conv | Dense) and (value := _constant(step.weight)) is not None:
            factor *= value
            made[i] = replace(step, weight=step.weight / value)
    last = made[at]
    assert isinstance(last, Conv | Dense)
    made[at] = replace(last, weight=last.weight * factor)
    return tuple(made)


def _constant(weight: Tensor) -> float | None:
    """The one value that all weights have that are not zero."""
    values = weight[weight != 0].unique()
    return float(values[0]) if len(values) == 1 else None


def identity(shape: Shape) -> Map:
    """The plain map that changes nothing."""
    said = _said(Scale(torch.ones((1,) * len(shape), dtype=torch.float64)), shape)
    if said is None:
        raise _unsayable("output", f"shape of {len(shape)} dimensions")
    return said[0]
