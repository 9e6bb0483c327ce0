"""Ramps that all start at t = 0 (Stanojevic 2023, §2.4.5): thresholds are higher by α t_min, membranes are those of the
common clock, and every change of the windows keeps both."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.engine import SpikingNetwork
from isospike.neurons import FirstSpikeIF

X = torch.rand(16, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
LIMIT = 1e-9
MAPPINGS = ("identical", "fixed", "positive", "dynamic")


class Residual(nn.Module):
    """Layers at different times: a convolution, a sum with what skips it, a pool and dense layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.hidden, self.last = nn.Linear(27, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        x = (self.second(x) + x).relu()
        x = nn.functional.max_pool2d(x, 2).flatten(1)
        return self.last(self.hidden(x).relu())


LAYERS = [nn.Linear(72, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 4)]
MODEL = Residual().double().requires_grad_(False)


def network(mapping: str, ramp_from: str = "input", tau: float = 1.5) -> SpikingNetwork:
    coding = iso.TTFS(mapping, ramp_from=ramp_from, tau=tau)  # type: ignore[arg-type]
    return iso.convert(MODEL, X, coding, (0.0, 1.0))


def off(network: SpikingNetwork, expected: Tensor, simulator: object = None) -> float:
    found = iso.simulate(network, X, simulator or iso.EventDriven()).readout  # type: ignore[arg-type]
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_thresholds_are_higher_by_alpha_t_min(mapping: str) -> None:
    for own, early in zip(network(mapping, "own").stages, network(mapping).stages, strict=True):
        if isinstance(early.neuron, FirstSpikeIF) and isinstance(own.neuron, FirstSpikeIF):
            rises = early.neuron.ramp + early.neuron.fall
            assert torch.allclose(early.neuron.threshold - own.neuron.threshold, rises * early.begin / 1.5, atol=1e-12)
            assert early.neuron.onset == early.begin > 0
    for simulator in (iso.ClosedForm(), iso.EventDriven()):
        assert off(network(mapping), MODEL(X), simulator) <= LIMIT


def test_membranes_on_the_common_clock() -> None:
    """V(t) = (α t + Σ J (t − t_j)) / τ_c of the last hidden layer, with absolute times: spikes are where it reaches θ."""
    net = network("fixed")
    codes = iso.simulate(net, X, iso.EventDriven()).codes
    *_, before, stage, _ = net.stages
    weight = stage.groups[0].chain[-1].weight
    sent = float(before.end) - codes[before.name].flatten(1)  # silent neurons count as spikes at the end
    wait = 1.5 * stage.neuron.threshold + sent @ weight.T
    fires = wait / (stage.neuron.ramp + weight.sum(1))
    lead = float(stage.end) - fires
    assert bool((lead > 0.01).any()) and bool((lead < -0.01).any())
    assert torch.allclose(lead.clamp_min(0.0), codes[stage.name], atol=1e-12)


def test_windows_change_and_thresholds_follow() -> None:
    """Shorter windows, a clock and training move the windows of all layers behind: values are those of a ramp that
    starts with the layer's own window."""
    own, early = network("identical", "own"), network("identical")
    for constraints in ([iso.Latency(0.9)], [iso.TimeSteps(8)], [iso.WeightBits(6), iso.TimeSteps(16)]):
        a, b = (iso.constrain(net, constraints, X) for net in (own, early))
        expected = iso.simulate(a, X, iso.EventDriven()).readout
        assert off(b, expected) <= LIMIT and off(b, expected, iso.ClosedForm()) <= LIMIT
        assert [s.neuron.onset == s.begin for s in b.stages if isinstance(s.neuron, FirstSpikeIF)] == [True] * 3
    for mappable in (True, False):
        answers = []
        for net in (network("fixed", "own"), network("fixed")):
            trainee = iso.train.prepare(net, mappable=mappable)
            optimizer = torch.optim.SGD(trainee.parameters(), lr=0.05)
            for _ in range(3):
                optimizer.zero_grad()
                trainee.loss(X, torch.arange(16) % 4).backward()
                optimizer.step()
            trained = trainee.network()
            assert trained.latency > net.latency
            answers.append(iso.simulate(trained, X, iso.EventDriven()).readout)
        if mappable:
            assert float((answers[0] - answers[1]).abs().max()) <= LIMIT
        assert float((answers[1] - MODEL(X)).abs().max()) > 1e-3


def test_a_mismatch_adds_up_from_the_beginning() -> None:
    own, early = (
        off(iso.constrain(network("fixed", start), iso.SlopeMismatch(1e-3), X), MODEL(X)) for start in ("own", "input")
    )
    assert early > 5 * own


def test_kept_in_the_file(tmp_path: Path) -> None:
    iso.save(network("positive"), tmp_path / "net.safetensors")
    again = iso.load(tmp_path / "net.safetensors")
    assert off(again, MODEL(X)) <= LIMIT
    short = iso.constrain(again, iso.Latency(0.9), X)
    assert short.latency < again.latency
    assert off(short, iso.simulate(short, X).readout) <= LIMIT
    assert all(s.neuron.onset == s.begin for s in short.stages if isinstance(s.neuron, FirstSpikeIF))


def test_the_same_integers() -> None:
    """Whole numbers of ticks from t_min on do not depend on when the ramp started."""
    model = nn.Sequential(nn.Flatten(), *LAYERS).double().requires_grad_(False)
    chips = [
        iso.export.Integers.of(
            iso.constrain(
                iso.convert(model, X, iso.TTFS(ramp_from=start), (0.0, 1.0)),  # type: ignore[arg-type]
                [iso.TimeSteps(8), iso.WeightBits(4)],
                X,
            )
        )
        for start in ("own", "input")
    ]
    assert [chip.differing(X) for chip in chips] == [0, 0]
    own, early = (chip(X) for chip in chips)
    assert all(torch.equal(own[name], early[name]) for name in own)
