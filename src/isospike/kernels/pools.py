"""Pools of spike times and of spike counts."""

from typing import NamedTuple

import numpy as np
from numba import njit


class Patches(NamedTuple):
    """A pool of images whose channels lie last, line by line of places.  Its patches see no padding and do not overlap
    from line to line."""

    block: int  # numbers of a sample that belong to a line of places
    line: int  # numbers of a line of the image
    lines: int  # of places
    sent: int  # numbers of a line of places
    kernel: int
    kernel_wide: int
    stride_wide: int
    channels: int
    divisor: int  # of a sum

    @property
    def columns(self) -> int:
        """Numbers of a line of patches, one at every column."""
        return max(0, self.line - (self.kernel_wide - 1) * self.channels)


@njit(cache=True)
def nth_spike(leads, indptr, targets, needed):
    """Lead of the spike at which each neuron has received as many as it needs; zero if it never has."""
    out = np.zeros((leads.shape[0], len(needed)))
    for b in range(leads.shape[0]):
        active = np.nonzero(leads[b])[0]
        count = np.zeros(len(needed), np.int64)
        for j in active[np.argsort(-leads[b][active])]:
            for k in range(indptr[j], indptr[j + 1]):
                i = targets[k]
                count[i] += 1
                if count[i] == needed[i]:
                    out[b, i] = leads[b, j]
    return out


@njit(nogil=True, cache=True)
def largest(x, counts, net, total, sign, table, size, out):
    groups, block = size
    inside, outside = x.shape[2] // groups, out.shape[2] // groups
    best = np.empty(block, x.dtype)
    for b in range(x.shape[1]):
        for t in range(x.shape[0]):
            for g in range(groups):
                for place in range(inside // block):
                    at = g * inside + place * block
                    for c in range(block):
                        counts[b, at + c] += sign[g + c] * x[t, b, at + c]
                for place in range(len(table)):
                    best[:] = -np.inf
                    for tap in range(table.shape[1]):
                        if table[place, tap] >= 0:
                            at = g * inside + table[place, tap] * block
                            for c in range(block):
                                best[c] = max(best[c], counts[b, at + c])
                    at = g * outside + place * block
                    for c in range(block):
                        s = sign[g + c] * best[c] - net[b, at + c]
                        net[b, at + c] += s
                        total[b, at + c] += abs(s)
                        out[t, b, at + c] = s


@njit(nogil=True)
def nothing(spikes, counts, patches, columns, net, total, out):
    """No pool."""


@njit(nogil=True)
def mean(spikes, counts, patches, columns, net, total, out):
    """The mean of the spikes in each patch of a line of places.  columns: room to work in.

    First the patches at all columns, in few long loops; then those that are wanted."""
    for y in range(patches.kernel):
        for x in range(patches.kernel_wide):
            begin = np.uintp(y * patches.line + x * patches.channels)
            for i in range(np.uintp(len(columns))):
                columns[i] = columns[i] + spikes[begin + i] if y or x else spikes[i]
    divisor = out.dtype.type(patches.divisor)  # a whole number would make it double precision
    for place in range(np.uintp(len(out) // patches.channels)):
        to, begin = place * np.uintp(patches.channels), place * np.uintp(patches.stride_wide * patches.channels)
        for c in range(np.uintp(patches.channels)):
            out[to + c] = columns[begin + c] / divisor


@njit(nogil=True)
def growth(spikes, counts, patches, columns, net, total, out):
    """By how much the largest count in each patch of a line of places has grown.  counts: of the neurons' spikes; net
    and total: of the pool's; columns: as above."""
    for y in range(patches.kernel):
        for x in range(patches.kernel_wide):
            begin = np.uintp(y * patches.line + x * patches.channels)
            for i in range(np.uintp(len(columns))):
                columns[i] = max(columns[i], counts[begin + i]) if y or x else counts[i]
    for place in range(np.uintp(len(out) // patches.channels)):
        to, begin = place * np.uintp(patches.channels), place * np.uintp(patches.stride_wide * patches.channels)
        for c in range(np.uintp(patches.channels)):
            s = columns[begin + c] - net[to + c]
            net[to + c] += s
            total[to + c] += abs(s)
            out[to + c] = s
