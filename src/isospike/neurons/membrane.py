r"""The membrane of a non-leaky integrate-and-fire neuron, integrated event by event.

    τ_c dV/dt = α H(t + ρ) + Σ_j J_j H(t − t_j),   V = 0 before the first event,     times relative to t_min, up to t = 0

Every arriving spike, and the start of the ramp, is an event that changes a slope; between events V is a straight line.  Where the
threshold is not gated, a crossing on such a line is a spike fired early.  Source: Stanojevic 2023, eq. 2.2.
"""

import numpy as np
from numba import njit, prange


@njit(cache=True, inline="always")
def _advance(i, t, v, slope, last, fired, rate, threshold, fall, started, gated):  # type: ignore[no-untyped-def]
    dt = t - last[i]
    if not gated and fired[i] == np.inf:
        distance = threshold[i] - v[i]
        closing = (slope[i] + (fall[i] if started else 0.0)) * rate
        if distance <= 0.0:
            fired[i] = last[i]
        elif closing > 0.0 and distance < closing * dt:
            fired[i] = last[i] + distance / closing
    v[i] += slope[i] * rate * dt
    if started:
        threshold[i] -= fall[i] * rate * dt
    last[i] = t


@njit(cache=True, parallel=True)
def integrate(leads, indptr, targets, weights, ramp, fall, threshold, onset, tau, gated):  # type: ignore[no-untyped-def]
    """Potential, threshold and time of an early spike (else infinity) of every neuron at t_min.

    leads: (batch, presynaptic), zero for silent; ramp α, fall (of the threshold) and threshold: (neurons,); onset ρ, tau: numbers.
    Returns three arrays (batch, neurons).
    """
    batch, neurons = leads.shape[0], len(ramp)
    potential = np.zeros((batch, neurons))
    level = np.empty((batch, neurons))
    early = np.full((batch, neurons), np.inf)
    rate = 1.0 / tau
    for b in prange(batch):
        active = np.nonzero(leads[b])[0]
        order = active[np.argsort(-leads[b][active])]
        v, fired, theta = potential[b], early[b], level[b]
        theta[:] = threshold
        slope = np.zeros(neurons)
        begin = -onset if len(order) == 0 else min(-onset, -leads[b, order[0]])
        last = np.full(neurons, begin)
        started = False
        for j in order:
            t = -leads[b, j]
            if not started and t >= -onset:
                for i in range(neurons):
                    _advance(i, -onset, v, slope, last, fired, rate, theta, fall, False, gated)
                    slope[i] += ramp[i]
                started = True
            for k in range(indptr[j], indptr[j + 1]):
                i = targets[k]
                _advance(i, t, v, slope, last, fired, rate, theta, fall, started, gated)
                slope[i] += weights[k]
        if not started:
            for i in range(neurons):
                _advance(i, -onset, v, slope, last, fired, rate, theta, fall, False, gated)
                slope[i] += ramp[i]
        for i in range(neurons):
            _advance(i, 0.0, v, slope, last, fired, rate, theta, fall, True, gated)
    return potential, level, early
