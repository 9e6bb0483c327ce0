r"""Neurons whose response to a spike rises and then decays, where the linear ones' rises for ever.

    a(t) = (1 − exp(−t/τ1)) exp(−t/τ2) H(t),   τ2 ≥ 2 τ1
    V(t) = (τ1/τ_c) [α a(t − t_ramp) + Σ_j J_j a(t − t_j)]      whose initial slopes are the linear neuron's
    fires at the first t > gate with V ≥ θ;  if there is none before t_max it stays silent

From t_min on every input is there: silent inputs and padded pixels count as spikes at t_min.  Relative to t_min, with
leads x = t_min − t of the inputs, ρ = t_min − t_ramp, s = α + Σ J over the full kernel and 1/τ_m = 1/τ1 + 1/τ2, two
sums say all of a membrane:

    V(t) = (τ1/τ_c) exp(−t/τ2) [D + C (1 − exp(−t/τ1))]
    D = α a(ρ) + Σ_j J_j a(x_j),     C = s − α (1 − exp(−ρ/τ_m)) − Σ_j J_j (1 − exp(−x_j/τ_m))

It turns once at most, so that bisection on either side of the turn finds the first crossing.  Without decay, τ2 = ∞,
that is a logarithm; for τ2 = 2 τ1 a root of a cubic in exp(−t/τ2).  Source: Stanojevic 2023, eqs. 3.15–3.17."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from isospike.ir.ops.base import Shape
from isospike.ir.record import Record
from isospike.kernels.membrane import potential
from isospike.neurons.base import Neuron, Synapses, flat, on_ticks
from isospike.neurons.first_spike import FirstSpikeIF
from isospike.neurons.integrator import Integrator

HALVINGS = 60  # of an interval in double precision


@dataclass(frozen=True, eq=False)
class Response(Record):
    """
    | field  | unit | meaning                                |
    |--------|------|----------------------------------------|
    | `tau1` | time | τ1, of the rise                        |
    | `tau2` | time | τ2, of the decay; infinity for none    |
    """

    tau1: float
    tau2: float

    def __call__(self, t: np.ndarray) -> np.ndarray:
        """a(t) for t ≥ 0."""
        return self.membrane(t, 0.0, 1.0)

    def membrane(self, t: np.ndarray, d: np.ndarray | float, c: np.ndarray | float) -> np.ndarray:
        """(τ_c/τ1) V at t after t_min, from the sums D and C."""
        return (d - c * np.expm1(-t / self.tau1)) * np.exp(-t / self.tau2)

    def given_up(self, t: np.ndarray) -> np.ndarray:
        """exp(−t/τ_m) − 1: by how much a spike t before t_min counts less in C than one at t_min."""
        return np.expm1(-t * (1 / self.tau1 + 1 / self.tau2))

    def crossing(
        self, d: np.ndarray, c: np.ndarray, level: np.ndarray, gate: np.ndarray, window: float, exact: bool = True
    ) -> np.ndarray:
        """When V first reaches θ, after t_min [time]; infinity if not before t_max.

        d, c: (batch, neurons); level: θ τ_c/τ1, (neurons,); gate: [time], (neurons,).  exact: by the closed form where
        there is one."""
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = -self.tau1 * np.log((c + d) / (c * (1 + self.tau2 / self.tau1)))
        turn = np.clip(np.nan_to_num(turn, nan=window, posinf=window, neginf=0.0), gate, window)
        level, begin = np.broadcast_to(level, d.shape), np.broadcast_to(gate, d.shape)
        soon = self.membrane(turn, d, c) >= level
        low, high = np.where(soon, begin, turn), np.where(soon, turn, window)
        wait = np.where(self.membrane(begin, d, c) >= level, begin, np.inf)
        rises = np.isinf(wait) & (self.membrane(high, d, c) >= level)
        wait[rises] = (self._solved if exact else self._bisected)(*(t[rises] for t in (d, c, level, low, high)))
        return wait

    def _solved(
        self, d: np.ndarray, c: np.ndarray, level: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        if math.isinf(self.tau2):
            return -self.tau1 * np.log1p((d - level) / c)
        if self.tau2 != 2 * self.tau1:
            return self._bisected(d, c, level, low, high)
        out = np.empty_like(d)
        usual = (c > 0) & (c + d > 0)  # else it rises from below zero, to a threshold below zero
        out[usual] = self._cubic(*(t[usual] for t in (d, c, level)))
        out[~usual] = self._bisected(*(t[~usual] for t in (d, c, level, low, high)))
        return out

    def _cubic(self, d: np.ndarray, c: np.ndarray, level: np.ndarray) -> np.ndarray:
        """The largest root z = exp(−t/τ2) of C z³ − (C + D) z + θ τ_c/τ1 = 0, as a time."""
        r = np.sqrt((c + d) / (3 * c))
        angle = np.arccos(-level / (2 * c * r**3) + 0j)  # imaginary where there is one root only
        return -self.tau2 * np.log((2 * r * np.cos(angle / 3)).real)

    def _bisected(
        self, d: np.ndarray, c: np.ndarray, level: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = self.membrane(middle, d, c) >= level
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return high


@dataclass(frozen=True, eq=False)
class Curved(Neuron):
    """What the two kinds share: all but the membrane is the linear neuron's."""

    linear: Neuron
    response: Response

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "Curved":
        return replace(self, linear=self.linear.retimed(window, span, begin))

    def value(self, code: Tensor) -> Tensor:
        return self.linear.value(code)

    def spikes(self, code: Tensor) -> Tensor:
        return self.linear.spikes(code)

    def early(self, code: Tensor) -> Tensor:
        return self.linear.early(code)


@dataclass(frozen=True, eq=False)
class DoubleExponentialIF(Curved):
    """
    | field      | meaning                                                                              |
    |------------|--------------------------------------------------------------------------------------|
    | `linear`   | the neuron that it is in the limit of a large τ1; gated, its threshold constant      |
    | `response` | a(t)                                                                                 |
    """

    linear: FirstSpikeIF

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        linear, response = self.linear, self.response
        ramp, threshold, slope, gate = (
            flat(t, shape) for t in (linear.ramp, linear.threshold, linear.slope, linear.gate.clamp_min(0))
        )
        window = float(linear.window)
        d = _weighted(response, codes, synapses, ramp, linear.onset)
        c = slope + _weighted(response.given_up, codes, synapses, ramp, linear.onset)
        level = threshold * (float(linear.tau) / response.tau1)
        lead = np.maximum(window - response.crossing(d, c, level, gate, window), 0.0)
        return (
            on_ticks(torch.from_numpy(lead), linear.window.double(), linear.ticks, half=False).numpy()
            if linear.ticks
            else lead
        )


@dataclass(frozen=True, eq=False)
class DoubleExponentialIntegrator(Curved):
    """The read-out: its potential at t_max is (τ1/τ_c) D.

    | field      | meaning                                               |
    |------------|-------------------------------------------------------|
    | `linear`   | the read-out that it is in the limit of a large τ1    |
    | `response` | a(t)                                                  |
    """

    linear: Integrator

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        linear, response = self.linear, self.response
        return _weighted(response, codes, synapses, flat(linear.ramp, shape), linear.onset) * (
            response.tau1 / float(linear.tau)
        )


def _weighted(
    f: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, synapses: Synapses, ramp: np.ndarray, onset: Tensor
) -> np.ndarray:
    """α f(ρ) + Σ_j J_j f(x_j), (batch, neurons), of a function that is zero at zero: the linear membrane's sum, of f
    in place of leads."""
    return potential(
        f(codes), synapses.indptr, synapses.targets, synapses.weights, ramp, float(f(np.array(float(onset)))), 1.0
    )
