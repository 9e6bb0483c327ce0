"""The synapses of a layer that hears patterns of spikes: each input sends one of a few trains, kept once for all
samples."""

import numpy as np
from numba import njit

BLOCK = 128  # neurons at a time, so that their drives of all steps stay in the nearest cache


@njit(cache=True, nogil=True)
def spread(chosen, starts, times, weights, drive):
    """The drive of every step: the sum of the weights of its spikes.

    chosen: (batch, inputs), the number of the train that each input sends; the steps of train n are times[starts[n] :
    starts[n + 1]].  weights: (inputs, neurons).  drive: (batch, steps, neurons).
    """
    batch, inputs = chosen.shape
    neurons = weights.shape[1]
    for b in range(batch):
        for left in range(0, neurons, BLOCK):
            # Unsigned numbers: the compiler would check signed ones for being negative, and not add in vectors.
            begin, end = np.uintp(left), np.uintp(min(left + BLOCK, neurons))
            drive[b, :, begin:end] = 0
            for j in range(inputs):
                row = weights[j]
                for k in range(starts[chosen[b, j]], starts[chosen[b, j] + 1]):
                    at = drive[b, times[k]]
                    for i in range(begin, end):
                        at[i] += row[i]


@njit(cache=True, nogil=True)
def collect(chosen, starts, times, gradient, weights, left, right):
    """The same backwards, for the neurons from `left` to `right`: the gradient of a weight is the sum of those at the
    steps of its spikes.

    gradient: (batch, steps, neurons).  weights: (inputs, neurons).
    """
    batch, inputs = chosen.shape
    for first in range(left, right, BLOCK):
        begin, end = np.uintp(first), np.uintp(min(first + BLOCK, right))
        weights[:, begin:end] = 0
        for b in range(batch):
            for j in range(inputs):
                row = weights[j]
                for k in range(starts[chosen[b, j]], starts[chosen[b, j] + 1]):
                    at = gradient[b, times[k]]
                    for i in range(begin, end):
                        row[i] += at[i]
