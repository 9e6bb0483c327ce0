"""Causal sets of neurons that may fire before all of their inputs have arrived (equations: `neurons.causal`)."""

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True, nogil=True)
def solve(times, order, rows, threshold, fired, slopes):
    inputs, neurons = rows.shape
    for b in prange(len(times)):
        slope, level = np.zeros_like(threshold), threshold.copy()
        waiting, k = neurons, 0
        while waiting and k < inputs and times[b, order[b, k]] < np.inf:
            now = times[b, order[b, k]]
            # Of equal times, such as black pixels', only the last can end the set.
            while k < inputs and times[b, order[b, k]] == now:
                row = rows[order[b, k]]
                for i in range(neurons):
                    slope[i] += row[i]
                    level[i] += row[i] * now
                k += 1
            following = times[b, order[b, k]] if k < inputs else np.inf
            for i in range(neurons):
                if fired[b, i] == np.inf and slope[i] > 0 and level[i] <= slope[i] * following:
                    fired[b, i], slopes[b, i] = level[i] / slope[i], slope[i]
                    waiting -= 1


@njit(cache=True, parallel=True, nogil=True, fastmath={"reassoc", "contract"})
def gradients(times, rows, fired, share, by_time, by_row):
    """times: (inputs, batch); share: the gradient over m, (batch, neurons)."""
    inputs, neurons = rows.shape
    for j in prange(inputs):
        for b in range(len(fired)):
            at, total = times[j, b], rows.dtype.type(0)
            for i in range(neurons):
                part = share[b, i] if at < fired[b, i] else rows.dtype.type(0)
                by_row[j, i] += part * (at - fired[b, i]) if at < fired[b, i] else rows.dtype.type(0)
                total += part * rows[j, i]
            by_time[b, j] = total


@njit(cache=True, parallel=True, nogil=True)
def integrate(arrivals, indptr, targets, weights, ramp, threshold):
    """Each membrane on its own, from one spike to the next that reaches it.  arrivals: (batch, presynaptic), infinity
    for silent."""
    fired = np.full((len(arrivals), len(ramp)), np.inf)
    for b in prange(len(arrivals)):
        potential, slope, last = np.zeros(len(ramp)), ramp.copy(), np.zeros(len(ramp))
        order = np.argsort(arrivals[b])
        for j in order[np.isfinite(arrivals[b][order])]:
            now = arrivals[b, j]
            for k in range(indptr[j], indptr[j + 1]):
                i = targets[k]
                if fired[b, i] < np.inf:
                    continue
                reached = potential[i] + slope[i] * (now - last[i])
                if reached >= threshold[i]:
                    fired[b, i] = last[i] + (threshold[i] - potential[i]) / slope[i]
                potential[i], last[i] = reached, now
                slope[i] += weights[k]
        if np.isfinite(arrivals[b]).any():  # without a first spike the clock does not start, nor the ramp
            for i in range(len(ramp)):
                if fired[b, i] == np.inf and slope[i] > 0:
                    fired[b, i] = last[i] + (threshold[i] - potential[i]) / slope[i]
    return fired
