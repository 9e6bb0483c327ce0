"""The loop over time of a stage of neurons, fused: one pass over memory for a whole stretch of steps."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from torch import Tensor

from isospike.ir.layout import blank, rows


def _read(arrays: Any, k: int, i: int) -> Any:
    """Each array's number of neuron i in sample k."""


@overload(_read)
def _read_each(arrays, k, i):  # type: ignore[no-untyped-def]  # numba wants the lambda's own signature
    if not len(arrays):
        return lambda arrays, k, i: ()
    return lambda arrays, k, i: (arrays[0][k, i], *_read(arrays[1:], k, i))


def _write(arrays: Any, numbers: Any, k: int, i: int) -> None:
    """Put each number into its array."""


@overload(_write)
def _write_each(arrays, numbers, k, i):  # type: ignore[no-untyped-def]  # as above
    if not len(arrays):
        return lambda arrays, numbers, k, i: None

    def write(arrays, numbers, k, i):  # type: ignore[no-untyped-def]  # as above
        arrays[0][k, i] = numbers[0]
        _write(arrays[1:], numbers[1:], k, i)

    return write


def _own(parameters: Any, i: int) -> Any:
    """A neuron's parameters: where each neuron has its own, or where all share one."""


@overload(_own)
def _own_each(parameters, i):  # type: ignore[no-untyped-def]  # as above
    if not len(parameters):
        return lambda parameters, i: ()
    if isinstance(parameters[0], types.Array):
        return lambda parameters, i: (parameters[0][i], *_own(parameters[1:], i))
    return lambda parameters, i: (parameters[0], *_own(parameters[1:], i))


@cache
def fused(step: Callable[..., Any], signed: bool) -> Callable[..., Tensor]:
    """The loop over time for a model whose single step is `step`: (x, state, steps) ↦ spikes, which it may write over
    x."""
    kernel = _kernel(step, signed)

    def loop(x: Tensor, state: Any, steps: int) -> Tensor:
        batch = len(state.net)
        varies = len(x) == steps
        spikes = x if varies else blank((steps * batch, *x.shape[2:]), x).unflatten(0, (steps, batch))
        constant = rows(x[0])[: 0 if varies else batch]
        if state.flat is None:
            state.flat = tuple(_flat(p, state.net) for p in state.parameters)
        kernel(
            rows(spikes.flatten(0, 1)).reshape(steps, batch, math.prod(x.shape[2:])),
            constant,
            tuple(map(rows, state.states)),
            rows(state.net),
            rows(state.total),
            state.flat,
        )
        return spikes

    return loop


def _flat(parameter: Tensor, like: Tensor) -> np.ndarray | np.generic:
    """A parameter as one number, or as one of every neuron in the order of `rows`."""
    number: np.generic = parameter.numpy().reshape(-1)[0]
    return number if parameter.numel() == 1 else rows(torch.zeros_like(like[:1]) + parameter)[0]


def _kernel(step: Callable[..., Any], signed: bool) -> Callable[..., None]:
    one = njit(step)

    # In place, and over as few arrays as can be: the compiler turns the innermost loop into vector instructions
    # only if it can check
    # at run time, in few comparisons, that none overlap.
    @njit(nogil=True)
    def kernel(x: Any, constant: Any, states: Any, net: Any, total: Any, parameters: Any) -> None:
        for k in range(x.shape[1]):
            for t in range(x.shape[0]):
                if len(constant):
                    x[t, k] = constant[k]
                for i in range(x.shape[2]):
                    s, after = one(_read(states, k, i), x[t, k, i], _own(parameters, i))
                    _write(states, after, k, i)
                    net[k, i] += s
                    if signed:
                        total[k, i] += abs(s)
                    x[t, k, i] = s

    return kernel
