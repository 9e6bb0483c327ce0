"""Synapses of few spikes: each adds its row of weights."""

import numpy as np
from numba import njit


@njit(nogil=True)
def scatter(x, weights, out, size):
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
