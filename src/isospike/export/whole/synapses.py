"""Synapses in whole units: the unit that all weights of a stage are whole multiples of, and what they are in it."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import scipy
from torch import Tensor

from isospike.constraints.weight_bits import whole_step
from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Map, Weighted
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Group, Stage, reweighted
from isospike.simulate.wiring import synapses

MOST_BITS = 24
SINGLE, SINGLE_BITS = 2e-7, 15  # rounding of single precision, and the bits that it tells steps of
MOST_PARTS = 1024  # of a step that averages divide it into
STRETCH = 1 / 256  # by which weights are scaled at most, so that summed sources agree: half a step of eight bits
ROUNDING = 1e-6  # by which sums and products in double precision leave whole numbers, at most


def listed(stage: Stage, body: Body, step: dict[str, float]) -> "tuple[scipy.sparse.csr_array, list[float]]":
    """The synapses of a stage, those of all sources one below the other, and the unit of each source; infinity for one
    that nothing comes from.  step: by source, what a spike of one tick, or of one step, stands for."""
    found = synapses(stage, body.shapes)
    edges = np.cumsum([0, *(int(np.prod(body.shapes[group.source])) for group in stage.groups)])
    values, units = found.weights.copy(), []
    for group, (first, last) in zip(stage.groups, pairwise(edges), strict=True):
        of = slice(found.indptr[first], found.indptr[last])
        values[of] *= step[group.source]
        units.append(grid(values[of], stage) if len(values[of]) else math.inf)
    shape = int(edges[-1]), int(np.prod(stage.shape))
    return scipy.sparse.csr_array((values, found.targets, found.indptr), shape=shape), units


def whole_weights(stage: Stage, body: Body, step: dict[str, float], unit: float) -> "scipy.sparse.csr_array":
    """The same in units of u, int64."""
    values, _ = listed(stage, body, step)
    if not whole(values.data / unit):
        raise InvalidSetting(
            f"stage `{stage.name}` sums sources whose units are no whole multiples of one another, without weights.",
            "Sources with weights, which are scaled until they agree, and one without.",
            "Run it in floating point, under the same constraints.",
        )
    values.data = np.rint(values.data / unit).astype(np.int64)
    return values


def agreed(stage: Stage, body: Body, step: dict[str, float]) -> tuple[Stage, float]:
    """The stage with its weights scaled by at most `STRETCH`, so that the units of its sources are whole multiples of
    u; and u, one of them, halved as often as it takes."""
    units = listed(stage, body, step)[1]
    if len(stage.groups) < 2:
        return stage, units[0]
    bare = [unit for group, unit in zip(stage.groups, units, strict=True) if not any(map(scales, group.chain))]
    unit = min(bare or units)
    while any(abs(max(1, round(one / unit)) * unit / one - 1) > STRETCH for one in units if one < math.inf):
        unit /= 2

    def scaled(group: Group, own: float) -> Group:
        factor = 1.0 if own == math.inf else round(own / unit) * unit / own
        at = next((at for at, one in enumerate(group.chain) if scales(one)), None)
        if at is None:
            return group
        made = multiplied(group.chain[at], lambda t: t * factor)
        return replace(group, chain=(*group.chain[:at], made, *group.chain[at + 1 :]))

    return replace(stage, groups=tuple(map(scaled, stage.groups, units))), unit


def scales(one: Map) -> bool:
    """Whether a map has numbers of its own that values are multiplied with."""
    return one.weighted or isinstance(one, Scale)


def multiplied(one: Map, change: Callable[[Tensor], Tensor]) -> Map:
    """The map with these numbers changed."""
    if isinstance(one, Scale):
        return replace(one, factor=change(one.factor))
    assert isinstance(one, Weighted)
    return replace(one, weight=change(one.weight))


def grid(values: np.ndarray, stage: Stage) -> float:
    """The step of a source's synapses, averages over patches divided out."""
    sizes = np.unique(np.abs(values))
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return 1.0
    parts = (float(sizes[0]) / part for part in range(1, MOST_PARTS + 1))
    for step in (*parts, _divisor(sizes)):
        if sizes[-1] / step < 2**MOST_BITS and whole(sizes / step):
            return step
    raise InvalidSetting(
        f"the weights of stage `{stage.name}` are no whole multiples of a step.",
        "Networks tuned with WeightBits (--weight-bits), of few bits: single precision tells no finer steps.",
        "Tune it, with 8 bits for example; for rates take ranges of a layer: --normalise percentile:99.9:layer.",
    )


def whole(numbers: np.ndarray) -> bool:
    """Whether numbers are whole but for rounding in double precision."""
    return bool((np.abs(numbers - np.rint(numbers)) <= ROUNDING).all())


def _divisor(sizes: np.ndarray) -> float:
    """The greatest common divisor of numbers that are rounded, by Euclid's algorithm."""
    least, found = float(sizes[-1]) / 2**MOST_BITS, float(sizes[0])
    for size in sizes[1:].tolist():
        while size > least:
            found, size = size, abs(found - round(found / size) * size)
    return float(sizes[-1]) / max(1, round(float(sizes[-1]) / found))


def exact(stage: Stage) -> Stage:
    """The stage with its weights on their grid to the last bit of double precision."""

    def snapped(_: int, step: Weighted) -> Tensor:
        weight = step.weight.flatten()
        size = whole_step(weight, 1 << (MOST_BITS - 1)) or _step(np.unique(np.abs(weight[weight != 0].numpy())))
        return step.weight if size is None else (step.weight / size).round() * size

    return reweighted(stage, snapped)


def _step(sizes: np.ndarray) -> float | None:
    """The largest step that all sizes are multiples of, as single precision tells; for maps of so few weights that no
    two of them are a step apart."""
    multiples = np.arange(1, 1 << SINGLE_BITS)  # of the step, that the largest size may be
    for size in sizes:
        ratios = multiples * (size / sizes[-1])
        multiples = multiples[np.abs(ratios - np.rint(ratios)) <= SINGLE * ratios]
    return float(sizes[-1]) / int(multiples[0]) if len(multiples) else None


def flat(t: Tensor, stage: Stage) -> np.ndarray:
    """Whole numbers, one a neuron, int64."""
    return np.ascontiguousarray(t.expand(stage.shape).reshape(-1).numpy()).astype(np.int64)
