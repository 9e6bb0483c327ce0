"""Rate codes: ranges, encoders, methods, calibration, trained staircases."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.activations import QCFS, ClampQuantise, StReLU
from isospike.codings import Calibrate
from isospike.codings.normalise import Bounds, ModelBased, Normalise, Percentile
from isospike.encoders import Bernoulli, ConstantCurrent, Poisson, RateEncoder, RegularSpikes
from isospike.engine import run
from isospike.errors import InvalidData, InvalidSetting, OutOfRange
from isospike.importers import read
from isospike.measure import differing_spikes
from isospike.neurons import IF, LIF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.passes import canonical
from isospike.simulate import StepByStep


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.dense, self.head = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(4 * 9, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.head(torch.relu(self.dense(y.flatten(1))))


def samples(n: int = 40) -> Tensor:
    return torch.rand(n, 2, 6, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def made(coding: iso.Coding, x: Tensor | None = None) -> iso.SpikingNetwork:
    return iso.convert(Small().double(), samples() if x is None else x, coding, input_range=(0.0, 1.0))


def after_endless_time(network: iso.SpikingNetwork, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The read-out and every stage's rates that constant drives lead to: no simulator's answer, since time is
    finite."""
    body, rates = network.body, dict[str, Tensor]()
    out = run(
        body,
        body.encoder.encode(x),
        lambda stage, drive, _: stage.neuron.closed_form(drive),
        lambda stage, rate: rates.update({stage.name: rate}),
    )
    return out, rates


def units(normalise: Normalise) -> list[Tensor]:
    return [stage.neuron.unit for stage in made(iso.Rate(normalise=normalise)).stages[:-1] if not stage.neuron.relays]  # type: ignore[attr-defined]


@pytest.mark.parametrize("percent", [100.0, 99.0, 90.0])
@pytest.mark.parametrize("per", ["layer", "channel"])
def test_percentiles_are_those_of_the_activations(percent: float, per: str) -> None:
    model = Small().double()
    with torch.no_grad():
        first = torch.relu(model.conv(samples()))
        second = torch.relu(model.dense(nn.functional.max_pool2d(first, 2).flatten(1)))
    for unit, activation in zip(units(Percentile(percent, per)), (first, second), strict=True):  # type: ignore[arg-type]
        values = activation.transpose(0, 1).flatten(1) if per == "channel" else activation.flatten()[None]
        bin_width = values.amax(1, keepdim=True) / 8192
        share, below = (
            (values <= unit.flatten()[:, None] + by).double().mean(1) for by in (1e-12, -bin_width - 1e-12)
        )
        fires = values.quantile(percent / 100, dim=1, interpolation="lower") > 0
        assert bool((share >= percent / 100 - 1e-9)[fires].all()) and bool((below < percent / 100)[fires].all())
        assert bool((unit > 0).all())  # a channel that hardly fires has the range of its layer


def test_batches_may_be_read_only_once() -> None:
    def once() -> Iterator[Tensor]:
        yield from samples().split(7)

    network = iso.convert(Small().double(), once(), iso.Rate(normalise=Percentile(95)), input_range=(0.0, 1.0))
    for one, other in zip(
        network.body.tensors().values(), made(iso.Rate(normalise=Percentile(95))).body.tensors().values(), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-9)


def test_percentiles_say_how_many_samples_they_saw() -> None:
    graph = canonical(read(Small().double(), samples()).with_range(torch.zeros(2, 1, 1), torch.ones(2, 1, 1)))
    assert iso.Rate(normalise=Percentile(90)).ranges(graph, samples(11).split(4)).samples == 11


def test_without_data_no_rate_can_saturate() -> None:
    network = made(iso.Rate(normalise=ModelBased()))
    hot = (torch.rand(200, 2, 6, 6, dtype=torch.float64) > 0.5).double()
    _, rates = after_endless_time(network, hot)
    assert all(float(rate.max()) <= 1 for rate in rates.values())


def test_trained_clips_are_the_ranges() -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU6(), nn.Linear(8, 8), StReLU(0.7), nn.Linear(8, 2)).double()
    network = iso.convert(
        model, torch.rand(9, 5).double(), iso.Rate(neuron=TernaryIF(), normalise=Bounds()), input_range=(0.0, 1.0)
    )
    assert [float(stage.neuron.unit) for stage in network.stages[:-1]] == [6.0, 0.7]  # type: ignore[attr-defined]


@pytest.mark.parametrize("steps", [1, 3, 4, 8])
def test_a_layer_trained_with_so_many_levels_is_exact_in_so_many_steps(steps: int) -> None:
    """QCFS with L = T levels and V₀ = θ / 2: no error at all in the first layer, whose drive is constant (Bu 2022)."""
    model = nn.Sequential(nn.Linear(7, 30), QCFS(steps, 0.8), nn.Linear(30, 4)).double()
    x = torch.rand(50, 7, dtype=torch.float64)
    network = iso.convert(model, x, iso.Rate(steps, IF(), Bounds()), input_range=(0.0, 1.0))
    with torch.no_grad():
        assert float((network(x) - model(x)).abs().max()) < 1e-12


@pytest.mark.parametrize("x", [0.0, 1e-3, 0.1, 1 / 3, 0.5, 0.7, 0.99, 1.0])
@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_regular_spikes(x: float, rate: float) -> None:
    encoder = RegularSpikes((1,), torch.zeros(1).double(), torch.ones(1).double(), False, rate)
    drive = encoder.drive(torch.tensor([[x]], dtype=torch.float64))
    train = torch.cat([encoder.train(drive, begin, 10, None) for begin in range(0, 300, 10)])
    assert int(train.sum()) == math.floor(rate * x * 300 + 1e-9) and set(train.flatten().tolist()) <= {0.0, 1.0}
    gaps = torch.nonzero(train.flatten()).flatten().diff()
    assert not len(gaps) or int(gaps.max() - gaps.min()) <= 1


@pytest.mark.parametrize("kind", [Bernoulli, Poisson])
def test_random_encoders_have_the_right_mean(kind: type[RateEncoder]) -> None:
    encoder = kind((1,), torch.zeros(1).double(), torch.ones(1).double(), False, 0.5)
    x = torch.tensor([[0.2], [0.9]], dtype=torch.float64)
    train = encoder.train(encoder.drive(x), 0, 20000, torch.Generator().manual_seed(0))
    assert torch.allclose(train.mean(0), 0.5 * x, atol=0.015) and bool((train == train.round()).all())
    assert kind is Poisson or float(train.max()) == 1.0


@pytest.mark.parametrize(
    "encoder", [ConstantCurrent, RegularSpikes, partial(RegularSpikes, rate=0.5), Bernoulli, Poisson]
)
def test_every_encoder_leads_to_the_original(encoder: type[RateEncoder]) -> None:
    network = made(iso.Rate(steps=4000, encoder=encoder, normalise=Percentile(100)))
    x = samples(4)
    with torch.no_grad():
        expected = Small().double()(x)
    assert float((network(x) - expected).abs().max()) < (0.05 if encoder in (Bernoulli, Poisson) else 0.01) * float(
        expected.abs().max()
    )


@pytest.mark.parametrize("name", iso.METHODS)
def test_every_method_converts_saves_and_runs(name: str, tmp_path: Path) -> None:
    coding = iso.METHODS[name]
    network = made(replace(coding, steps=16) if isinstance(coding, iso.Rate) else coding)
    iso.save(network, tmp_path / "net.safetensors")
    again = iso.load(tmp_path / "net.safetensors")
    assert torch.equal(again(samples(3)), network(samples(3))) and again.body.coding == network.body.coding
    assert iso.measure(again, [(samples(5), None)])["samples"] == 5


def test_the_method_lu2022_is_the_papers_neuron() -> None:
    """Lu 2022, §V-A, V-E: spikes at k x / Δt, weights as they are, V_th = C = 1, V ← V − V_th; written out by hand."""
    steps, high, dt = 200, 10.0, 0.01
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(5, 9, bias=False), nn.ReLU(), nn.Linear(9, 3, bias=False)).double()
    x = torch.rand(6, 5, dtype=torch.float64)
    first, last = (layer.weight.detach() for layer in (model[0], model[2]))
    v, sent, heard = torch.zeros(6, 9).double(), torch.zeros(6, 5).double(), torch.zeros(6, 9).double()
    for step in range(1, steps + 1):
        due = torch.floor(high * x * dt * step + 1e-9)
        v, sent = v + (due - sent) @ first.T, due
        fired = (v >= 1 - 1e-12).double()
        v, heard = v - fired, heard + fired
    network = iso.convert(model, x, iso.METHODS["lu2022"], input_range=(0.0, 1.0))
    assert network.body.steps == steps and 0 < heard.sum() < heard.numel() * high * dt * steps
    assert torch.allclose(network(x), (heard @ last.T) / (high * dt * steps), atol=1e-12)


def test_a_leak_costs_what_no_time_mends() -> None:
    """The method `lu2022` has no leak and its error falls as 1 / T; `leaky` is ahead while T is small, its range being
    narrow, and stays where its leak leaves it."""
    x = samples()
    with torch.no_grad():
        expected = Small().double()(x)
    errors = {
        name: [
            float((made(replace(iso.METHODS[name], steps=steps))(x) - expected).norm() / expected.norm())  # type: ignore[type-var]
            for steps in (200, 4000)
        ]
        for name in ("lu2022", "leaky")
    }
    assert errors["leaky"][0] < errors["lu2022"][0] and errors["leaky"][1] > 0.02
    assert errors["lu2022"][1] < errors["lu2022"][0] / 15 and errors["lu2022"][1] < errors["leaky"][1] / 1.5


def test_calibration_makes_few_steps_better() -> None:
    x, images = samples(200), samples(60)
    with torch.no_grad():
        expected = Small().double()(images)
    errors = [
        float((made(iso.Rate(4, initial=0.0, correction=c), x)(images) - expected).square().mean())
        for c in (None, Calibrate())
    ]
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize(
    "neuron", [IF(), IF(reset="zero"), LIF(), TernaryIF(), BurstIF(), SignedIF()], ids=lambda n: type(n).__name__
)
def test_the_limit_of_time_is_the_closed_form(neuron: Stepping) -> None:
    if isinstance(neuron, LIF) or getattr(neuron, "reset", "soft") == "zero":
        pytest.skip("their limits are not the rectifier's")
    network, x = made(iso.Rate(neuron=neuron)), samples(5)
    limit, _ = after_endless_time(network, x)
    errors = [float((iso.simulate(network, x, iso.Stepped(t)).readout - limit).abs().max()) for t in (50, 2000)]
    assert errors[1] < errors[0] / 5


def test_bad_settings_and_inputs() -> None:
    for wrong in (
        lambda: iso.Rate(steps=0),
        lambda: iso.Rate(pool="max"),
        lambda: Percentile(0),
        lambda: Percentile(99, "pixel"),
        lambda: Calibrate(0),
    ):  # type: ignore[arg-type]
        with pytest.raises(InvalidSetting):
            wrong()
    with pytest.raises(InvalidSetting, match="rate"):
        made(iso.Rate(encoder=partial(RegularSpikes, rate=0.0)))
    with pytest.raises(InvalidData):
        iso.convert(Small().double(), torch.zeros(0, 2, 6, 6).double(), iso.Rate())
    network = made(iso.Rate())
    with pytest.raises(OutOfRange):
        made(iso.Rate(outside="error"))(samples(2) + 1)
    with pytest.warns(UserWarning, match="are clipped"):
        assert torch.equal(network(samples(2) + 1), network((samples(2) + 1).clamp(0, 1)))
    with pytest.raises(InvalidSetting, match="no time steps"):
        iso.simulate(made(iso.TTFS()), samples(2), iso.Stepped())
    with pytest.raises(InvalidSetting):
        iso.simulate(network, samples(2), iso.EventDriven())
    with pytest.raises(InvalidSetting):
        iso.simulate(iso.SpikingNetwork(replace(network.body, constraints=(iso.SpikeJitter(0.1),))), samples(2))
    with pytest.raises(InvalidSetting):
        iso.constrain(network, [iso.SpikeJitter(0.1)])


def net(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3)).double()


def error(model: nn.Module, coding: iso.Rate, steps: int = 4096) -> float:
    """Relative rms error after many steps."""
    x = torch.rand(30, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 2 - 1
    network = iso.convert(model, x, replace(coding, steps=steps), input_range=(-1.0, 1.0))
    with torch.no_grad():
        expected = model(x)
    return float(((network(x) - expected).square().mean() / expected.square().mean()).sqrt())


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.3, 0.9])
@pytest.mark.parametrize(
    "neuron", [TernaryIF(), TernaryIF(level=1.0), TernaryIF(most=math.inf), IF(), SignedIF()], ids=repr
)
def test_leaky_rectifiers(slope: float, neuron: Stepping) -> None:
    assert error(net(nn.LeakyReLU(slope)), iso.Rate(neuron=neuron, normalise=Percentile(100))) < 0.01


@pytest.mark.parametrize("low, high", [(-2.0, 0.3), (-0.3, 2.0), (-0.5, 0.5), (0.0, 0.4)])
@pytest.mark.parametrize("normalise", [Percentile(100), Bounds()], ids=repr)
@pytest.mark.parametrize("neuron", [TernaryIF(), IF(), SignedIF(most=math.inf)], ids=lambda n: type(n).__name__)
def test_clips_of_either_side(low: float, high: float, normalise: Normalise, neuron: Stepping) -> None:
    assert error(net(nn.Hardtanh(low, high)), iso.Rate(neuron=neuron, normalise=normalise)) < 0.005


@pytest.mark.parametrize("neuron", [IF(), SignedIF(), TernaryIF(), TernaryIF(level=1.0)], ids=repr)
@pytest.mark.parametrize("initial", [None, 0.3])
@pytest.mark.parametrize("staircase", [QCFS(4, 0.6), ClampQuantise(4)], ids=str)
def test_staircases_are_exact_in_any_neuron(staircase: nn.Module, initial: float | None, neuron: Stepping) -> None:
    """Where a staircase's steps are is its own: ½ in QCFS, 0 in ClampQuantise, whatever V₀ other neurons begin
    with."""
    assert error(net(staircase), iso.Rate(neuron=neuron, normalise=Bounds(), initial=initial), steps=4) < 1e-12


def test_a_signed_network_can_be_checked() -> None:
    model, x = net(nn.Hardtanh()), torch.rand(9, 6, dtype=torch.float64)
    network = iso.convert(model, x, iso.Rate(512, TernaryIF()), input_range=(0.0, 1.0))
    report = iso.check(model, network, x)
    assert report.max_abs_error < 0.05 and len(report.layers) == 1


def test_sequences_of_vectors() -> None:
    """Dense maps on more dimensions than (batch, inputs) are never run event by event."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 70), nn.ReLU(), nn.Linear(70, 80), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3)
    ).double()
    x = torch.rand(7, 5, 6, dtype=torch.float64)
    network = iso.convert(model, x, iso.Rate(2048, normalise=Percentile(100, "layer")), input_range=(0.0, 1.0))
    with torch.no_grad():
        assert float((network(x) - model(x)).abs().max()) < 0.01


def test_few_spikes_differ_in_float32() -> None:
    network = made(iso.Rate(64))
    assert differing_spikes(network, samples(10)) == 0.0  # float64, whatever the order of sums
    assert differing_spikes(network.float(), samples(10)) < 1e-3


def test_no_samples_give_no_answers() -> None:
    assert made(iso.Rate())(samples()[:0]).shape == (0, 3)


def test_calibration_is_reproducible() -> None:
    one, other = (made(iso.Rate(8, encoder=Bernoulli, correction=Calibrate())) for _ in range(2))
    for a, b in zip(one.body.tensors().values(), other.body.tensors().values(), strict=True):
        assert torch.equal(a, b)


def test_first_spikes_of_trains() -> None:
    network = made(iso.Rate(20))
    trace = iso.simulate(network, samples(3))
    name = network.stages[0].name
    train, times = trace.trains[name], trace.times(name)
    for step in range(20):
        assert torch.equal(times == step, (train[step] != 0) & (train[:step] == 0).all(0))
    assert torch.equal(torch.isinf(times), (train == 0).all(0))


def test_measuring_in_another_number_of_steps() -> None:
    network, batch = made(iso.Rate(8)), [(samples(5), None)]
    one, other = iso.measure(network, batch, iso.Stepped(32)), iso.measure(made(iso.Rate(32)), batch)
    assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}
    with pytest.raises(InvalidSetting):
        iso.measure(network, batch, iso.ClosedForm())
    with pytest.raises(InvalidSetting, match="whole window"):
        iso.simulate(made(iso.Rate(pool="window")), samples(2), StepByStep())
