"""Each simulator against something that is not isospike: small time steps, a tick loop, a quantised network."""

import math
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from exactness import findings, graph_of
from isospike.codings import TTFS
from isospike.convert import convert
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.network import Body
from isospike.neurons import FirstSpikeIF
from isospike.ranges import calibrate
from isospike.simulate import Clocked, ClosedForm, EventDriven, simulate
from random_networks import random_network
from simulate_by_hand import dense, euler, late_inhibition, unit_graph
from zoo import ZOO, inputs


@pytest.mark.parametrize(
    "coding",
    [
        TTFS(),
        TTFS("fixed", ramp_from="previous", tau=1.7),
        TTFS("dynamic", ramp_from="previous"),
        TTFS("fixed", ramp_from="input", alpha=2.0),
    ],
    ids=lambda c: f"{c.mapping}-{c.ramp_from}",
)
def test_one_neuron_against_small_time_steps(coding: TTFS) -> None:
    graph, x = unit_graph(dense(5, 4, 2, seed=3), (5,)), torch.rand(3, 5, dtype=torch.float64)
    network = coding.network(graph, calibrate(graph, [x]))
    stage, neuron = network.stages[0], network.stages[0].neuron
    weights = stage.groups[0].chain[-1].weight
    window = float(neuron.window)
    arrivals = -(network.body.encoder.encode(x))
    code = simulate(network, x, EventDriven()).codes[stage.name]
    for sample in range(3):
        for i in range(4):
            ramp, slope, threshold = (
                float(t.expand(4)[i]) for t in (neuron.ramp + neuron.fall, neuron.slope, neuron.threshold)
            )
            # small steps of τ dV/dt: all currents divided by τ; a falling threshold is a ramp seen from the threshold
            scaled = [float(w) / coding.tau for w in weights[i]]
            spike = euler(
                arrivals[sample].tolist(),
                scaled,
                ramp / coding.tau,
                float(neuron.onset),
                slope / coding.tau,
                threshold,
                window,
            )
            expected = 0.0 if math.isinf(spike) else window - spike
            assert float(code[sample, i]) == pytest.approx(expected, abs=1e-4 * (1 + window))


def test_an_early_spike_of_a_constant_threshold_against_small_time_steps() -> None:
    model, x = late_inhibition(3)
    graph = unit_graph(model, (8,))
    network = TTFS(gated=False).network(graph, calibrate(graph, [x]))
    stage, neuron = network.stages[0], network.stages[0].neuron
    code, window = simulate(network, x, EventDriven()).codes[stage.name], float(neuron.window)
    early = (code > window).nonzero()[:5]
    assert len(early)
    for sample, i in early.tolist():
        weights = stage.groups[0].chain[-1].weight[i].tolist()
        ramp, threshold = float(neuron.ramp.expand(3)[i]), float(neuron.threshold.expand(3)[i])
        spike = euler((-x[sample]).tolist(), weights, ramp, 0.0, 1.0, threshold, window, gate=-math.inf)
        assert float(code[sample, i]) == pytest.approx(window - spike, abs=1e-3)


def quantised(x: torch.Tensor, step: float, ticks: int, half: bool) -> torch.Tensor:
    return torch.floor(x / step + (0.5 if half else 0.0) + 1e-9).clamp(0, ticks) * step


@pytest.mark.parametrize("rounding", ["floor", "half"])
@pytest.mark.parametrize("ticks", [1, 4, 16])
def test_a_clocked_network_is_the_network_with_a_quantised_rectifier(ticks: int, rounding: str) -> None:
    """With ticks L and Δ = B / L the rectifier is clip(⌊a / Δ (+ ½)⌋, 0, L) Δ, in every layer, to rounding."""
    half = rounding == "half"
    model = dense(6, 20, 15, 4, seed=1)
    graph, x = unit_graph(model, (6,)), torch.rand(40, 6, dtype=torch.float64)
    network = TTFS(margin=0.1).network(graph, calibrate(graph, [x]))
    trace = simulate(network, x, Clocked(ticks, rounding))
    value = quantised(x, 1 / ticks, ticks, half)
    for layer, stage in zip(model[::2], network.stages, strict=True):
        a = F.linear(value, layer.weight.double(), layer.bias.double())
        if stage is network.stages[-1] or stage.name == network.stages[-1].name:
            assert float((trace.readout - a).abs().max()) < 1e-12
        else:
            value = quantised(a, float(stage.neuron.window) / ticks, ticks, half)
            assert float((trace.codes[stage.name] - value).abs().max()) < 1e-12


def test_a_clocked_neuron_against_a_loop_over_ticks() -> None:
    graph, x = unit_graph(dense(5, 12, 2), (5,)), torch.rand(10, 5, dtype=torch.float64)
    network = TTFS().network(graph, calibrate(graph, [x]))
    stage, ticks = network.stages[0], 8
    neuron = stage.neuron
    code = simulate(network, x, Clocked(ticks, "floor")).codes[stage.name]
    arrived = torch.floor(x * ticks + 1e-12) / ticks
    potential = F.linear(arrived, stage.groups[0].chain[-1].weight)
    fired = torch.full_like(potential, ticks)
    for tick in range(ticks, -1, -1):
        at = tick * neuron.window / ticks
        fired = torch.where(potential + at >= neuron.threshold - 1e-12, tick, fired)
    assert torch.allclose(code, neuron.window - fired * neuron.window / ticks, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_fine_clock_comes_close(rng: random.Random) -> None:
    model, shape = random_network(rng)
    graph, x = graph_of(model, shape), inputs(shape)
    network = TTFS().network(graph, calibrate(graph, [x]))
    expected = graph(x)
    errors = [
        float((simulate(network, x, Clocked(ticks)).readout - expected).abs().max()) for ticks in (1 << 12, 1 << 24)
    ]
    assert errors[1] <= 1e-3 * max(errors[0], 1e-9) + 1e-5 * float(expected.abs().max())


def test_windows_follow_one_another_and_delays_bring_spikes_to_them() -> None:
    for name in ZOO:
        model, shape = ZOO[name]()
        graph = graph_of(model, shape)
        network = TTFS().network(graph, calibrate(graph, [inputs(shape)]))
        end = {"input": float(network.body.encoder.window)}
        for stage in network.stages:
            for group in stage.groups:
                arrives = end[group.source] + float(group.delay)
                assert float(group.delay) >= 0
                assert arrives == pytest.approx(float(stage.end if stage.neuron.relays else stage.begin), rel=1e-12)
            end[stage.name] = float(stage.end)


def test_a_wrong_schedule_is_seen() -> None:
    """The event-driven simulator brings spikes to their neurons by end, delay and begin; the closed form takes them as
    meant."""
    graph, x = unit_graph(dense(5, 12, 8, 2), (5,)), torch.rand(10, 5, dtype=torch.float64)
    body = TTFS().network(graph, calibrate(graph, [x])).body
    second = body.stages[1]
    slow = tuple(replace(group, delay=group.delay + 0.5) for group in second.groups)
    network = SpikingNetwork(replace(body, stages=(body.stages[0], replace(second, groups=slow), *body.stages[2:])))
    assert float((simulate(network, x, EventDriven()).readout - graph(x)).abs().max()) > 1e-3
    assert float((simulate(network, x, ClosedForm()).readout - graph(x)).abs().max()) < 1e-12


@pytest.mark.parametrize(
    "coding",
    [TTFS("identical"), TTFS("fixed"), TTFS("positive", gated=False, ramp_from="previous"), TTFS("dynamic")],
    ids=lambda c: c.mapping,
)
def test_the_slope_is_the_sum_of_its_currents(coding: TTFS) -> None:
    """s = α + δ + Σ J over the full kernel, for every stage of the zoo: what silent and padded inputs are taken to
    bring."""
    for make in ZOO.values():
        model, shape = make()
        graph = graph_of(model, shape)
        body = coding.network(graph, calibrate(graph, [inputs(shape)])).body
        for stage in body.stages:
            if isinstance(stage.neuron, FirstSpikeIF):
                total = stage.neuron.ramp + stage.neuron.fall
                for group in stage.groups:
                    at = body.shapes[group.source]
                    s = torch.ones((1,) * len(at), dtype=torch.float64)
                    for step in group.chain:
                        s, at = step.row_sum(s, at), step.out_shape(at)
                    total = total + s
                assert torch.allclose(
                    total.expand(stage.shape), stage.neuron.slope.expand(stage.shape), rtol=1e-9, atol=1e-9
                ), stage.name


def test_a_clip_far_above_the_activations_costs_no_digits() -> None:
    layers: list[nn.Module] = []
    torch.manual_seed(0)
    for _ in range(6):
        layers += [nn.Linear(8, 8), nn.ReLU6()]
    model = nn.Sequential(*layers, nn.Linear(8, 3))
    with torch.no_grad():
        for layer in model[::2]:
            layer.weight *= 0.05
            layer.bias *= 1e-6
    for finding in findings(model, (8,)):
        assert finding.holds, finding


def test_spike_times_of_a_trace() -> None:
    graph, x = unit_graph(dense(5, 12, 2), (5,)), torch.rand(10, 5, dtype=torch.float64)
    ranges = calibrate(graph, [x])
    values = F.linear(x, graph.nodes[1].op.groups[0][-1].weight, graph.nodes[1].op.bias).clamp_min(0)
    for forced in (False, True):
        network = TTFS(tau=2.0, forced_spikes=forced).network(graph, ranges)
        name, window = network.stages[0].name, float(network.stages[0].neuron.window)
        times = simulate(network, x).times(name)
        assert torch.allclose(times[values > 0], window - 2.0 * values[values > 0], atol=1e-12)
        assert bool((times[values == 0] == (window if forced else math.inf)).all())


def test_settings_are_checked() -> None:
    for make in (
        lambda: Clocked(0),
        lambda: Clocked(4, "up"),
        lambda: TTFS(mapping="linear"),
        lambda: TTFS(margin=-1.0),
    ):
        with pytest.raises(InvalidSetting):
            make()


def test_simulators_are_asked_alike() -> None:
    graph, x = unit_graph(dense(5, 12, 2), (5,)), torch.rand(10, 5, dtype=torch.float64)
    network = TTFS().network(graph, calibrate(graph, [x]))
    expected = network(x)
    for simulator in (ClosedForm(), EventDriven(), Clocked(1 << 20)):
        assert torch.allclose(simulator.prepare(network)(x), expected, atol=1e-4)


@pytest.mark.parametrize("run", [lambda network, x: ClosedForm().prepare(network)(x), lambda network, x: network(x)])
def test_a_large_batch_goes_through_in_blocks(run: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks are of 5 samples, the last of fewer; in order they are the batch."""
    model = torch.nn.Sequential(torch.nn.Linear(6, 40), torch.nn.ReLU(), torch.nn.Linear(40, 3)).double()
    x = torch.rand(12, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    network = convert(model, x, input_range=(0.0, 1.0))
    sizes: list[int] = []
    once = sys.modules["isospike.engine.once"]
    whole = once.run
    monkeypatch.setattr(once, "CACHE", 5 * 40)

    def seen(body: Body, part: Tensor, *rest: Any, **more: Any) -> Tensor:
        sizes.append(len(part))
        return whole(body, part, *rest, **more)

    monkeypatch.setattr(once, "run", seen)
    with torch.no_grad():
        assert torch.allclose(run(network, x), model(x), rtol=0, atol=1e-12)
    assert sizes == [5, 5, 2]
