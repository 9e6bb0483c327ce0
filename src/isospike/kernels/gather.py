"""Synapses of few spikes: each output adds the rows of weights of the spikes that it sees."""

from typing import NamedTuple

import numpy as np
from numba import njit

from isospike.kernels.registers import BLOCK, add_rows


class Window(NamedTuple):
    """A convolution in the plane, whose channels lie last, of `together` neighbouring places at a time."""

    high: int  # of the input
    wide: int
    inputs: int  # channels
    outputs: int
    out_high: int
    out_wide: int
    kernel: int  # lines
    taps: int  # columns that the places see together
    together: int
    width: int  # numbers of a row of weights: the outputs of these places, and zeros up to whole blocks of registers
    stride: int
    stride_wide: int
    pad: int
    pad_wide: int

    @property
    def steps(self) -> int:
        """How often so many places make a line of the output."""
        return -(-self.out_wide // self.together)

    @property
    def line(self) -> int:
        """Numbers of a line of the output, made of whole steps."""
        return self.steps * self.together * self.outputs

    @property
    def columns(self) -> int:
        """Of a padded line of the input, as far as anything is seen."""
        return max(self.wide + 2 * self.pad_wide, (self.steps - 1) * self.together * self.stride_wide + self.taps)


@njit(nogil=True)
def gather(x, weights, out, window, values, starts, ends, sums):
    """out += A x for one sample of numbers that are mostly zero.  Returns how many are not.

    x, out: (places · channels,); weights: (kernel, taps, inputs, width), flat.  Room to work in: values and starts, of
    each spike and of its row; ends, (high, columns + 1), how many spikes come before each column; sums, of the
    output's lines, where `out` does not hold them in whole blocks.  Unsigned indices are not checked for being
    negative."""
    w, line, pixel = window, (len(sums) - window.width) // window.out_high, window.inputs * window.width
    count, j = np.uintp(0), np.uintp(0)
    for y in range(w.high):
        end, start = ends[y], w.pad_wide * pixel
        for column in range(np.uintp(w.pad_wide + 1)):
            end[column] = count
        for column in range(np.uintp(w.pad_wide + 1), np.uintp(w.pad_wide + 1 + w.wide)):
            for _ in range(w.inputs):
                values[count] = x[j]
                starts[count] = start
                count += np.uintp(x[j] != 0)
                j += np.uintp(1)
                start += w.width
            end[column] = count
        for column in range(np.uintp(w.pad_wide + 1 + w.wide), np.uintp(len(end))):
            end[column] = count
    whole = line == w.out_wide * w.outputs and w.width == w.together * w.outputs
    sums = out if whole else sums
    if not whole:
        for i in range(np.uintp(len(sums))):
            sums[i] = 0
    for dy in range(w.kernel):  # line by line of the kernel, whose weights then stay in the cache
        above, below = w.pad - dy, w.high - 1 + w.pad - dy
        for y in range(max(0, (above + w.stride - 1) // w.stride), min(w.out_high, below // w.stride + 1)):
            end = ends[np.uintp(y * w.stride - above)]
            base, first = dy * w.taps * pixel, np.uintp(0)
            for to in range(y * line, (y + 1) * line, w.together * w.outputs):
                begin, stop = end[first], end[first + np.uintp(w.taps)]
                for k in range(0, w.width, BLOCK // x.itemsize):
                    add_rows(sums, to + k, weights, base + k, values, starts, begin, stop)
                base -= w.together * w.stride_wide * pixel
                first += np.uintp(w.together * w.stride_wide)
    for y in range(0 if whole else w.out_high):
        to, begin = np.uintp(y * w.out_wide * w.outputs), np.uintp(y * line)
        for i in range(np.uintp(w.out_wide * w.outputs)):
            out[to + i] += sums[begin + i]
    return count
