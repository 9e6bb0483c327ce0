"""Event-driven synapses: each output adds the rows of weights of the spikes that it sees, where few neurons fire.

A convolution or a dense map, as sums of contiguous rows that stay in registers: neighbouring places of the output are
summed up together, so that a row is as long as a block of registers (kernels/registers.py)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from isospike.ir.layout import packed, rows
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Rows
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.route import Reshape
from isospike.kernels.gather import Window
from isospike.kernels.registers import BLOCK

SPARSE = 0.45  # share of neurons that fire at which a dense map is as fast as rows without zeros


@dataclass
class Events:
    """A map whose weights are added up spike by spike.

    | field     | meaning                                                                            |
    |-----------|------------------------------------------------------------------------------------|
    | `before`  | what spikes go through first                                                       |
    | `weights` | (kernel height, taps, inputs, width), flat: of as many places as fill a block       |
    | `window`  | its sizes                                                                          |
    | `room`    | that the kernel works in                                                           |
    | `filled`  | share of `weights` that are some                                                   |
    | `density` | of the spikes last seen                                                            |
    """

    before: Chain
    weights: np.ndarray
    window: Window
    room: tuple[np.ndarray, ...]
    filled: float
    density: float = 0.0

    @property
    def fits(self) -> bool:
        """Whether so few neurons fire that adding their rows is the faster way."""
        return self.density < SPARSE * self.filled

    def hearing(self, train: Tensor) -> tuple[Any, ...]:
        """What the kernel is given.  train: (steps, batch, *shape)."""
        x = train.flatten(0, 1)
        for step in self.before:
            x = step(x)
        flat = rows(packed(x))
        return flat.reshape(*train.shape[:2], flat.shape[1]), self.weights, self.window, *self.room


def events(chain: Chain, shape: tuple[int, ...], like: Tensor) -> Events | None:
    """The event-driven form of a chain of maps, where there is one that pays.  shape: of the chain's input."""
    if not chain or (found := chain[-1].rows()) is None:
        return None
    *before, last = chain
    for step in before:
        inside, shape = shape, step.out_shape(shape)
    if isinstance(last, Dense) and before and isinstance(before[-1], Reshape) and len(inside) == 3 and len(shape) == 1:
        # A dense map of an image is a convolution with one place: the image need not be brought into order.
        found, shape, before = Rows(found.weights.unflatten(1, inside)), inside, before[:-1]
    if len(shape) != found.weights.ndim - 1:
        return None
    return _laid_out(tuple(before), found, shape, like)


def _laid_out(before: Chain, found: Rows, shape: tuple[int, ...], like: Tensor) -> Events:
    weights = found.weights if len(shape) == 3 else found.weights[:, :, None, None]
    inputs, high, wide = shape if len(shape) == 3 else (*shape, 1, 1)
    outputs, _, kernel, kernel_wide = weights.shape
    (stride, stride_wide), (pad, pad_wide) = found.stride, found.padding
    out_high, out_wide = (
        (high + 2 * pad - kernel) // stride + 1,
        (wide + 2 * pad_wide - kernel_wide) // stride_wide + 1,
    )
    block = BLOCK // like.element_size()
    together = max(1, min(block // outputs, out_wide))
    taps, width = kernel_wide + (together - 1) * stride_wide, -(-together * outputs // block) * block
    laid = like.new_zeros(kernel, taps, inputs, width)
    for place in range(together):
        first = place * stride_wide
        laid[:, first : first + kernel_wide, :, place * outputs : (place + 1) * outputs] = weights.permute(2, 3, 1, 0)
    sizes = high, wide, inputs, outputs, out_high, out_wide, kernel, taps, together, width
    window = Window(*sizes, stride, stride_wide, pad, pad_wide)
    spikes = inputs * high * wide + 1
    room = (
        np.empty(spikes, laid.numpy().dtype),
        np.empty(spikes, np.intp),
        np.empty((high, window.columns + 1), np.intp),
        np.empty(out_high * window.line + width, laid.numpy().dtype),
    )
    return Events(before, laid.numpy().reshape(-1), window, room, weights.numel() * together / laid.numel())
