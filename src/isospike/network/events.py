"""Event-driven synapses: each spike adds its row of weights, for layers in which few neurons fire at a time.

A convolution of stride 1, or a dense map, as additions of contiguous rows: with the weights of an input channel laid out as its
neighbourhood of outputs, one spike touches k rows of k · channels numbers each.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from torch import Tensor

from isospike.ir.ops.base import Map
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Dense
from isospike.neurons.fused import blank, packed, rows

# Rows of 64 numbers and more are added at about 14 G a second a core, a dense convolution multiplies at about 60 G.
SPARSE, ROW = 0.2, 64


@dataclass
class Events:
    """A map's weights by presynaptic neuron.  rows: (inputs, k, k · outputs), flat; kernel k; padding; dense: no image; density: of the spikes last seen."""

    rows: np.ndarray
    inputs: int
    outputs: int
    kernel: tuple[int, int]
    padding: tuple[int, int]
    dense: bool
    density: float = 0.0

    def fits(self, x: Tensor) -> bool:
        """Whether so few neurons fire that adding their rows is the faster way, and they lie as the rows do: (batch, inputs) or images."""
        return self.density < SPARSE and x.ndim == (2 if self.dense else 4)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """The map of a batch of spikes."""
        high, wide = x.shape[2:] if x.ndim == 4 else (1, 1)
        out_high, out_wide = high + 2 * self.padding[0] - self.kernel[0] + 1, wide + 2 * self.padding[1] - self.kernel[1] + 1
        shape = (len(x), self.outputs, out_high, out_wide) if x.ndim == 4 else (len(x), self.outputs)
        out = blank(shape, x)
        size = (high, wide, self.inputs, self.outputs, *self.kernel, *self.padding, out_high, out_wide)
        self.density = _scatter(rows(packed(x)), self.rows, rows(out), size) / max(x.numel(), 1)
        return out if bias is None else out.add_(bias)


def events(step: Map) -> Events | None:
    """The event-driven form of a map, where there is one that pays when spikes are few."""
    match step:
        case Conv(weight=w, stride=(1, 1), dilation=(1, 1), groups=1) if w.shape[0] * w.shape[3] >= ROW and all(
            p < k for p, k in zip(step.padding, w.shape[2:], strict=True)
        ):
            flat = w.detach().flip(2, 3).permute(1, 2, 3, 0).contiguous().numpy().reshape(-1)
            return Events(flat, w.shape[1], w.shape[0], (w.shape[2], w.shape[3]), (step.padding[0], step.padding[1]), False)
        case Dense(weight=w) if w.shape[0] >= ROW:
            return Events(w.detach().t().contiguous().numpy().reshape(-1), w.shape[1], w.shape[0], (1, 1), (0, 0), True)
    return None


@njit(nogil=True)
def _scatter(x, weights, out, size):  # type: ignore[no-untyped-def]
    high, wide, inputs, outputs, kernel_high, kernel_wide, pad_high, pad_wide, out_high, out_wide = size
    line = (wide + kernel_wide - 1) * outputs
    sums = np.empty((high + kernel_high - 1) * line, x.dtype)  # outputs with a margin, so that no spike needs a check
    fired = np.empty(x.shape[1] + 1, np.int64)
    # Unsigned numbers: the compiler would check signed ones for being negative, and not add in vectors.
    row, step = np.uintp(kernel_wide * outputs), np.uintp(line)
    top, left = (kernel_high - 1 - pad_high) * line, (kernel_wide - 1 - pad_wide) * outputs
    seen = 0
    for b in range(len(x)):
        sums[:] = 0
        count = 0
        for j in range(x.shape[1]):
            fired[count] = j
            count += x[b, j] != 0
        seen += count
        for k in range(count):
            value, place, channel = x[b, fired[k]], fired[k] // inputs, fired[k] % inputs
            at = np.uintp(place // wide * line + place % wide * outputs)
            weight = np.uintp(channel * kernel_high) * row
            for _ in range(kernel_high):
                for i in range(row):
                    sums[at + i] += value * weights[weight + i]
                at += step
                weight += row
        for y in range(out_high):
            begin = top + y * line + left
            out[b, y * out_wide * outputs : (y + 1) * out_wide * outputs] = sums[begin : begin + out_wide * outputs]
    return seen
