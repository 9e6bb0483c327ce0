"""Units with a hard reset over all time steps of a batch, forwards and backwards (neurons/snu.py)."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def fire(drive, decay, threshold, spikes):
    """s(t) = drive(t) + v s(t−1) (1 − χ(t−1)), written over the drive; χ(t) = s(t) > β.

    drive, spikes: (batch, steps, neurons); threshold: (neurons,).
    """
    batch, steps, neurons = drive.shape
    for b in range(batch):
        left = np.zeros(neurons, drive.dtype)
        for t in range(steps):
            for i in range(neurons):
                s = drive[b, t, i] + decay * left[i]
                fired = s > threshold[i]
                drive[b, t, i] = s
                spikes[b, t, i] = fired
                left[i] = 0 if fired else s


@njit(cache=True, nogil=True)
def backward(states, slopes, decay, threshold, gradient, out):
    """∂L/∂s(t) = (∂L/∂χ(t) − v s(t) ∂L/∂s(t+1)) θ′(s(t) − β) + v (1 − χ(t)) ∂L/∂s(t+1).

    states: s; slopes: θ′(s − β); gradient: ∂L/∂χ; out: ∂L/∂s; all (batch, steps, neurons).  Returns ∂L/∂β, (batch,
    neurons).
    """
    batch, steps, neurons = states.shape
    shift = np.zeros((batch, neurons), states.dtype)
    for b in range(batch):
        later = np.zeros(neurons, states.dtype)
        for t in range(steps - 1, -1, -1):
            for i in range(neurons):
                s = states[b, t, i]
                carried = decay * later[i]
                through = (gradient[b, t, i] - carried * s) * slopes[b, t, i]
                shift[b, i] -= through
                later[i] = through + (0 if s > threshold[i] else carried)
                out[b, t, i] = later[i]
    return shift
