"""What the event-driven simulator needs is known before it is allocated, and refused beyond a limit."""

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Map
from isospike.simulate import event_driven
from isospike.simulate.event_driven import GB, SYNAPSE, affordable, synapses


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
    listed = sum(len(synapses(stage, net.body.shapes).weights) for stage in net.stages)
    monkeypatch.setattr(Map, "matrix", lambda *_: pytest.fail("synapses were listed"))
    monkeypatch.setattr(event_driven, "synapses", lambda *_: pytest.fail("synapses were listed"))
    small = 0.5 * SYNAPSE * listed / GB
    for refused in (
        lambda: iso.check(model, net, X, simulators=[iso.EventDriven(memory=small)]),
        lambda: iso.simulate(net, X, iso.EventDriven(small)),
    ):
        with pytest.raises(
            InvalidSetting,
            match=r"(?s)synapses.*GB.*EventDriven\(memory=.*ClosedForm\(\).*--simulator closed-form.*smaller input",
        ):
            refused()
    assert iso.check(model, net, X, simulators=[iso.ClosedForm()]).max_abs_error < 1e-12


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
