"""What the event-driven simulator needs is known before it is allocated, and refused beyond a limit."""

from itertools import pairwise

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Map
from isospike.simulate import event_driven, wiring
from isospike.simulate.wiring import GB, SYNAPSE, affordable, parts, synapses, wired


def averaging() -> nn.Sequential:
    """A convolution, an average pool and a convolution that are one map, and an average over all: 4 × 32 × 32 values
    inside."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).double()


X = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network() -> iso.SpikingNetwork:
    return iso.convert(averaging(), X, input_range=(0.0, 1.0))


def test_it_is_refused_before_anything_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    net, model = network(), averaging()
    monkeypatch.setattr(Map, "matrix", lambda *_: pytest.fail("synapses were listed"))
    monkeypatch.setattr(wiring, "synapses", lambda *_: pytest.fail("synapses were listed"))
    for refused in (
        lambda: iso.check(model, net, X, simulators=[iso.EventDriven(memory=1e-5)]),
        lambda: iso.simulate(net, X, iso.EventDriven(1e-5)),
    ):
        with pytest.raises(
            InvalidSetting,
            match=r"(?s)synapses.*GB.*EventDriven\(memory=.*ClosedForm\(\).*--simulator closed-form.*smaller input",
        ):
            refused()
    assert iso.check(model, net, X, simulators=[iso.ClosedForm()]).max_abs_error < 1e-12


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("name", ["residual", "averaging", "shared", "grouped"])
def test_channel_by_channel_it_answers_the_same(name: str, gated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = {"averaging": averaging, "residual": Residual, "shared": Shared, "grouped": grouped}[name]().double()
    net = iso.convert(model, X, iso.TTFS(gated=gated, ramp_from="own" if gated else "previous"), (0.0, 1.0))
    expected = iso.simulate(net, X, iso.EventDriven())
    monkeypatch.setattr(event_driven, "whole", lambda body: (0, float("inf")))
    most = max(stage.shape[0] for stage in net.stages if not stage.neuron.relays)
    every = {stage.name: [(k, k + 1) for k in range(stage.shape[0])] for stage in net.stages}
    relays = {stage.name for stage in net.stages if stage.neuron.relays}
    monkeypatch.setattr(
        event_driven, "parts", lambda stage, *_: [(0, 1)] if stage.name in relays else every[stage.name]
    )
    parted = iso.simulate(net, X, iso.EventDriven())
    assert most > 1 and torch.equal(parted.readout, expected.readout)
    assert all(torch.equal(parted.codes[key], code) for key, code in expected.codes.items())


class Residual(nn.Module):
    """A sum of two groups, a stride, a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.c, self.d, self.out = nn.Conv2d(4, 6, 3, stride=2), nn.Conv2d(4, 6, 1, stride=2), nn.Linear(6 * 7 * 7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.a(x))
        x = torch.relu(self.b(x) + x)
        x = torch.relu(self.c(x) + self.d(x)[:, :, :15, :15])
        return self.out(torch.max_pool2d(x, 2).flatten(1))


class Shared(nn.Module):
    """A dense map along the last of two dimensions, and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.out = nn.Linear(32, 5), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.a(x[:, 0])).mean(1))


def grouped() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, groups=4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 6 * 6, 3),
    )


def test_parts_are_as_few_as_the_memory_allows() -> None:
    net = network()
    stage, shapes = net.stages[1], net.body.shapes
    assert parts(stage, shapes, 1.0) == [(0, 4)]
    listed = SYNAPSE * len(synapses(stage, shapes).weights) / GB
    for memory in (4 * listed, 2 * listed, listed):
        of = parts(stage, shapes, memory)
        assert of[0][0] == 0 and of[-1][1] == 4 and all(a[1] == b[0] for a, b in pairwise(of))
        sizes = [SYNAPSE * len(one.weights) / GB for _, one in wired(stage, shapes, of)]
        assert max(sizes) <= memory and sum(sizes) == pytest.approx(listed)


def test_the_estimate_holds_what_is_made() -> None:
    """Never less than the synapses themselves; a composition of maps counts its paths, and the copies made of it."""
    net = network()
    kept = SYNAPSE * sum(len(synapses(stage, net.body.shapes).weights) for stage in net.stages) / GB
    with pytest.raises(InvalidSetting):
        affordable(net.body, kept * 0.999)
    affordable(net.body, 6 * kept)


def test_a_check_in_both_holds_no_square_of_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [0]
    zeros = torch.zeros

    def watched(*size: object, **more: object) -> torch.Tensor:
        t = zeros(*size, **more)  # type: ignore[call-overload]
        made[0] = max(made[0], t.numel())
        return t

    monkeypatch.setattr(torch, "eye", lambda *_, **__: pytest.fail("a square of all inputs"))
    monkeypatch.setattr(torch, "zeros", watched)
    net = network()
    report = iso.check(averaging(), net, X)
    assert report.max_abs_error < 1e-12 and set(report.simulators) == {"ClosedForm", "EventDriven"}
    assert made[0] <= 100 * 4 * 32 * 32


def test_a_limit_is_a_number_above_zero() -> None:
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidSetting, match="above 0"):
            iso.EventDriven(memory=wrong)
