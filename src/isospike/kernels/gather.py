"""Synapses of few spikes: each output adds the rows of weights of the spikes that it sees."""

import numpy as np
from numba import njit

from isospike.kernels.registers import add_rows


@njit(nogil=True)
def gather(x, weights, out, size, values, starts, ends, sums):
    """out += A x for one sample of numbers that are mostly zero.  Returns how many are not.

    x, out: (places · channels,); weights: (kernel, taps, inputs, width), flat.  Room to work in: values and starts, of
    each spike; ends, of the spikes before each column of a line; sums, of the output with its lines a whole number of
    steps long.  Unsigned indices are not checked for being negative."""
    high, wide, inputs, outputs, out_high, out_wide, kernel, taps, width, together, stride, stride_wide, pad, margin = size
    pixel, block = inputs * width, together * outputs
    groups = (out_wide + together - 1) // together
    step, line, pitch = together * stride_wide, out_wide * outputs, groups * block
    registers = 256 // x.itemsize
    count, j = np.uintp(0), np.uintp(0)
    for y in range(high):
        start = margin * pixel
        for column in range(np.uintp(ends.shape[1])):
            ends[y, column] = count
            if margin <= column < margin + wide:
                for _ in range(inputs):
                    values[count] = x[j]
                    starts[count] = start
                    count += np.uintp(x[j] != 0)
                    j += np.uintp(1)
                    start += width
    for i in range(np.uintp(len(sums))):
        sums[i] = 0
    for dy in range(kernel):  # line by line of the kernel, whose weights then stay in the cache
        for y in range(max(0, (pad - dy + stride - 1) // stride), min(out_high, (high - 1 + pad - dy) // stride + 1)):
            end = ends[np.uintp(y * stride + dy - pad)]
            base, to = dy * taps * pixel, y * pitch
            for first in range(0, groups * step, step):
                begin, stop = end[np.uintp(first)], end[np.uintp(first + taps)]
                for k in range(0, width, registers):
                    add_rows(sums, to + k, weights, base + k, values, starts, begin, stop)
                base -= step * pixel
                to += block
    for y in range(out_high):
        to, begin = np.uintp(y * line), np.uintp(y * pitch)
        for i in range(np.uintp(line)):
            out[to + i] += sums[begin + i]
    return count
