"""Double-exponential neurons: worked by hand, against a membrane summed on a fine grid, and solved against
bisected."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from isospike.ir.record import from_tree, to_tree
from isospike.neurons import DoubleExponentialIF, DoubleExponentialIntegrator, FirstSpikeIF, Integrator
from isospike.neurons.base import Synapses
from isospike.neurons.double_exponential import Response

RESPONSES = [Response(1.5, 3.0), Response(1.5, 4.0), Response(1.5, math.inf), Response(0.3, 0.6), Response(40.0, 80.0)]
WINDOW, ONSET = 2.0, 0.7
GRID = np.linspace(0, WINDOW, 40_001)


def number(value: float | np.ndarray) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def neuron(
    weights: np.ndarray,
    threshold: float | np.ndarray,
    response: Response,
    ramp: float = 1.0,
    onset: float = 0.0,
    gate: float = 0.0,
    ticks: int = 0,
):
    """weights: (neurons, presynaptic)."""
    slope = ramp + weights.sum(1)
    given = (threshold - slope * WINDOW - ramp * onset, ramp, 0.0, slope, onset, WINDOW, gate, 1.0, 1.0)
    return DoubleExponentialIF(
        FirstSpikeIF(*map(number, given), gated=True, clipped=False, forced=False, ticks=ticks), response
    )


def dense(weights: np.ndarray) -> Synapses:
    neurons, before = weights.shape
    return Synapses(
        np.arange(before + 1, dtype=np.int32) * neurons,
        np.tile(np.arange(neurons, dtype=np.int32), before),
        weights.T.ravel().copy(),
    )


def leads(model: DoubleExponentialIF, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return model.event_driven(codes, dense(weights), (len(weights),))


def by_grid(
    codes: np.ndarray, weights: np.ndarray, threshold: np.ndarray, response: Response, ramp: float, gate: float
) -> np.ndarray:
    """Leads, by looking for the first point of a grid where the sum of all responses, a silent input's at t_min
    included, is at threshold."""

    def a(t: np.ndarray) -> np.ndarray:
        return (1 - np.exp(-t / response.tau1)) * np.exp(-t / response.tau2)

    v = response.tau1 * (ramp * a(GRID + ONSET) + np.einsum("ij,bjt->bit", weights, a(GRID + codes[..., None])))
    there = (v >= threshold[:, None]) & (gate <= GRID)
    return np.where(there.any(-1), WINDOW - GRID[there.argmax(-1)], 0.0)


def test_by_hand() -> None:
    response, weights, codes = Response(1.0, 2.0), np.array([[2.0]]), np.array([[math.log(4)]])
    # Without ramp and s = J: V(t) = 2 a(t + ln 4); a(ln 4) = 3/4 · 1/2 = 0.375 is just past the peak, 2/3 · 3^−½
    # = 0.385 at ln 3.
    assert response(np.log(3.0)) == pytest.approx(2 / 3 / 3**0.5) and response(codes[0, 0]) == pytest.approx(0.375)
    # At threshold when the gate opens
    assert leads(neuron(weights, 0.75, response, ramp=0.0), codes, weights) == pytest.approx(WINDOW)
    assert leads(neuron(weights, 0.76, response, ramp=0.0), codes, weights) == 0  # from there on it only falls
    rising = neuron(weights, 0.75, response, ramp=0.0)
    # A silent input counts as a spike at t_min: 2 z (1 − z²) = 3/4 for z = exp(−t/2), of which one root is 1/2
    at_t_min = np.zeros((1, 1))
    largest = max(np.roots([2, 0, -2, 0.75]))
    assert leads(rising, at_t_min, weights) == pytest.approx(WINDOW + 2 * math.log(largest))
    logarithm = neuron(weights, 1.5, Response(1.0, math.inf), ramp=0.0)
    assert leads(logarithm, at_t_min, weights) == pytest.approx(WINDOW - math.log(4))  # 2 (1 − e^−t) = 3/2


@pytest.mark.parametrize("response", RESPONSES, ids=str)
def test_the_first_crossing_on_a_fine_grid(response: Response) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(40, 6))
    codes = np.maximum(rng.uniform(-0.5, 1, (10, 6)), 0)
    threshold = rng.uniform(-1, 1.5, 40)
    for ramp, gate in ((1.0, 0.0), (-2.0, 0.4), (0.3, 1.0)):
        found = leads(neuron(weights, threshold, response, ramp, ONSET, gate), codes, weights)
        expected = by_grid(codes, weights, threshold, response, ramp, gate)
        assert np.abs(found - expected).max() <= 1.001 * GRID[1]
        assert ((found > 0) == (expected > 0)).mean() > 0.999
        assert {float(x) for x in found.flat} > {0.0, WINDOW - gate}  # some stay silent, some fire at the gate


@pytest.mark.parametrize(
    "response", [RESPONSES[0], RESPONSES[2], Response(1e4, 2e4), Response(1e4, math.inf)], ids=str
)
def test_closed_forms_are_what_bisection_finds(response: Response) -> None:
    rng = np.random.default_rng(1)
    d, c = rng.normal(0, 1, (200, 30)) / response.tau1, rng.normal(0.5, 1, (200, 30))
    level, gate = rng.normal(0, 0.7, 30) / response.tau1, rng.choice([0.0, 0.3], 30)
    solved, bisected = (response.crossing(d, c, level, gate, WINDOW, exact) for exact in (True, False))
    assert np.array_equal(np.isinf(solved), np.isinf(bisected))
    fires = np.isfinite(solved)
    assert (solved[fires] > 0.3).sum() > 500
    assert np.abs(solved[fires] - bisected[fires]).max() < 1e-13 * max(1e2, response.tau1)
    late = fires & (solved > 0.3)
    assert np.abs(response.membrane(np.where(late, solved, 0.0), d, c) - level)[late].max() < 1e-13


def test_the_read_out_is_the_potential_at_the_end() -> None:
    response, weights, codes = Response(1.5, 4.0), np.array([[2.0, -1.0]]), np.array([[0.5, 0.0], [0.2, 1.0]])
    model = DoubleExponentialIntegrator(Integrator(number(0.3), number(1.2), number(2.0)), response)
    expected = 1.5 / 2 * (0.3 * response(np.array(1.2)) + response(codes) @ weights.T)
    assert np.abs(model.event_driven(codes, dense(weights), (1,)) - expected).max() < 1e-15


def test_it_keeps_clock_file_and_windows() -> None:
    weights, codes = np.array([[1.0, 0.5]]), np.array([[0.4, 0.1]])
    free, clocked = (leads(neuron(weights, 2.0, RESPONSES[2], ticks=ticks), codes, weights) for ticks in (0, 16))
    assert clocked == np.floor(free * 16 / WINDOW) * WINDOW / 16 and 0 < clocked < free
    model = neuron(weights, 2.0, RESPONSES[2])
    again = from_tree(to_tree(model), model.tensors())
    assert again.response.tau2 == math.inf and leads(again, codes, weights) == free
    longer = model.retimed(number(3.0), number(1.0), number(1.0))
    assert float(longer.linear.threshold) == float(model.linear.threshold + model.linear.slope * (3.0 - WINDOW))
