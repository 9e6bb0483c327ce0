"""Pools of spike times and of spike counts."""

import numpy as np
from numba import njit


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


@njit(nogil=True)
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


# Pools of a block of lines of an image, whose patches do not overlap from line to line.  First every patch at every
# column is reckoned, as few long loops, and then those that are wanted are picked.


@njit(nogil=True)
def nothing(spikes, counts, size, line, net, total, out):
    """No pool."""


@njit(nogil=True)
def mean(spikes, counts, size, line, net, total, out):
    """The mean of each patch, and what has been sent so far.  line: to reckon in."""
    _, long, _, _, kernel, kernel_wide, stride, channels, divisor = size
    whole = out.dtype.type(divisor)  # a whole number would make it double precision
    for y in range(kernel):
        for tap in range(kernel_wide):
            begin = np.uintp(y * long + tap * channels)
            for i in range(np.uintp(len(line))):
                line[i] = line[i] + spikes[begin + i] if y or tap else spikes[i]
    for place in range(len(out) // channels):
        to, begin = np.uintp(place * channels), np.uintp(place * stride * channels)
        for c in range(np.uintp(channels)):
            out[to + c] = line[begin + c] / whole


@njit(nogil=True)
def growth(spikes, counts, size, line, net, total, out):
    """By how much the largest count of each patch has grown, and what has been sent so far.  line: to reckon in."""
    _, long, _, _, kernel, kernel_wide, stride, channels, _ = size
    for y in range(kernel):
        for tap in range(kernel_wide):
            begin = np.uintp(y * long + tap * channels)
            for i in range(np.uintp(len(line))):
                line[i] = max(line[i], counts[begin + i]) if y or tap else counts[i]
    for place in range(len(out) // channels):
        to, begin = np.uintp(place * channels), np.uintp(place * stride * channels)
        for c in range(np.uintp(channels)):
            out[to + c] = line[begin + c]
    for i in range(len(out)):
        s = out[i] - net[i]
        net[i] += s
        total[i] += abs(s)
        out[i] = s
