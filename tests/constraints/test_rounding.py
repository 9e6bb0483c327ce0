"""Clocks and whole weights: the quantised network computed by hand, exactly; and gradients straight through what is
rounded."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_constraints import CASES, case, distance
from torch import Tensor

from isospike.codings import TTFS
from isospike.constraints import Constraint, TimeSteps, WeightBits, constrain
from isospike.constraints.weight_bits import whole_step
from isospike.network import reweighted, total, trained_maps
from isospike.neurons import FirstSpikeIF
from isospike.ranges import calibrate
from isospike.simulate import simulate
from isospike.train import SpikeTimes
from simulate_by_hand import dense, unit_graph


@pytest.mark.parametrize("name", CASES)
def test_the_error_of_a_clock_is_in_proportion_to_its_tick(name: str) -> None:
    network, x, exact = case(name)
    errors = [distance(constrain(network, [TimeSteps(2**k, 1.0)], [x])(x), exact) for k in range(8, 18)]
    assert errors[0] / errors[-1] == pytest.approx(2**9, rel=0.5)
    assert all(1 < a / b < 4 for a, b in itertools.pairwise(errors))


def test_a_clock_is_the_quantised_network_computed_by_hand() -> None:
    model = dense(6, 20, 15, 4).double()
    graph = unit_graph(model, (6,))
    x = torch.rand(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chip = constrain(TTFS().network(graph, calibrate(graph, [x])), [TimeSteps(7)], [x])
    free, quantised = x, torch.floor(x * 7 + 0.5) / 7
    for layer in (model[0], model[2]):
        free = layer(free).relu()
        tick = torch.quantile(free, 0.99) / 7
        quantised = torch.floor(layer(quantised) / tick + 0.5).clamp(0, 7) * tick
    assert float((chip(x) - model[4](quantised)).abs().max()) < 1e-12
    assert float((chip(x) - model(x)).abs().max()) > 1e-2


@pytest.mark.parametrize("name", CASES)
def test_every_spike_falls_on_a_tick(name: str) -> None:
    network, x, _ = case(name)
    trace = simulate(constrain(network, [TimeSteps(8)], [x]), x)
    for stage in constrain(network, [TimeSteps(8)], [x]).stages[:-1]:
        if not stage.neuron.relays:
            ticks = trace.codes[stage.name] / ((stage.end - stage.begin) / 8)
            assert float((ticks - ticks.round()).abs().max()) < 1e-9 and 0 < len(ticks.round().unique()) <= 9


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("name", CASES)
def test_weights_are_whole_and_slopes_are_kept(name: str, bits: int) -> None:
    network, half = case(name)[0], 2 ** (bits - 1)
    constraint, _ = WeightBits(bits).placed(network.body, dict)  # type: ignore[arg-type]
    assert isinstance(constraint, WeightBits)
    chip = constrain(network, [WeightBits(bits)])
    for before, stage in zip(network.stages, chip.stages, strict=True):
        for step, original, found in zip(
            dict(constraint.steps)[stage.name], trained_maps(before), trained_maps(stage), strict=True
        ):
            whole = found.weight / step
            assert float((whole - whole.round()).abs().max()) < 1e-9
            assert -half <= round(float(whole.min())) and round(float(whole.max())) <= half - 1
            assert float((original.weight / step - (original.weight / step).round()).abs().max()) > 0.01
        if isinstance(stage.neuron, FirstSpikeIF) and isinstance(before.neuron, FirstSpikeIF):
            assert torch.equal(stage.neuron.slope, before.neuron.slope)
            assert torch.allclose(
                stage.neuron.ramp, stage.neuron.slope - total(stage, network.body.shapes), atol=1e-12
            )
            assert not torch.allclose(stage.neuron.ramp, before.neuron.ramp, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("bits", "given", "share"),
    [(3, None, 0.04), (4, None, 0.04), (5, None, 0.01), (8, None, 0.01), (4, 0.2, 0.2), (4, 0.0, 0.0)],
)
def test_the_step_is_that_of_the_wider_side_without_its_outliers(
    bits: int, given: float | None, share: float, sign: int
) -> None:
    """d = max(−J_low / 2^(q−1), J_high / (2^(q−1) − 1)) of weights with one long side, by numpy's quantiles; then
    weights by hand."""
    weight = sign * (torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).exp() - 0.5)
    network = case("linear")[0]
    body = replace(network.body, stages=(reweighted(network.stages[0], lambda _, __: weight), *network.stages[1:]))
    constraint, body = WeightBits(bits, given).placed(body, dict)  # type: ignore[arg-type]
    low, high = np.quantile(weight.numpy(), [share, 1 - share])
    half = 2 ** (bits - 1)
    step = -low / half if sign < 0 else high / (half - 1)
    assert low < 0 < high and dict(constraint.steps)[body.stages[0].name] == pytest.approx((step,), rel=1e-12)
    (found,) = trained_maps(constraint.parameters(body, torch.Generator()).stages[0])
    assert np.allclose(
        found.weight, np.clip(np.round(weight.numpy() / step), -half, half - 1) * step, rtol=0, atol=1e-12
    )


def test_whole_weights_are_known_by_what_rounding_left_of_them() -> None:
    """A hundred different numbers that should be zero are no hundred sizes of weights."""
    weight = torch.cat(
        [0.1 * torch.tensor([-5, -3, 1, 2, 4], dtype=torch.float64), 1e-10 * torch.arange(1, 101, dtype=torch.float64)]
    )
    assert whole_step(weight, 8) == pytest.approx(0.1, rel=1e-12)
    assert whole_step(weight, 4) is None and whole_step(0.0 * weight, 8) is None


def test_quantiles_of_many_weights_are_those_of_every_nth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isospike.constraints.weight_bits.MOST", 40)
    weight = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).exp()
    constraint, _ = WeightBits(8, 0.1).placed(
        replace(case("linear")[0].body, stages=(reweighted(case("linear")[0].stages[0], lambda _, __: weight),)), dict
    )  # type: ignore[arg-type]
    ((_, (step,)),) = constraint.steps
    assert step == pytest.approx(np.quantile(weight.flatten()[::7], 0.9) / 127, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), bits=st.integers(2, 8), rows=st.integers(5, 12), scale=st.floats(1e-3, 1e3))
def test_whole_weights_stay_as_they_are_also_in_single_precision(
    seed: int, bits: int, rows: int, scale: float
) -> None:
    network = case("linear")[0]
    weight = scale * torch.randn(rows, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    stage = reweighted(network.stages[0], lambda _, __: weight)

    def rounded(one: Tensor) -> Tensor:
        constraint = WeightBits(bits)
        (step,) = map(constraint._step, trained_maps(reweighted(stage, lambda _, __: one)))
        return constraint._rounded(one, step)

    once = rounded(weight)
    assert not torch.allclose(once, weight, rtol=1e-6)
    assert torch.allclose(rounded(once), once, rtol=1e-9, atol=0)
    assert torch.allclose(rounded(once.float()), once.float(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    "constraints", [(), (TimeSteps(4, 0.8),), (WeightBits(3),), (TimeSteps(4, 0.8), WeightBits(3))], ids=str
)
def test_gradients_pass_straight_through_what_is_rounded(constraints: tuple[Constraint, ...]) -> None:
    """Those of the soft path at the hard values; nothing where a neuron is silent or held at the beginning of its
    window."""
    graph = unit_graph(dense(6, 20, 4), (6,))
    x = torch.rand(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    trainee = SpikeTimes(TTFS().network(graph, calibrate(graph, [x])), constraints, [x]).eval()
    towards = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (trainee(x) * towards).sum().backward()
    chip = trainee.network()
    hidden, readout = chip.stages
    spikes, (first,), (last,) = chip.body.encoder.encode(x), trained_maps(hidden), trained_maps(readout)
    lead = simulate(chip, x).codes[hidden.name]
    soft = hidden.neuron.crossing(lambda bias: spikes @ first.weight.T + bias)  # type: ignore[union-attr]
    window = hidden.end - hidden.begin
    passed = ((soft > 0) & (soft < window)) * (towards @ last.weight)
    assert bool((soft <= 0).any()) and bool((soft >= window).any()) == any(
        isinstance(c, TimeSteps) for c in constraints
    )
    found = [parameter.grad for parameter in (*trainee.synapses.values(), *trainee.shifts.values())]
    expected = [passed.T @ spikes, towards.T @ lead, -passed.sum(0), towards.sum(0)]
    for gradient, hand in zip(found, expected, strict=True):
        assert gradient is not None and torch.allclose(gradient, hand, atol=1e-9)
