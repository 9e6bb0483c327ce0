"""Rate codes over every network of the zoo and over random ones: one spike train whatever the simulator, and an error
that falls as 1 / T."""

import math
import random
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import isospike as iso
from isospike.codings.normalise import Percentile
from isospike.encoders import Bernoulli, RegularSpikes
from isospike.engine import events
from isospike.neurons import IF, BurstIF, SignedIF, TernaryIF
from isospike.neurons.arithmetic import on
from isospike.neurons.stepping import Stepping
from isospike.simulate import StepByStep
from random_networks import random_network
from zoo import HIGH, LOW, ZOO, inputs

WIDEST = Percentile(100)  # nothing saturates on the calibration samples
CODINGS = {
    "if": iso.Rate(steps=20, neuron=IF()),
    "signed": iso.Rate(steps=20, neuron=SignedIF(), normalise=WIDEST),
    "ternary": iso.Rate(steps=20, neuron=TernaryIF(), normalise=WIDEST),
    "burst, regular spikes": iso.Rate(steps=20, neuron=BurstIF(), encoder=RegularSpikes),
}
SOFTMAX = ("softmax at the output", "log softmax at the output")  # left out of the conversion, so values differ


def converted(name: str, coding: iso.Coding) -> tuple[iso.SpikingNetwork, nn.Module, Tensor]:
    model, shape = ZOO[name]()
    x = inputs(shape).double()
    return iso.convert(model.double(), x, coding, input_range=(LOW, HIGH)), model, x


def assert_same_trains(network: iso.SpikingNetwork, x: Tensor) -> None:
    fast, plain = iso.simulate(network, x), iso.simulate(network, x, StepByStep())
    assert fast.trains.keys() == plain.trains.keys() == {stage.name for stage in network.stages[:-1]}
    for name in plain.trains:
        assert torch.equal(fast.trains[name], plain.trains[name]), name
    scale = float(plain.readout.abs().max())
    assert torch.allclose(fast.readout, plain.readout, rtol=1e-9, atol=1e-9 * scale)
    with torch.no_grad():  # nobody listens: pools then see spikes that are kept nowhere
        assert torch.allclose(network(x), plain.readout, rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", ZOO)
def test_the_fast_simulator_sends_the_plain_ones_spikes(
    name: str, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if coding in ("signed", "ternary"):  # every map event by event, however many spikes
        monkeypatch.setattr(events, "SPARSE", math.inf)
    network, _, x = converted(name, CODINGS[coding])
    assert_same_trains(network, x)
    most = {"if": 1, "signed": 1, "ternary": 1}.get(coding, 4)
    for name, train in iso.simulate(network, x).trains.items():
        # Whole spikes on the wire
        assert int(train.abs().max()) <= most and (coding in ("signed", "ternary") or int(train.min()) >= 0), name


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_networks(rng: random.Random) -> None:
    model, shape = random_network(rng)
    x = inputs(shape).double()
    neuron = rng.choice([IF(), SignedIF(), TernaryIF(), BurstIF()])
    assert_same_trains(iso.convert(model.double(), x, iso.Rate(steps=12, neuron=neuron), input_range=(LOW, HIGH)), x)


def clipped(network: iso.SpikingNetwork) -> bool:
    return any(math.isfinite(getattr(stage.neuron, "most", math.inf)) for stage in network.stages)


@pytest.mark.parametrize("name", [name for name in ZOO if name not in SOFTMAX])
def test_without_limits_the_error_is_rounding_and_falls_as_one_over_t(name: str) -> None:
    """The signed neuron without limits is the quantised network; the clock of T ticks gives the same answer at
    once."""
    network, model, x = converted(name, iso.Rate(steps=16, neuron=SignedIF(most=math.inf), normalise=WIDEST))
    with torch.no_grad():
        expected = model(x.clone())
    scale = float(expected.abs().max())
    if clipped(network):  # then order counts, and time must pass
        errors = {
            t: float((iso.simulate(network, x, iso.Stepped(t)).readout - expected).square().mean().sqrt()) / scale
            for t in (64, 2048)
        }
        assert errors[2048] <= errors[64] / 8 + 1e-9, errors
        return
    stepped, at_once = iso.simulate(network, x).readout, iso.simulate(network, x, iso.Clocked(16)).readout
    assert float((stepped - at_once).abs().max()) <= 1e-9 * scale
    errors = {
        t: float((iso.simulate(network, x, iso.Clocked(t)).readout - expected).square().mean().sqrt()) / scale
        for t in (64, 1024, 16384)
    }
    assert errors[16384] <= 2e-4 and errors[16384] <= errors[64] / 40 + 1e-9, errors


@dataclass(frozen=True, eq=False, kw_only=True)
class Halves(IF):
    """Sends half a spike a step."""

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (level, taken, _) = states, parameters
        v = v + x
        s = on(v >= level / 2, v) / 2
        return s, (v - s * taken,)


@pytest.mark.parametrize("neuron", [Halves(), BurstIF(most=1000), TernaryIF(most=1.5), TernaryIF(most=127)])
def test_spikes_that_do_not_fit_eight_bits_are_handed_on_as_they_are(neuron: Stepping) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x = torch.rand(5, 6, dtype=torch.float64)
    network = iso.convert(model, x, iso.Rate(steps=20, neuron=neuron), input_range=(0.0, 1.0))
    assert neuron.small == (neuron.most == 127)
    body = network.body.map_tensors(lambda path, t: 300 * t if path.endswith("weight") else t)
    loud = iso.SpikingNetwork(body, torch.float64)
    assert_same_trains(loud, x)
    assert float(loud(x).std(0).max()) > 0  # the answers hang on spikes
    if neuron.most > 127:
        assert max(int(train.max()) for train in iso.simulate(loud, x).trains.values()) > 127


def test_random_spikes_come_from_the_seed() -> None:
    network, _, x = converted("lenet 5", iso.Rate(steps=16, encoder=Bernoulli))
    one, again, other = (iso.simulate(network, x, iso.Stepped(seed=seed)).readout for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


@pytest.mark.parametrize("pool", ["online", "window"])
def test_max_pools_converge_to_the_maximum(pool: str) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    )
    x = torch.rand(6, 1, 14, 14, dtype=torch.float64)
    network = iso.convert(model.double(), x, iso.Rate(pool=pool, normalise=WIDEST), input_range=(0.0, 1.0))  # type: ignore[arg-type]
    with torch.no_grad():
        expected = model(x)
    errors = [
        float((iso.simulate(network, x, iso.Stepped(t)).readout - expected).abs().max() / expected.abs().max())
        for t in (64, 512, 4096)
    ]
    assert errors[1] < errors[0] / 3 and errors[2] < errors[0] / 20 and errors[2] < 2e-3, errors
