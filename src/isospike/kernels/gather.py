"""Synapses of few spikes: each output adds the rows of weights of the spikes that it sees."""

import numpy as np
from numba import njit

from isospike.kernels.registers import add_rows


@njit(nogil=True)
def gather(x, weights, bias, out, size):
    """out = A x + bias for samples whose numbers are mostly zero.  Returns how many are not.

    x, out: (batch, places · channels); weights: (kernel, taps, inputs, width), flat; bias: (1, as out)."""
    high, wide, inputs, outputs, out_high, out_wide, kernel, taps, width, together, stride, stride_wide, pad, pad_wide = size
    groups = (out_wide + together - 1) // together
    block = 256 // x.itemsize
    pixel = inputs * width
    step, line, pitch = together * stride_wide, out_wide * outputs, groups * together * outputs
    values, starts = np.empty(x.shape[1] + 1, x.dtype), np.empty(x.shape[1] + 1, np.intp)
    columns = max(wide + 2 * pad_wide, (groups - 1) * step + taps) + 1
    ends = np.empty((high, columns), np.intp)  # where the spikes before each column end
    sums = np.empty(out_high * pitch + width, x.dtype)
    seen = 0
    for b in range(len(x)):
        one, total = x[b], out[b]
        count, j = np.uintp(0), np.uintp(0)  # unsigned: not checked for being negative
        for y in range(high):
            ends[y, : pad_wide + 1] = count
            start = pad_wide * pixel
            for column in range(pad_wide + 1, pad_wide + wide + 1):
                for _ in range(inputs):
                    values[count] = one[j]
                    starts[count] = start
                    count += np.uintp(one[j] != 0)
                    j += np.uintp(1)
                    start += width
                ends[y, column] = count
            ends[y, pad_wide + wide + 1 :] = count
        seen += count
        for i in range(np.uintp(len(sums))):
            sums[i] = 0
        for dy in range(kernel):  # the weights of a line of the kernel fit the cache
            for y in range(max(0, (pad - dy + stride - 1) // stride), min(out_high, (high - 1 + pad - dy) // stride + 1)):
                end = ends[y * stride + dy - pad]
                base, to = dy * taps * pixel, y * pitch
                for first in range(0, groups * step, step):
                    begin, stop = end[np.uintp(first)], end[np.uintp(first + taps)]
                    for k in range(0, width, block):
                        add_rows(sums, to + k, weights, base + k, values, starts, begin, stop)
                    base -= step * pixel
                    to += together * outputs
        for y in range(out_high):
            to, begin = np.uintp(y * line), np.uintp(y * pitch)
            for i in range(np.uintp(line)):
                total[to + i] = sums[begin + i] + bias[0, to + i]
    return seen
