"""What a step of a neuron spells differently for tensors and for single numbers, under one name each.

`step` runs on tensors as it is, and is compiled for the single numbers of one neuron.
"""

from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import overload
from torch import Tensor

SETTLE = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 1e-2}


def settled(threshold: Tensor) -> Tensor:
    """A threshold that a sum equal to it but for rounding still reaches, whatever the order in which it was summed
    up."""
    return threshold * (1 - SETTLE[threshold.dtype])


def on(condition: Any, like: Any) -> Any:
    """1 where the condition holds and 0 elsewhere, as a number of the precision of `like`."""
    return condition.to(like.dtype)


@overload(on)
def _on(condition, like):  # type: ignore[no-untyped-def]  # numba wants the lambda's own signature
    convert = np.float32 if like == types.float32 else np.float64
    return lambda condition, like: convert(condition)


def whole(x: Any) -> Any:
    """The largest whole number that is not above x, or is above it by no more than rounding."""
    return (x + SETTLE[x.dtype]).floor()


@overload(whole)
def _whole(x):  # type: ignore[no-untyped-def]  # as above
    settle = np.float32(SETTLE[torch.float32]) if x == types.float32 else SETTLE[torch.float64]
    return lambda x: np.floor(x + settle)


def between(x: Any, low: Any, high: Any) -> Any:
    """x, but no less than low and no more than high."""
    return x.clamp(low, high)


@overload(between)
def _between(x, low, high):  # type: ignore[no-untyped-def]  # as above
    return lambda x, low, high: min(max(x, low), high)
