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

SETTLE = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 1e-2}


def settled(threshold: Tensor) -> Tensor:
    """A threshold that a sum equal to it but for rounding still reaches, whatever the order in which it was summed up."""
    return threshold * (1 - SETTLE[threshold.dtype])


def on(condition: Any, like: Any) -> Any:
    """1 where the condition holds and 0 elsewhere, as a number of the precision of `like`."""
    return condition.to(like.dtype)


@overload(on)
def _on(condition, like):  # type: ignore[no-untyped-def]
    convert = np.float32 if like == types.float32 else np.float64
    return lambda condition, like: convert(condition)


def whole(x: Any) -> Any:
    """The largest whole number that is not above x, or is above it by no more than rounding."""
    return (x + SETTLE[x.dtype]).floor()


@overload(whole)
def _whole(x):  # type: ignore[no-untyped-def]
    settle = np.float32(SETTLE[torch.float32]) if x == types.float32 else SETTLE[torch.float64]
    return lambda x: np.floor(x + settle)


def between(x: Any, low: Any, high: Any) -> Any:
    """x, but no less than low and no more than high."""
    return x.clamp(low, high)


@overload(between)
def _between(x, low, high):  # type: ignore[no-untyped-def]
    return lambda x, low, high: low if x < low else (high if x > high else x)


def at(parameter: Any, i: int) -> Any:
    """A neuron's parameter, where each has its own, or where all share one."""


@overload(at)
def _at(parameter, i):  # type: ignore[no-untyped-def]
    return (lambda parameter, i: parameter[i]) if isinstance(parameter, types.Array) else (lambda parameter, i: parameter)


def rows(t: Tensor) -> np.ndarray:
    """A tensor (batch, *shape) as an array (batch, neurons) over the same memory, in its order."""
    if t.ndim == 4 and t.is_contiguous(memory_format=torch.channels_last):
        t = t.permute(0, 2, 3, 1)
    return t.numpy().reshape(len(t), math.prod(t.shape[1:]))


def packed(t: Tensor) -> Tensor:
    """A tensor (batch, *shape) in one of the two layouts that `rows` knows: channels last for images."""
    return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t.contiguous()


def blank(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A packed tensor (batch, *shape) with nothing in it yet."""
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


@cache
def fused(step: Callable[..., Any], signed: bool) -> Callable[..., Tensor]:
    """The loop over time for a model whose single step is `step`: (x, state, steps) ↦ spikes."""
    kernel = _kernel(step, signed)

    def loop(x: Tensor, state: Any, steps: int) -> Tensor:
        batch = len(state.potential)
        varies = len(x) == steps
        spikes = x if varies else blank((steps * batch, *x.shape[2:]), x).unflatten(0, (steps, batch))
        constant = rows(x[0])[: 0 if varies else batch]
        if state.flat is None:
            state.flat = tuple(_flat(p, state.potential) for p in state.parameters)
        kernel(
            rows(spikes.flatten(0, 1)).reshape(steps, batch, math.prod(x.shape[2:])),
            constant,
            *map(rows, (state.potential, state.net, state.total)),
            *state.flat,
        )
        return spikes

    return loop


def _flat(parameter: Tensor, like: Tensor) -> np.ndarray | np.generic:
    """A parameter as one number, or as one of every neuron in the order of `rows`."""
    number: np.generic = parameter.numpy().reshape(-1)[0]
    return number if parameter.numel() == 1 else rows(torch.zeros_like(like[:1]) + parameter)[0]


def _kernel(step: Callable[..., Any], signed: bool) -> Callable[..., None]:
    one = njit(step)

    # In place, and over as few arrays as can be: the compiler turns the innermost loop into vector instructions only if it can check
    # at run time, in few comparisons, that none overlap.
    @njit(nogil=True)
    def kernel(x, constant, v, net, total, a, b, c, d, e):  # type: ignore[no-untyped-def]
        for k in range(x.shape[1]):
            for t in range(x.shape[0]):
                if len(constant):
                    x[t, k] = constant[k]
                for i in range(x.shape[2]):
                    s, w = one(x[t, k, i], v[k, i], net[k, i], at(a, i), at(b, i), at(c, i), at(d, i), at(e, i))
                    v[k, i] = w
                    net[k, i] += s
                    if signed:
                        total[k, i] += abs(s)
                    x[t, k, i] = s

    return kernel


def plain(neuron: Any, x: Tensor, state: Any, steps: int) -> Tensor:
    """The same loop, step by step in tensors."""
    spikes = []
    for t in range(steps):
        s, potential = type(neuron).step(x[min(t, len(x) - 1)], state.potential, state.net, *state.parameters)
        state.potential.copy_(potential)
        state.net.add_(s)
        if state.total is not state.net:
            state.total.add_(s.abs())
        spikes.append(s)
    return torch.stack(spikes)
