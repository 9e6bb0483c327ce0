"""Networks that fire step by step, against a loop over time written by hand, and what cannot be run so."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from isospike.codings import Rate
from isospike.constraints import SpikeJitter
from isospike.encoders import RegularSpikes
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.simulate import StepByStep, Stepped, simulate
from simulate_by_hand import dense, unit_graph

MODEL = dense(6, 12, 9, 4).double()
GRAPH = unit_graph(MODEL, (6,))
X = torch.rand(10, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def made(coding: Rate) -> SpikingNetwork:
    return coding.network(GRAPH, coding.ranges(GRAPH, [X]))


@pytest.mark.parametrize("steps", [1, 5, 40])
@pytest.mark.parametrize("simulator", [Stepped, StepByStep])
def test_a_network_against_a_loop_over_time(simulator: type[Stepped], steps: int) -> None:
    network = made(Rate(64))
    trace = simulate(network, X, simulator(steps))
    names, units = [stage.name for stage in network.stages[:2]], [stage.neuron.unit for stage in network.stages[:2]]
    layers = MODEL[::2]
    potentials, total = (
        [torch.full((10, n), 0.5, dtype=torch.float64) for n in (12, 9)],
        torch.zeros(10, 4, dtype=torch.float64),
    )
    for step in range(steps):
        value = X
        for k, name in enumerate(names):
            potentials[k] = potentials[k] + layers[k](value) / units[k]
            spikes = (potentials[k] >= 1 - 1e-9).double()
            potentials[k] = potentials[k] - spikes
            value = spikes * units[k]
            assert torch.equal(trace.trains[name][step].double(), spikes)
        total = total + F.linear(value, layers[2].weight)
    assert torch.allclose(trace.readout, total / steps + layers[2].bias, rtol=0, atol=1e-12)


@pytest.mark.parametrize("simulator", [Stepped, StepByStep])
def test_rates_are_spikes_a_step(simulator: type[Stepped]) -> None:
    network = made(Rate(30, encoder=partial(RegularSpikes, rate=0.5)))
    trace = simulate(network, X, simulator())
    for name, train in trace.trains.items():
        assert train.shape[0] == 30 and torch.allclose(trace.codes[name], train.double().mean(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("simulator", [Stepped, StepByStep])
def test_what_cannot_be_run_step_by_step(simulator: type[Stepped]) -> None:
    network = made(Rate(8))
    with pytest.raises(InvalidSetting, match="perturbation"):
        simulator().prepare(SpikingNetwork(replace(network.body, constraints=(SpikeJitter(0.1),))))
    with pytest.raises(InvalidSetting, match="0 time steps"):
        simulator(0).prepare(network)
