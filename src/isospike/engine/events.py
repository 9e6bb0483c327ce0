"""Event-driven synapses: each spike adds its weights to the sums of the outputs that see it, where few neurons fire.

A convolution, or a dense map as a convolution with one place (kernels/scatter.py)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.ir.layout import packed, rows
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Rows
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.route import Reshape
from isospike.ir.ops.scale import Scale
from isospike.kernels.scatter import FAR, VECTOR, Window, far, one_to_one, scatter, tile

SPARSE = 0.7  # share of neurons that fire at which a dense map is as fast, if all weights count and stay in the cache
WIDEST = 11  # columns of a kernel: the code for it grows with their square


@dataclass
class Events:
    """A map whose weights are added up spike by spike.

    | field     | meaning                                                                            |
    |-----------|------------------------------------------------------------------------------------|
    | `before`  | what spikes go through first                                                       |
    | `made`    | the compiled function for spikes of a precision                                    |
    | `weights` | tile by tile, flat                                                                 |
    | `window`  | its sizes                                                                          |
    | `room`    | that the function works in                                                         |
    | `limit`   | share of neurons that fire at which a dense map is as fast                         |
    | `density` | of the spikes last seen                                                            |
    """

    before: Chain
    made: Callable[[np.dtype[Any]], Any]
    weights: np.ndarray
    window: Window
    room: tuple[np.ndarray, ...]
    limit: float
    density: float = 0.0

    @property
    def fits(self) -> bool:
        """Whether so few neurons fire that adding their weights is the faster way."""
        return self.density < self.limit

    def hearing(self, train: Tensor) -> tuple[Any, ...]:
        """What the loop over time is given.  train: (steps, batch, *shape)."""
        x = train.flatten(0, 1)
        if self.before:
            x = x.to(torch.from_numpy(self.weights).dtype)
        for step in self.before:
            x = step(x)
        flat = rows(packed(x))
        spikes = flat.reshape(*train.shape[:2], flat.shape[1])
        return spikes, self.made(spikes.dtype).address, self.weights, np.array(self.window, np.intp), *self.room


def events(chain: Chain, shape: tuple[int, ...], like: Tensor) -> Events | None:
    """The event-driven form of a chain of maps, where there is one that pays.  shape: of the chain's input."""
    if all(isinstance(step, Scale) for step in chain):
        return _one_to_one(chain, shape, like)
    if (found := chain[-1].rows()) is None:
        return None
    *before, last = chain
    for step in before:
        inside, shape = shape, step.out_shape(shape)
    if isinstance(last, Dense) and before and isinstance(before[-1], Reshape) and len(inside) == 3 and len(shape) == 1:
        # A dense map of an image is a convolution with one place: the image need not be brought into order.
        found, shape, before = Rows(found.weights.unflatten(1, inside)), inside, before[:-1]
    if len(shape) != found.weights.ndim - 1:
        return None
    if shape == found.weights.shape[1:] and found.padding == (0, 0) and len(shape) == 3:  # as it lies in memory
        found, shape = Rows(found.weights.permute(0, 2, 3, 1).flatten(1)), (math.prod(shape),)
    return _laid_out(tuple(before), found, shape, like)


def _one_to_one(chain: Chain, shape: tuple[int, ...], like: Tensor) -> Events | None:
    """Of numbers that are each only multiplied, which costs less than to look for spikes among them."""
    factors = rows(packed(through(chain, like.new_ones(1, *shape)).to(like.dtype)))[0]
    if len(factors) != math.prod(shape):
        return None
    dtype = factors.dtype
    window = Window(1, 1, len(factors), len(factors), *[1] * 4, *[0] * 10)
    room = np.empty(0, np.uint32), np.empty(0, np.intp), np.empty(0, dtype)
    return Events((), partial(one_to_one, dtype), factors, window, room, math.inf)


def _laid_out(before: Chain, found: Rows, shape: tuple[int, ...], like: Tensor) -> Events | None:
    weights = found.weights if len(shape) == 3 else found.weights[:, :, None, None]
    inputs, high, wide = shape if len(shape) == 3 else (*shape, 1, 1)
    outputs, _, kernel, kernel_wide = weights.shape
    (stride, stride_wide), (pad, pad_wide) = found.stride, found.padding
    out_high, out_wide = (
        (high + 2 * pad - kernel) // stride + 1,
        (wide + 2 * pad_wide - kernel_wide) // stride_wide + 1,
    )
    lanes, taps = VECTOR // like.element_size(), (-(-kernel // stride), -(-kernel_wide // stride_wide))
    if taps[1] > WIDEST:
        return None
    one = tile(taps, inputs * stride_wide, -(-outputs // lanes), out_high)
    bands, blocks = -(-taps[0] // one.lines), -(-outputs // (one.vectors * lanes))
    first, last = pad_wide // stride_wide, (pad_wide + wide - 1) // stride_wide
    columns = -(-(min(last, out_wide + one.wide - 2) - first + 1) // one.wide) * one.wide
    across = blocks * one.vectors * lanes
    window = Window(
        high, wide, inputs, outputs, out_high, out_wide, stride, stride_wide, pad, pad_wide, min(kernel, stride),
        min(kernel_wide, stride_wide), first, columns, bands, blocks, across, (columns + one.wide) * across,
    )  # fmt: skip
    laid = like.new_zeros(across, inputs, bands * one.lines * stride, one.wide * stride_wide)
    laid[:outputs, :, :kernel, :kernel_wide] = weights
    # from (outputs, inputs, lines, columns) to what `scatter` takes
    laid = laid.unflatten(3, (one.wide, stride_wide)).unflatten(2, (bands, one.lines, stride))
    laid = laid.unflatten(0, (blocks, one.vectors * lanes)).permute(0, 3, 5, 7, 2, 4, 6, 1)
    dtype = laid.numpy().dtype
    room = (
        np.empty(inputs * high * wide + lanes, np.uint32),
        np.empty(high * (columns + 1), np.intp),
        _aligned((out_high + 2 * one.lines - 2) * window.pitch, dtype),
    )
    kept = _aligned(laid.numel(), dtype)
    kept[:] = laid.flatten().numpy()
    share = weights.numel() / laid.numel() / (FAR if far(one, inputs * stride_wide) else 1)
    return Events(before, partial(scatter, one, dtype), kept, window, room, SPARSE * share)


def _aligned(count: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers that begin where a line of the cache does: half of the vectors would lie across two otherwise."""
    room = np.empty(count * dtype.itemsize + VECTOR, np.uint8)
    begin = -room.ctypes.data % VECTOR
    return room[begin : begin + count * dtype.itemsize].view(dtype)
