"""A network answers on another device as it does on the CPU, and what has no form there says so.

The device is emulated: its tensors refuse to be mixed with the CPU's (elsewhere.py)."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

import isospike as iso
from elsewhere import DEVICE, Elsewhere
from isospike.codings import METHODS, Rate
from isospike.constraints import SpikeJitter, constrain
from isospike.convert import Conversion
from isospike.encoders import Bernoulli, Poisson, RegularSpikes
from isospike.errors import InvalidSetting
from isospike.measure import checked, curve, diagnose, early, measure
from isospike.report import applicable, compared
from isospike.simulate import EventDriven
from isospike_cli.options import device_of

CODINGS = {
    name: replace(coding, steps=8) if isinstance(coding, Rate) else coding for name, coding in METHODS.items()
} | {
    f"rate, {encoder.__name__}": replace(METHODS["rate"], steps=8, encoder=encoder)
    for encoder in (RegularSpikes, Bernoulli, Poisson)
}


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), nn.Linear(6, 3)
    )
    return Conversion(model, torch.rand(32, 1, 8, 8), (0.0, 1.0))


@pytest.fixture
def data() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(8, 1, 8, 8, generator=generator), torch.arange(8) % 3) for _ in range(2)]


def plain(figures: dict) -> dict:
    """Without what a clock says."""
    return {key: value for key, value in figures.items() if key != "seconds"}


@pytest.mark.parametrize("name", CODINGS)
def test_every_coding_measures_the_same_elsewhere(name, conversion, data) -> None:
    if name not in applicable(conversion.graph, METHODS) and name in METHODS:
        pytest.skip("for networks with trained clips")
    network = conversion.network(CODINGS[name], torch.float64)
    here = plain(measure(network, data))
    with Elsewhere():
        moved = copy.deepcopy(network).to(DEVICE)
        assert moved.device == DEVICE
        assert plain(measure(moved, data)) == here


def test_check_and_compare_elsewhere(conversion, data) -> None:
    network = conversion.network(iso.TTFS(), torch.float64)
    exact, oracle = conversion.exact(), conversion.original(torch.float64)
    here = checked(oracle, exact, network, data)
    rows = compared(conversion, "ttfs", iso.TTFS(), data)
    with Elsewhere():
        there = checked(oracle, exact, copy.deepcopy(network).to(DEVICE), data)
        assert there.simulated == {"ClosedForm": 16}
        assert there.max_abs_error < 1e-12
        assert there.layers == here.layers or max(layer.max_abs_error for layer in there.layers) < 1e-12
        assert compared(conversion, "ttfs", iso.TTFS(), data, device=DEVICE) == rows


def test_curve_diagnosis_and_early_exit_elsewhere(conversion, data) -> None:
    network = conversion.network(CODINGS["rate"], torch.float64)
    here = [list(curve(network, data, conversion.original(torch.float64))), list(diagnose(network, data))]
    exits = early(network, data, [1.0, 10.0])
    with Elsewhere():
        moved = copy.deepcopy(network).to(DEVICE)
        there = [list(curve(moved, data, conversion.original(torch.float64))), list(diagnose(moved, data))]
        assert there == here
        assert early(moved, data, [1.0, 10.0]) == exits


def test_patterns_elsewhere() -> None:
    x, labels = torch.rand(16, 12), torch.arange(16) % 3
    network = iso.train.units(iso.ECTE(steps=60, segment=6, neighbours=3).fit(x), hidden=[8], classes=3)
    here = plain(measure(network, [(x, labels)]))
    with Elsewhere():
        assert plain(measure(copy.deepcopy(network).to(DEVICE), [(x, labels)])) == here


def test_jitter_is_the_same_draw_elsewhere(conversion, data) -> None:
    network = constrain(conversion.network(iso.TTFS(), torch.float64), [SpikeJitter(0.1, seed=3)], [])
    here = plain(measure(network, data))
    with Elsewhere():
        assert plain(measure(copy.deepcopy(network).to(DEVICE), data)) == here


def test_what_runs_on_the_cpu_only_says_so(conversion, data) -> None:
    network = conversion.network(iso.TTFS(), torch.float64)
    pooled = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))
    rates = iso.convert(pooled, data[0][0], CODINGS["rate"], input_range=(0.0, 1.0))
    with Elsewhere():
        with pytest.raises(InvalidSetting, match="CPU only"):
            EventDriven().prepare(network.to(DEVICE))
        with pytest.raises(InvalidSetting, match="CPU only"):
            measure(rates.to(DEVICE), data)


def test_tensors_here_and_there_do_not_mix() -> None:
    with Elsewhere(), pytest.raises(RuntimeError, match="elsewhere"):
        torch.ones(3).to(DEVICE) + torch.ones(3)


def test_devices_by_name() -> None:
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type in ("cpu", "cuda", "mps", "xpu")
    for name in ("gpu", "hpu", "cuda:99"):
        with pytest.raises(InvalidSetting, match="--device"):
            device_of(name)


def test_traces_elsewhere(conversion, data) -> None:
    x = data[0][0].double()
    for coding, simulator in (
        ("ttfs", iso.ClosedForm()),
        ("ttfs", iso.Clocked(8)),
        ("rate", iso.Stepped()),
        ("rate", iso.EarlyExit(margin=1.0, every=2)),
    ):
        network = conversion.network(CODINGS[coding], torch.float64)
        here = iso.simulate(network, x, simulator)
        with Elsewhere():
            moved = copy.deepcopy(network).to(DEVICE)
            there = iso.simulate(moved, moved.own(x), simulator)
            assert there.readout.device == DEVICE
            assert torch.equal(there.readout.cpu(), here.readout)
            assert all(torch.equal(there.codes[name].cpu(), code) for name, code in here.codes.items())
            assert all(torch.equal(there.trains[name].cpu(), train) for name, train in here.trains.items())
