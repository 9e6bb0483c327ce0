r"""The membrane of a non-leaky integrate-and-fire neuron, integrated event by event.

    τ_c dV/dt = α H(t + ρ) + Σ_j J_j H(t − t_j),   V = 0 before the first event,     times relative to t_min, up to t =
    0

Between events V is a straight line, τ_c V = m t − c; an arriving spike turns it at t_j:  m ← m + J_j,  c ← c + J_j
t_j. Where the threshold is not gated, the crossing of such a line is a spike fired early.  Source: Stanojevic 2023,
eq. 2.2."""

import numpy as np
from numba import njit, prange


@njit(cache=True)
def in_order(leads):
    """Neurons that spike, the earliest first."""
    active = np.nonzero(leads)[0]
    return active[np.argsort(-leads[active])]


@njit(cache=True, parallel=True)
def potential(leads, indptr, targets, weights, ramp, onset, tau):
    """Potential of every neuron at t_min.

    leads: (batch, presynaptic), zero for silent; ramp: (neurons,); onset and tau: numbers.  Returns (batch, neurons).
    """
    batch, neurons = leads.shape[0], len(ramp)
    v = np.empty((batch, neurons))
    for b in prange(batch):
        c = -onset * ramp  # the ramp is a spike of weight α at −ρ
        for j in np.nonzero(leads[b])[0]:  # in any order: each spike turns the line by itself
            t = -leads[b, j]
            for k in range(indptr[j], indptr[j + 1]):
                c[targets[k]] += weights[k] * t
        v[b] = -c / tau  # at t = 0 the line is at −c, whatever its slope
    return v


@njit(cache=True, parallel=True)
def early_spikes(leads, indptr, targets, weights, ramp, fall, threshold, onset, tau):
    """Time of each neuron's first crossing before t_min of a threshold that is not gated, infinity where there is
    none.

    fall: how fast the threshold falls from −ρ on, (neurons,).  Otherwise as `potential`.  Returns (batch, neurons).
    """
    batch, neurons = leads.shape[0], len(ramp)
    fired = np.full((batch, neurons), np.inf)
    for b in prange(batch):
        order = in_order(leads[b])
        # τ (V − θ) + τ θ(−∞) as a line: the falling threshold joins the slope
        m, c = np.zeros(neurons), np.zeros(neurons)
        last = np.full(neurons, -np.inf)
        level = tau * threshold
        ramped = False
        for n in range(len(order) + 1):
            t = -leads[b, order[n]] if n < len(order) else 0.0
            if not ramped and t >= -onset:
                ramped = True
                for i in range(neurons):
                    cross(i, -onset, m, c, last, level, fired[b])
                    m[i] += ramp[i] + fall[i]
                    c[i] -= (ramp[i] + fall[i]) * onset
            if n == len(order):
                break
            j = order[n]
            for k in range(indptr[j], indptr[j + 1]):
                i = targets[k]
                cross(i, t, m, c, last, level, fired[b])
                m[i] += weights[k]
                c[i] += weights[k] * t
        for i in range(neurons):
            cross(i, 0.0, m, c, last, level, fired[b])
    return fired


@njit(cache=True, inline="always")
def cross(i, t, m, c, last, level, fired):
    """Note the first crossing of neuron i's line between its last event and t."""
    if fired[i] == np.inf:
        if last[i] == -np.inf:
            crossing = t if level[i] <= 0.0 else np.inf  # at rest
        elif m[i] * last[i] - c[i] >= level[i]:
            crossing = last[i]
        else:
            crossing = (level[i] + c[i]) / m[i] if m[i] > 0.0 else np.inf
        if crossing < t:
            fired[i] = crossing
    last[i] = t
