"""The synapses of a layer that hears patterns of spikes: each input sends one of a few trains, kept once for all
samples."""

import numpy as np
from numba import njit

BLOCK = 256  # neurons at a time, so that their gradients of all steps stay in a near cache


@njit(cache=True, nogil=True)
def by_step(chosen, starts, times, sources, offsets):
    """Which inputs spike in each step: those of step t of sample b stand in sources[offsets[b · steps + t] :].

    chosen: (batch, inputs), the number of the train that each input sends; the steps of train n are times[starts[n] :
    starts[n + 1]].  sources: one for each spike; offsets: (batch · steps,).
    """
    batch, inputs = chosen.shape
    steps = len(offsets) // batch
    total = 0
    for b in range(batch):
        at = np.zeros(steps, np.int64)
        for j in range(inputs):
            for k in range(starts[chosen[b, j]], starts[chosen[b, j] + 1]):
                at[times[k]] += 1
        for t in range(steps):
            offsets[b * steps + t] = total
            total += at[t]
            at[t] = offsets[b * steps + t]
        for j in range(inputs):
            for k in range(starts[chosen[b, j]], starts[chosen[b, j] + 1]):
                sources[at[times[k]]] = j
                at[times[k]] += 1


@njit(cache=True, nogil=True)
def collect(chosen, starts, times, gradient, weights, left, right):
    """The gradient of the weights, for the neurons from `left` to `right`: the sum of the drive's at the steps of an
    input's spikes.

    gradient: (batch, steps, neurons).  weights: (inputs, neurons).
    """
    batch, inputs = chosen.shape
    for first in range(left, right, BLOCK):
        # Unsigned numbers: the compiler would check signed ones for being negative, and not add in vectors.
        begin, end = np.uintp(first), np.uintp(min(first + BLOCK, right))
        weights[:, begin:end] = 0
        for b in range(batch):
            at = gradient[b]
            for j in range(inputs):
                row, k, last = weights[j], starts[chosen[b, j]], starts[chosen[b, j] + 1]
                while k + 4 <= last:  # four at a time: the row is read and written a quarter as often
                    p, q, r, s = at[times[k]], at[times[k + 1]], at[times[k + 2]], at[times[k + 3]]
                    for i in range(begin, end):
                        row[i] += (p[i] + q[i]) + (r[i] + s[i])
                    k += 4
                while k < last:
                    p = at[times[k]]
                    for i in range(begin, end):
                        row[i] += p[i]
                    k += 1
