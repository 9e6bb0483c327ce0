"""Training through time: the network of training is the network that runs; gradients are those of the plain loop, and
of a smoothed unit; what is trained learns, from one seed to the same bits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.encoders import Poisson
from isospike.errors import InvalidModel, InvalidSetting
from isospike.neurons import SNU, NearestPattern
from isospike.simulate import StepByStep
from isospike.train import SURROGATES, OverTime, fit, units
from isospike.train.unrolled import Spread, Trains, fired, stepped

DIGITS = 3  # classes


def samples(count: int = 48, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images of 4 × 4 in which a class is a bright row."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, DIGITS, (count,), generator=generator)
    x = torch.rand(count, 1, 4, 4, generator=generator)
    x *= torch.rand(x.shape, generator=generator) < 0.3
    x[torch.arange(count), 0, y] = 1 + torch.rand(count, 4, generator=generator)
    return x, y


def encoder(extended: bool = True) -> Any:
    maker = iso.ECTE(levels=4, neighbours=2, spikes=2, segment=4, steps=40) if extended else iso.CTE(2, steps=40)
    return maker.fit(samples(200)[0])


def convolutional() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 8, bias=False),
        nn.ReLU(),
        nn.Linear(8, 2 * DIGITS, bias=False),
    ).eval()


HIDDEN: dict[str, Callable[[], Any]] = {
    "shallow": lambda: [12],
    "deep": lambda: [12, 9],
    "convolutional": convolutional,
}


@pytest.mark.parametrize("own", [False, True], ids=["a layer's threshold", "own thresholds"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_network_of_training_is_the_network_that_runs(hidden: str, own: bool) -> None:
    x = samples()[0].double()
    network = units(encoder(), HIDDEN[hidden](), DIGITS, outputs=2, own=own).double()
    trainee = OverTime(network).eval()
    for other in (network(x), iso.simulate(network, x, StepByStep()).readout, trainee.result()(x)):
        torch.testing.assert_close(trainee(x).detach(), other, rtol=0, atol=1e-9 * float(other.abs().max()))
    trace = iso.simulate(network, x)
    read = network.stages[-1]
    assert trace.trains[read.name].shape == (40, len(x), 2 * DIGITS), "the output pattern is heard, too"


def test_scores_are_minus_the_distances_from_the_targets() -> None:
    """Eqs. A.14 and A.15, written out."""
    x = samples(5)[0].double()
    network = units(encoder(), [12], DIGITS, outputs=2).double()
    read = network.stages[-1].neuron
    assert isinstance(read, NearestPattern)
    pattern = iso.simulate(network, x).trains[network.stages[-1].name]
    assert float(pattern.min()) > 0 and float(pattern.max()) < 1
    for binary, order in ((False, 2), (True, 2), (False, 1), (True, 1)):
        out = (pattern > 0.5).double() if binary else pattern
        for b in range(5):
            found = []
            for target in read.targets.double():
                heard, wanted, distance = torch.zeros(6).double(), torch.zeros(6).double(), 0.0
                for t in range(40):
                    heard = heard * float(read.decay) + out[t, b]
                    wanted = wanted * float(read.decay) + target[t]
                    distance += float((heard - wanted).abs().pow(order).sum())
                found.append(-distance)
            other = _reading(network, binary=binary, order=order)(x)[b]
            assert other.tolist() == pytest.approx(found, rel=1e-6)


def _reading(network: iso.SpikingNetwork, **changes: Any) -> iso.SpikingNetwork:
    from dataclasses import replace

    *hidden, read = network.stages
    changed = replace(read, neuron=replace(read.neuron, **changes))
    return iso.SpikingNetwork(replace(network.body, stages=(*hidden, changed)))


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("own", [False, True])
def test_the_fused_gradient_is_that_of_the_plain_loop(surrogate: str, own: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    drive = torch.randn(5, 30, 7, generator=generator, dtype=torch.float64) * 0.3
    given = torch.randn(5, 30, 7, generator=generator, dtype=torch.float64)
    found = []
    for loop in (fired, stepped):
        x = drive.clone().requires_grad_()
        level = (torch.full((7,) if own else (), 0.07, dtype=torch.float64)).requires_grad_()
        spikes = loop(x * 1, level, 0.8, SURROGATES[surrogate])
        assert 0.1 < float(spikes.detach().mean()) < 0.9
        found.append((spikes.detach(), *torch.autograd.grad(spikes, (x, level), given)))
    for fused, plain in zip(*found, strict=True):
        assert float((fused - plain).abs().max()) <= 1e-10 * float(plain.abs().max())


def test_the_plain_gradient_is_that_of_a_smoothed_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tanh for the step, whose derivative is the surrogate, finite differences agree."""
    monkeypatch.setattr("isospike.train.unrolled.Step.apply", lambda a, surrogate: torch.tanh(a))
    generator = torch.Generator().manual_seed(0)
    drive = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    level = torch.full((3,), 0.07, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, b: stepped(x, b, 0.8, SURROGATES["tanh"]), (drive, level))
    a = torch.linspace(-2, 2, 9, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(torch.tanh(a).sum(), a)
    torch.testing.assert_close(SURROGATES["tanh"](a.detach()), slope)


@pytest.mark.parametrize("extended", [False, True], ids=["CTE", "ECTE"])
def test_the_first_product_spike_by_spike_is_the_dense_one(extended: bool) -> None:
    x, made = samples()[0].double(), encoder(extended)
    weight = torch.randn(300, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    drive = made.drive(x).double()
    given = torch.randn(len(x), 40, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    dense = made.train(drive, 0, 40, None).flatten(2).movedim(0, 1) @ weight.T
    sparse = Spread.apply(weight, made.chosen(drive), Trains.of(made))
    torch.testing.assert_close(sparse, dense, rtol=0, atol=1e-12)
    for a, b in zip(*(torch.autograd.grad(out, weight, given) for out in (sparse, dense)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_gradients_of_a_whole_network_are_those_of_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = samples()
    found = []
    for plain in (False, True):
        trainee = OverTime(units(encoder(), [12, 9], DIGITS, outputs=2, own=True).double())
        if plain:
            monkeypatch.setattr("isospike.train.over_time.fired", stepped)
            monkeypatch.setattr("isospike.train.over_time._only_dense", lambda chain: None)
        loss = trainee.loss(x.double(), y)
        found.append([loss.detach(), *torch.autograd.grad(loss, list(trainee.parameters()))])
    assert len(found[0]) == 7
    for fused, plain in zip(*found, strict=True):
        assert float((fused - plain).abs().max()) <= 1e-10 * float(plain.abs().max())


def test_what_is_held_fixed_stays() -> None:
    x, y = samples()
    trainee = OverTime(units(encoder(), [12], DIGITS, outputs=2))
    trainee.thresholds.requires_grad_(False)
    trainee.loss(x, y).backward()
    assert all((p.grad is None) == (not p.requires_grad) for p in trainee.parameters())
    silent = OverTime(units(encoder(), [12], DIGITS, outputs=2))
    silent.loss(torch.zeros_like(x), y).backward()
    assert not any(bool(p.grad.any()) for p in silent.synapses.values()), "silent inputs change no weight"


def _trained(seed: int = 0, epochs: int = 20, **options: Any) -> iso.SpikingNetwork:
    x, y = samples(96)
    batches = list(zip(x.split(8), y.split(8), strict=True))
    trainee = OverTime(units(encoder(), [24], DIGITS, outputs=2, seed=seed), dropout=0.1)
    return fit(trainee, batches, epochs, optimizer=lambda p: torch.optim.Adam(p, lr=2e-2), quiet=True, **options)


def test_it_learns_and_from_one_seed_to_the_same_bits(tmp_path: Any) -> None:
    x, y = samples(200, seed=1)
    network = _trained()
    assert float((network(x).argmax(1) == y).double().mean()) > 0.9
    figures = iso.measure(network, (x, y))
    assert figures["latency"] == 40 and figures["macs"] == 0 and figures["synaptic_operations"] > 0
    again, other = _trained(), _trained(seed=1)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    _trained(epochs=9, folder=tmp_path)
    resumed = _trained(folder=tmp_path, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), resumed.parameters(), strict=True))
    iso.save(network, tmp_path / "net.safetensors")
    assert torch.equal(iso.load(tmp_path / "net.safetensors")(x), network(x))


@pytest.mark.filterwarnings("ignore:input values outside")
def test_a_network_of_rates_is_trained_too() -> None:
    """Rate-coded units (Woźniak 2020): another draw of the input in every batch."""
    made = Poisson((1, 4, 4), torch.zeros(()), torch.ones(()), clip=True, rate=0.5)
    x, y = samples(96)
    network = units(made, [24], DIGITS, outputs=2, steps=30)
    batches = list(zip(x.split(8), y.split(8), strict=True))
    trained = fit(OverTime(network), batches, 20, optimizer=lambda p: torch.optim.Adam(p, lr=2e-2), quiet=True)
    assert float((trained(x).argmax(1) == y).double().mean()) > 0.8


@pytest.mark.filterwarnings("ignore:input values outside")
def test_what_is_no_network_of_units_is_refused() -> None:
    x = samples()[0]
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3))
    with pytest.raises(InvalidSetting, match=r"OverTime: a network of FirstSpikeIF, Integrator"):
        OverTime(iso.convert(model, x))
    with pytest.raises(InvalidModel, match=r"no layer of units, or has a bias"):
        units(encoder(), model, DIGITS)
    with pytest.raises(InvalidModel, match=r"outputs of shape \(6,\)[\s\S]*3 classes of 5 output neurons"):
        units(encoder(), convolutional(), DIGITS)
    with pytest.raises(InvalidSetting, match=r"Two classes or more"):
        units(encoder(), [4], 1)
    with pytest.raises(InvalidSetting, match=r"steps=None"):
        units(Poisson((1, 4, 4), torch.zeros(()), torch.ones(()), clip=True), [4], 3)
    network = units(encoder(), [4], DIGITS)
    for wrong in ({"weight": 0.5}, {"dropout": 1.0}, {"surrogate": "none"}, {"width": 0.0}):
        with pytest.raises(InvalidSetting, match=r"OverTime\("):
            OverTime(network, **wrong)
    with pytest.raises(InvalidSetting, match="compares whole patterns"):
        iso.simulate(network, x, iso.EarlyExit())
    with pytest.raises(InvalidSetting, match="fires step by step"):
        iso.simulate(network, x, iso.ClosedForm())
    with pytest.raises(InvalidSetting, match="no rectifier"):
        iso.diagnose(network, x)
    with pytest.raises(InvalidSetting, match="SpikeJitter"):
        iso.constrain(network, iso.SpikeJitter(0.1))
    with pytest.raises(InvalidSetting, match=r"OverTime: a network of ShiftPattern, ShiftSNU"):
        OverTime(iso.export.ShiftAdd.of(network).network)
    rates = units(Poisson((1, 4, 4), torch.zeros(()), torch.ones(()), clip=True), [4], DIGITS, steps=30)
    for longer, said in ((network, "[0-9]+ steps of patterns of 40"), (rates, r"\d+ steps of targets of 30")):
        with pytest.raises(InvalidSetting, match=said):
            iso.simulate(longer, x, iso.Stepped(64))
    few = iso.constrain(network, iso.WeightBits(4))
    assert not torch.equal(few(x), network(x))
    assert isinstance(few.stages[0].neuron, SNU)
