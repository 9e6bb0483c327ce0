"""Units with a hard reset over all time steps of a batch, forwards and backwards (neurons/snu.py).

Counters are unsigned: the compiler would check signed ones for being negative, and not reckon in vectors.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def fire(drive, decay, threshold, spikes):
    """s(t) = drive(t) + v s(t−1) (1 − χ(t−1)), written over the drive; χ(t) = s(t) > β.

    drive, spikes: (batch, steps, neurons); threshold: (neurons,).
    """
    batch, steps, neurons = drive.shape
    none, count = drive.dtype.type(0), np.uintp(neurons)
    one = drive.dtype.type(1)
    for b in range(batch):
        left = np.zeros(neurons, drive.dtype)
        for t in range(steps):
            state, sent = drive[b, t], spikes[b, t]
            for i in range(count):
                s = state[i] + decay * left[i]
                state[i] = s
                sent[i] = one if s > threshold[i] else none
                left[i] = none if s > threshold[i] else s


@njit(cache=True, nogil=True)
def backward(states, slopes, decay, threshold, gradient, out):
    """∂L/∂s(t) = (∂L/∂χ(t) − v s(t) ∂L/∂s(t+1)) θ′(s(t) − β) + v (1 − χ(t)) ∂L/∂s(t+1).

    states: s; slopes: θ′(s − β); gradient: ∂L/∂χ; out: ∂L/∂s; all (batch, steps, neurons).  Returns ∂L/∂β, (batch,
    neurons).
    """
    batch, steps, neurons = states.shape
    none, count = states.dtype.type(0), np.uintp(neurons)
    shifts = np.zeros((batch, neurons), states.dtype)
    for b in range(batch):
        later, shift = np.zeros(neurons, states.dtype), shifts[b]
        for t in range(steps - 1, -1, -1):
            state, slope, given, found = states[b, t], slopes[b, t], gradient[b, t], out[b, t]
            for i in range(count):
                carried = decay * later[i]
                through = (given[i] - carried * state[i]) * slope[i]
                shift[i] -= through
                later[i] = through + (none if state[i] > threshold[i] else carried)
                found[i] = later[i]
    return shifts
