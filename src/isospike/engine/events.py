"""Event-driven synapses: each spike adds its row of weights, for layers in which few neurons fire at a time.

A convolution of stride 1, or a dense map, as additions of contiguous rows: with the weights of an input channel laid
out as its neighbourhood of outputs, one spike touches k rows of k · channels numbers each."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from torch import Tensor

from isospike.ir.layout import blank, packed, rows
from isospike.ir.ops.base import Map, Rows

# Rows of 64 numbers and more are added at about 14 G a second a core, a dense convolution multiplies at about 60 G.
SPARSE, ROW = 0.2, 64


@dataclass
class Events:
    """A map whose weights are added up spike by spike.  density: of the spikes last seen."""

    weights: Rows
    density: float = 0.0

    def fits(self, x: Tensor) -> bool:
        """Whether so few neurons fire that adding their rows is the faster way, and they lie as the rows do."""
        return self.density < SPARSE and x.ndim == self.weights.dims

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """The map of a batch of spikes."""
        w = self.weights
        high, wide = x.shape[2:] if x.ndim == 4 else (1, 1)
        reach = tuple(size + 2 * p - k + 1 for size, p, k in zip((high, wide), w.padding, w.kernel, strict=True))
        out = blank((len(x), w.outputs, *(reach if x.ndim == 4 else ())), x)
        size = (high, wide, w.inputs, w.outputs, *w.kernel, *w.padding, *reach)
        self.density = _scatter(rows(packed(x)), w.weights, rows(out), size) / max(x.numel(), 1)
        return out if bias is None else out.add_(bias)


def events(step: Map) -> Events | None:
    """The event-driven form of a map, where there is one whose rows are long enough to pay."""
    weights = step.rows()
    return Events(weights) if weights is not None and weights.kernel[1] * weights.outputs >= ROW else None


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
