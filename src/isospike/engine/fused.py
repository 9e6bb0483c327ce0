"""The loop over time of a stage of neurons, fused: block by block, whose states stay in the cache for a whole stretch
of steps.  A pool behind the neurons reads their spikes while they are there."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from torch import Tensor

from isospike.engine.events import Events
from isospike.engine.kinds import Kind, kind_of
from isospike.engine.pooled import Pooled
from isospike.ir.layout import blank, rows
from isospike.ir.ops.base import Shape
from isospike.kernels.pools import Patches
from isospike.kernels.scatter import call

Heard = tuple[Events, Tensor]  # synapses and the spikes, (steps, batch, *shape), that come through them
SMALL = torch.int8  # of spikes that fit: those of a batch leave the caches before the next stage reads them
ALONE = Patches(1024, 0, 0, 0, 0, 0, 0, 0, 1)  # no pool, and blocks of neurons whose states fit the first cache


def read(arrays: Any, i: int) -> Any:
    """Number i of each array; what is one number for all neurons is itself."""


@overload(read)
def _read_each(arrays, i):  # type: ignore[no-untyped-def]  # numba wants the lambda's own signature
    if not len(arrays):
        return lambda arrays, i: ()
    if isinstance(arrays[0], types.Array):
        return lambda arrays, i: (arrays[0][i], *read(arrays[1:], i))
    return lambda arrays, i: (arrays[0], *read(arrays[1:], i))


def write(arrays: Any, numbers: Any, i: int) -> None:
    """Put each number into its array."""


@overload(write)
def _write_each(arrays, numbers, i):  # type: ignore[no-untyped-def]  # as above
    if not len(arrays):
        return lambda arrays, numbers, i: None

    def write_all(arrays, numbers, i):  # type: ignore[no-untyped-def]  # as above
        arrays[0][i] = numbers[0]
        write(arrays[1:], numbers[1:], i)

    return write_all


def cut(arrays: Any, k: int, begin: int, end: int) -> Any:
    """A block of neurons of sample k; parameters are the same for all samples."""


@overload(cut)
def _cut_each(arrays, k, begin, end):  # type: ignore[no-untyped-def]  # as above
    if not len(arrays):
        return lambda arrays, k, begin, end: ()
    if not isinstance(arrays[0], types.Array):
        return lambda arrays, k, begin, end: (arrays[0], *cut(arrays[1:], k, begin, end))
    if arrays[0].ndim == 1:
        return lambda arrays, k, begin, end: (arrays[0][begin:end], *cut(arrays[1:], k, begin, end))
    return lambda arrays, k, begin, end: (arrays[0][k, begin:end], *cut(arrays[1:], k, begin, end))


def hear(heard: Any, seen: Any, t: int, k: int, row: Any) -> None:
    """Add what the spikes of a step do, of each synapse group that is heard event by event."""


@overload(hear)
def _hear_each(heard, seen, t, k, row):  # type: ignore[no-untyped-def]  # as above
    if not len(heard):
        return lambda heard, seen, t, k, row: None

    def hear_all(heard, seen, t, k, row):  # type: ignore[no-untyped-def]  # as above
        train, made, weights, window, spots, ends, sums = heard[0]
        seen[0] += call(made, train[t, k], weights, row, window, spots, ends, sums)
        hear(heard[1:], seen[1:], t, k, row)

    return hear_all


@cache
def fused(
    step: Callable[..., Any], told: bool, signed: bool, pool: Callable[..., None]
) -> Callable[..., tuple[Tensor, Tensor]]:
    """The loop over time for a model whose single step is `step`, and for a kind of pool behind it:

    (x, state, steps, what is heard besides, the pool, its state, precision of the spikes) ↦ spikes, none where no
    precision is given, and what the pool sends.  Spikes of x's own precision it may write over x."""
    kind = Kind(step, told, signed, pool)
    kernel = KEPT if kind.kept else ANEW

    def loop(
        x: Tensor,
        state: Any,
        steps: int,
        heard: list[Heard],
        pooled: Pooled | None,
        after: Any,
        kept: torch.dtype | None,
    ) -> tuple[Tensor, Tensor]:
        batch, shape = len(state.net), tuple(x.shape[2:])

        def trains(steps: int, shape: Shape, dtype: torch.dtype | None = None) -> Tensor:
            return blank((steps * batch, *shape), x, dtype).unflatten(0, (steps, batch))

        in_place = kept == x.dtype and len(x) == steps > 1  # one step may be that of a constant drive
        whole = x if in_place else trains(steps if kept == x.dtype else 0, shape)
        small = trains(steps if kept == SMALL else 0, shape, SMALL)
        patches = ALONE if pooled is None else pooled.patches
        out = trains(steps, (0,) if pooled is None else pooled.shape)
        if state.flat is None:
            state.flat = tuple(_flat(p, state.net) for p in state.parameters)
        seen = np.zeros(len(heard), np.int64)
        kernel(
            kind,
            _over_time(x),
            tuple(events.hearing(train) for events, train in heard),
            seen,
            _over_time(whole),
            in_place,
            _over_time(small),
            tuple(map(rows, state.states)),
            rows(state.net),
            rows(state.total),
            state.flat,
            patches,
            np.empty(patches.columns, out.numpy().dtype),
            rows(after.net),
            rows(after.total),
            _over_time(out),
        )
        for (events, train), count in zip(heard, seen, strict=True):
            events.density = count / max(train.numel(), 1)
        return small if kept == SMALL else whole, out

    return loop


def _over_time(x: Tensor) -> np.ndarray:
    """A tensor (steps, batch, *shape) as an array (steps, batch, neurons) over the same memory."""
    return rows(x.flatten(0, 1)).reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _flat(parameter: Tensor, like: Tensor) -> np.ndarray | np.generic:
    """A parameter as one number, or as one of every neuron in the order of `rows`."""
    number: np.generic = parameter.numpy().reshape(-1)[0]
    return number if parameter.numel() == 1 else rows(torch.zeros_like(like[:1]) + parameter)[0]


@njit(nogil=True, inline="always")
def copy(to: Any, source: Any) -> None:
    """to[:] = source, several times as fast as numba's own."""
    for i in range(np.uintp(len(to))):
        to[i] = source[i]


def fire(kind: Any, x: Any, states: Any, net: Any, total: Any, parameters: Any) -> None:
    """One step of neurons, which writes their spikes over x."""


@overload(fire, inline="always")
def _fire(kind, x, states, net, total, parameters):  # type: ignore[no-untyped-def]  # as above
    one, told, signed = kind_of(kind).one, kind_of(kind).told, kind_of(kind).signed

    # In place, and over as few arrays as can be: the compiler turns the loop into vector instructions only if it can
    # check at run time, in few comparisons, that none overlap.
    def fire(kind, x, states, net, total, parameters):  # type: ignore[no-untyped-def]  # as above
        for i in range(np.uintp(len(x))):
            s, after = one(read(states, i) + ((net[i],) if told else ()), x[i], read(parameters, i))
            write(states, after, i)
            net[i] += s
            if signed:
                total[i] += abs(s)
            x[i] = s

    return fire


def pool(kind: Any, spikes: Any, counts: Any, patches: Any, columns: Any, net: Any, total: Any, out: Any) -> None:
    """What the pool behind the neurons sends."""


@overload(pool)
def _pool(kind, spikes, counts, patches, columns, net, total, out):  # type: ignore[no-untyped-def]  # as above
    line = kind_of(kind).pool
    return lambda kind, spikes, counts, patches, columns, net, total, out: line(
        spikes, counts, patches, columns, net, total, out
    )


def _stretch(
    kind: Any, drive: Any, heard: Any, seen: Any, spikes: Any, in_place: Any, small: Any, states: Any, net: Any,
    total: Any, parameters: Any, patches: Any, columns: Any, pool_net: Any, pool_total: Any, out: Any,
) -> None:  # fmt: skip
    steps, neurons = len(out), net.shape[1]
    room = np.empty((0 if len(spikes) else steps if len(heard) else 1, neurons), net.dtype)
    for k in range(len(net)):
        if len(heard):
            for t in range(steps):
                s = spikes[t, k] if len(spikes) else room[t]
                if not in_place:
                    copy(s, drive[min(t, len(drive) - 1), k])
                hear(heard, seen, t, k, s)
        for place, begin in enumerate(range(0, neurons, patches.block)):
            end, first, last = (
                min(begin + patches.block, neurons),
                place * patches.sent,
                (place + 1) * patches.sent,
            )
            own, numbers = cut(states, k, begin, end), cut(parameters, k, begin, end)
            sent, all_sent = net[k, begin:end], total[k, begin:end]
            pool_sent, pool_all_sent = pool_net[k, first:last], pool_total[k, first:last]
            for t in range(steps):
                s = spikes[t, k, begin:end] if len(spikes) else room[min(t, len(room) - 1), begin:end]
                if not in_place and not len(heard):
                    copy(s, drive[min(t, len(drive) - 1), k, begin:end])
                fire(kind, s, own, sent, all_sent, numbers)
                if len(small):
                    copy(small[t, k, begin:end], s)
                if place < patches.lines:
                    pool(kind, s, sent, patches, columns, pool_sent, pool_all_sent, out[t, k, first:last])


KEPT, ANEW = njit(nogil=True, cache=True)(_stretch), njit(nogil=True)(_stretch)
