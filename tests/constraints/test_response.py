"""A network of double-exponential neurons: the linear one in the limit of a large τ1, at first order, and no other."""

import math

import pytest
import torch

from isospike.codings import TTFS, Rate
from isospike.constraints import DoubleExponential
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidSetting
from isospike.importers.torch import from_torch
from isospike.passes import canonical
from isospike.ranges import calibrate
from isospike.simulate import EventDriven, simulate
from simulate_by_hand import dense, unit_graph

GRAPH = unit_graph(dense(6, 30, 30, 4), (6,))
X = torch.rand(40, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def network(coding: TTFS | None = None) -> SpikingNetwork:
    return (coding or TTFS()).network(GRAPH, calibrate(GRAPH, [X]))


def error(tau1: float, tau2: float | None = None, coding: TTFS | None = None) -> float:
    return float(
        (simulate(DoubleExponential(tau1, tau2)(network(coding)), X, EventDriven()).readout - GRAPH(X)).abs().max()
    )


@pytest.mark.parametrize(
    "coding", [TTFS(), TTFS(ramp_from="previous"), TTFS("fixed"), TTFS("positive", ramp_from="previous")], ids=str
)
@pytest.mark.parametrize("decay", [2.0, 3.0, math.inf])
def test_the_error_falls_as_one_over_tau1(coding: TTFS, decay: float) -> None:
    errors = [error(tau1, decay * tau1, coding) for tau1 in (1e3, 1e4, 1e5)]
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.05) and errors[1] / errors[2] == pytest.approx(
        10, rel=0.01
    )
    assert errors[2] < 1e-3 < error(2.0, 2.0 * decay, coding)  # and a short τ1 is seen


def test_without_decay_the_error_is_half_as_large() -> None:
    assert error(1e5, math.inf) == pytest.approx(error(1e5) / 2, rel=0.01)  # a(t) = t/τ1 (1 − t/2τ1 − t/τ2 + …)


def test_with_pools_padding_and_silent_neurons() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(27, 4),
    )
    x = torch.rand(10, 1, 6, 6, dtype=torch.float64)
    graph = canonical(
        from_torch(model.eval().requires_grad_(False), torch.zeros(1, 1, 6, 6)).with_range(
            torch.tensor(0.0), torch.tensor(1.0)
        )
    )
    linear = TTFS().network(graph, calibrate(graph, [x]))
    codes = simulate(linear, x).codes
    assert any(bool((code == 0).any()) for code in codes.values())
    far = DoubleExponential(1e7)(linear)
    assert float((simulate(far, x, EventDriven()).readout - graph(x)).abs().max()) < 1e-5


def test_it_is_kept_as_a_file(tmp_path) -> None:
    changed = DoubleExponential(20.0, math.inf)(network())
    save(changed, tmp_path / "network")
    assert torch.equal(
        simulate(load(tmp_path / "network"), X, EventDriven()).readout, simulate(changed, X, EventDriven()).readout
    )


def test_what_it_does_not_offer() -> None:
    for tau1, tau2 in ((0.0, None), (-1.0, None), (math.inf, None), (math.nan, None), (1.0, 1.9), (1.0, math.nan)):
        with pytest.raises(InvalidSetting, match="tau2 ≥ 2 tau1"):
            DoubleExponential(tau1, tau2)
    rate = Rate().network(GRAPH, calibrate(GRAPH, [X]))
    for other in (network(TTFS("dynamic")), network(TTFS(gated=False)), rate):
        with pytest.raises(InvalidSetting, match="constant and gated"):
            DoubleExponential(10.0)(other)
    with pytest.raises(InvalidSetting, match="has no closed form"):
        simulate(DoubleExponential(10.0)(network()), X)
