"""Imperfections: each vanishes with its size, is reproducible from a seed, and acts alike in both simulators."""

from collections.abc import Callable

import pytest
import torch

from isospike.codings import TTFS
from isospike.constraints import SlopeMismatch, SpikeJitter, constrain
from isospike.ranges import calibrate
from isospike.simulate import ClosedForm, EventDriven, Simulator, simulate
from simulate_by_hand import dense, unit_graph

GRAPH = unit_graph(dense(6, 30, 30, 4), (6,))
X = torch.rand(200, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
NETWORK = TTFS("fixed", ramp_from="previous").network(GRAPH, calibrate(GRAPH, [X]))


def jittered(sd: float, simulator: Simulator, seed: int = 0) -> torch.Tensor:
    return simulate(constrain(NETWORK, [SpikeJitter(sd, seed)]), X, simulator).readout


def mismatched(sd: float, simulator: Simulator, seed: int = 0) -> torch.Tensor:
    return simulate(constrain(NETWORK, [SlopeMismatch(sd, seed)]), X, simulator).readout


@pytest.mark.parametrize("act", [jittered, mismatched])
def test_it_vanishes_with_its_size_and_acts_alike(act: Callable[..., torch.Tensor]) -> None:
    exact = GRAPH(X)
    assert float((act(0.0, ClosedForm()) - exact).abs().max()) < 1e-12
    errors = [float((act(sd, ClosedForm()) - exact).abs().max()) for sd in (1e-6, 1e-4, 1e-2)]
    assert 0 < errors[0] < errors[1] < errors[2]
    for sd in (1e-4, 1e-2, 0.3):
        assert float((act(sd, ClosedForm()) - act(sd, EventDriven())).abs().max()) < 1e-9
    assert torch.equal(act(0.01, ClosedForm(), 7), act(0.01, ClosedForm(), 7))
    assert not torch.equal(act(0.01, ClosedForm(), 7), act(0.01, ClosedForm(), 8))


def test_jitter_has_its_size_and_respects_the_end_of_the_window() -> None:
    name = NETWORK.stages[0].name
    clean = simulate(NETWORK, X).codes[name]
    noisy = simulate(constrain(NETWORK, [SpikeJitter(0.001, 0)]), X).codes[name]
    moved = (noisy - clean)[clean > 0.01]
    assert float(moved.std()) == pytest.approx(0.001, rel=0.1) and abs(float(moved.mean())) < 1e-4
    assert bool((noisy[clean == 0] == 0).all()) and bool((noisy >= 0).all())


def test_a_negative_margin_saturates_and_is_counted() -> None:
    network = TTFS(margin=-0.5).network(GRAPH, calibrate(GRAPH, [X]))
    trace = simulate(network, X)
    early = sum(int(stage.neuron.early(trace.codes[stage.name]).sum()) for stage in network.stages[:-1])
    assert early > 0
    assert float((trace.readout - GRAPH(X)).abs().max()) > 1e-3
    assert float((trace.readout - simulate(network, X, EventDriven()).readout).abs().max()) < 1e-12


def test_neurons_whose_slope_is_not_positive_fire_at_once_or_never() -> None:
    short = TTFS("fixed", margin=-0.9).network(GRAPH, calibrate(GRAPH, [X]))
    network = constrain(short, [SlopeMismatch(3.0, 0)])
    solved, events = (simulate(network, X, run).codes for run in (ClosedForm(), EventDriven()))
    stage = network.stages[0]
    falling = (stage.neuron.slope <= 0).expand(stage.shape)
    leads = solved[stage.name][:, falling]
    once, window = leads == stage.neuron.window, float(stage.neuron.window)
    assert bool(((leads == 0) | once).all()) and bool(once.any()) and not bool(once.all())
    for one in network.stages[:-1]:
        assert float((solved[one.name] - events[one.name]).abs().max()) < 1e-9 * window
