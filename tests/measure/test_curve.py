"""Figures over time: by hand on a small network, by formula, and each the same whether read on the way or at the
end."""

import itertools
import sys

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.codings.normalise import Percentile
from isospike.encoders import Bernoulli, Poisson, RateEncoder, RegularSpikes
from isospike.engine import walk
from isospike.errors import InvalidData, InvalidSetting
from isospike.measure import PRICES, Moment, early, lossless
from isospike.neurons import IF, SignedIF


class Tiny(nn.Module):
    """One channel, 3 × 3, convolution, max pool, dense: few enough synapses to count."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.head = nn.Conv2d(1, 2, 2), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.max_pool2d(torch.relu(self.conv(x)), 2).flatten(1))


def images(n: int = 7) -> Tensor:
    return torch.rand(n, 1, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def network(**settings: object) -> iso.SpikingNetwork:
    return iso.convert(Tiny().double(), images(), iso.Rate(**settings), input_range=(0.0, 1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("encoder", ["constant", "regular"])
def test_operations_and_energy_by_hand(encoder: str) -> None:
    """Every input pixel reaches 1, 2 or 4 places of each of 2 channels; every hidden spike one pool, every pooled
    spike 3 outputs."""
    net = network(steps=9, neuron=SignedIF(), **({"encoder": RegularSpikes} if encoder == "regular" else {}))
    reach = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=torch.float64) * 2
    (moment,) = iso.curve(net, [(images(), None)], at=[9])
    trains = iso.simulate(net, images()).trains
    hidden, pooled = (train.abs().sum().item() / 7 for train in trains.values())
    operations = hidden * 1 + pooled * 3
    if encoder == "regular":
        drive = net.body.encoder.drive(images())
        operations += float((net.body.encoder.train(drive, 0, 9, None).sum(0) * reach).sum()) / 7
    assert moment.synaptic_operations == pytest.approx(operations)
    assert moment.macs == (32 if encoder == "constant" else 0) and net.body.macs == 32 + 6
    assert moment.energy_spiking_nj == pytest.approx((0.9 * operations + 4.6 * moment.macs) / 1000)
    assert moment.energy_original_nj == pytest.approx(4.6e-3 * 38)
    assert moment.spikes_per_neuron == pytest.approx(hidden / 8)
    counts = next(iter(trains.values())).abs().sum(0)
    assert moment.active_fraction == pytest.approx(float((counts > 0).double().mean()))


def test_energy_is_the_formula_of_han_2023() -> None:
    """Table 5: E_SNN = 77 fJ × SOP for spiking layers, 4.6 pJ × MAC for the analog first one; E_ANN = 4.6 pJ × MAC
    (eqs. 23–24)."""
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    x = torch.rand(11, 6, dtype=torch.float64)
    net = iso.convert(model, x, iso.Rate(steps=13), input_range=(0.0, 1.0))
    (moment,) = iso.curve(net, [(x, None)], at=[13], prices=PRICES["han2023"])
    first, second = (train.sum().item() / 11 for train in iso.simulate(net, x).trains.values())
    assert moment.energy_spiking_nj == pytest.approx(1e-3 * (0.077 * (4 * first + 2 * second) + 4.6 * 30))
    assert moment.energy_original_nj == pytest.approx(4.6e-3 * (30 + 20 + 8))


@pytest.mark.parametrize("pool", ["online", "window"])
def test_on_the_way_as_at_the_end(pool: str) -> None:
    net = network(steps=40, pool=pool)
    model, labels = Tiny().double(), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    together = iso.curve(net, [(images(), labels)], model, at=[40, 1, 17])
    assert [m.steps for m in together] == [1, 17, 40]
    for moment in together:
        (alone,) = iso.curve(net, [(images()[:3], labels[:3]), (images()[3:], labels[3:])], model, at=[moment.steps])
        one, other = moment.as_dict(), alone.as_dict()
        assert {key: pytest.approx(value) for key, value in one.items()} == other
        out = iso.simulate(net, images(), iso.Stepped(moment.steps)).readout
        with torch.no_grad():
            expected = model(images())
        assert moment.max_abs_error == pytest.approx(float((out - expected).abs().max()))
        assert moment.relative_error == pytest.approx(
            float(((out - expected).square().mean() / expected.square().mean()).sqrt())
        )
        assert moment.accuracy == pytest.approx(float((out.argmax(1) == labels).double().mean()))


def test_measure_is_the_end_of_the_curve() -> None:
    net = network(steps=12)
    figures = iso.measure(net, [(images(), None)])
    (moment,) = iso.curve(net, [(images(), None)], at=[12])
    assert figures["samples"] == 7 and figures["latency"] == 12.0 and figures["inputs_outside_range"] == 0
    for key in ("spikes_per_neuron", "synaptic_operations", "macs", "energy_spiking_nj"):
        assert figures[key] == getattr(moment, key)


def test_a_report_counts_all_spikes() -> None:
    net = network(steps=12, neuron=SignedIF())
    report = iso.check(Tiny().double(), net, images())
    (moment,) = iso.curve(net, [(images(), None)], at=[12])
    assert report.spikes_per_neuron == moment.spikes_per_neuron and list(report.simulators) == ["Stepped"]
    assert 0 < report.max_abs_error < 1


@pytest.mark.parametrize("encoder", [RegularSpikes, Bernoulli, Poisson])
def test_a_report_is_of_one_draw(encoder: type[RateEncoder]) -> None:
    """Outputs, layers and spikes of random inputs belong together: all are those of one pass over two batches."""
    net, x, model = network(steps=12, neuron=SignedIF(), encoder=encoder), images(300), Tiny().double()
    report = iso.check(model, net, x, simulators=[iso.Stepped(steps=20, seed=5)])
    run = iso.Stepped(steps=20, seed=5).prepare(net)
    spikes, off, outs = {stage.name: torch.zeros(0) for stage in net.stages}, 0.0, []
    for part in x.split(256):
        trains: dict[str, list[Tensor]] = {}
        rates: dict[str, Tensor] = {}
        outs.append(
            run(
                part,
                lambda stage, rate, into=rates: into.update({stage.name: rate}),
                lambda stage, t, into=trains: into.setdefault(stage.name, []).append(t.clone()),
            )
        )
        for name, train in trains.items():
            spikes[name] = torch.cat([spikes[name], torch.cat(train).abs().sum(0)])
        first = net.stages[0]
        with torch.no_grad():
            off = max(off, float((first.neuron.value(rates[first.name]) - torch.relu(model.conv(part))).abs().max()))
    hidden, sent = net.stages[0].name, spikes[net.stages[0].name]
    assert report.spikes_per_neuron == pytest.approx(float(sent.sum()) / (300 * 8), rel=1e-12)
    assert report.active_fraction == pytest.approx(float((sent > 0).double().mean()), rel=1e-12)
    assert [layer.active_fraction for layer in report.layers] == pytest.approx(
        [float((spikes[s.name] > 0).double().mean()) for s in net.stages[:-1]]
    )
    assert report.layers[0].name == hidden and report.layers[0].max_abs_error == pytest.approx(off, rel=1e-9)
    with torch.no_grad():
        assert report.max_abs_error == pytest.approx(float((torch.cat(outs) - model(x)).abs().max()), rel=1e-9)
    assert report.latency == 20


def moments(*accuracies: float) -> list[Moment]:
    rest = dict.fromkeys(("relative_error", "max_abs_error", "agreement"))
    zero = dict.fromkeys(
        (
            "spikes_per_neuron",
            "active_fraction",
            "synaptic_operations",
            "macs",
            "energy_spiking_nj",
            "energy_ratio",
            "energy_original_nj",
        ),
        0.0,
    )
    return [Moment(steps=2**i, accuracy=a, accuracy_original=0.9, **rest, **zero) for i, a in enumerate(accuracies)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, [1]), (2, [1, 2]), (7, [1, 2, 4, 7]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])]
)
def test_times_are_doubled_up_to_the_last(steps: int, expected: list[int]) -> None:
    assert [moment.steps for moment in iso.curve(network(steps=steps), [(images(), None)])] == expected


def test_lossless_means_from_then_on() -> None:
    assert lossless(moments(0.5, 0.9, 0.8, 0.9, 0.95)) == 8
    assert lossless(moments(0.95, 0.9)) == 1
    assert lossless(moments(0.95, 0.8)) is None


@pytest.mark.parametrize("margin", [0.05, 0.3, 1.0, 1e9])
def test_leaving_early_is_what_was_foretold(margin: float) -> None:
    net, x = network(steps=32, neuron=IF(), normalise=Percentile(100)), images(50)
    (foretold,) = early(net, [(x, None)], [margin])
    trace = iso.simulate(net, x, iso.EarlyExit(margin=margin))
    out, steps, end = trace.readout, trace.steps, net(x)
    assert float(steps.double().mean()) == pytest.approx(foretold.mean_steps)
    assert float((out.argmax(1) != end.argmax(1)).double().mean()) == pytest.approx(foretold.changed)
    if margin == 1e9:
        assert torch.equal(out, end) and foretold.mean_steps == 32


def test_what_cannot_be_measured() -> None:
    with pytest.raises(InvalidData):
        iso.curve(network(), [])
    with pytest.raises(InvalidSetting):
        iso.curve(network(), [(images(), None)], at=[0, 4])
    with pytest.raises(InvalidSetting):
        iso.curve(iso.convert(Tiny().double(), images()), [(images(), None)])
    with pytest.raises(InvalidSetting):
        iso.EarlyExit(margin=0.0)
    assert len(list(itertools.chain(iso.curve(network(steps=6), [(images(), None)])))) == 4


def test_there_must_be_something_to_decide() -> None:
    one = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    net = iso.convert(one, torch.rand(5, 4).double(), iso.Rate(), input_range=(0.0, 1.0))
    with pytest.raises(InvalidSetting, match="no decision"):
        iso.simulate(net, torch.rand(5, 4).double(), iso.EarlyExit())
    with pytest.raises(InvalidSetting, match="whole window"):
        early(network(pool="window"), [(images(), None)], [1.0])
    with pytest.raises(InvalidSetting, match="every 0"):
        early(network(), [(images(), None)], [1.0], every=0)


def test_synapses_are_laid_out_once_for_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of VGG16 a sample goes through at a time, and its weights fill half a GB."""
    laid: list[object] = []
    real = walk.events
    monkeypatch.setattr(walk, "events", lambda chain, *more: laid.append(chain) or real(chain, *more))
    monkeypatch.setattr(sys.modules["isospike.measure.curve"], "together", lambda body: 2)
    layers = [nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(nn.Flatten(), *layers).double()
    net = iso.convert(model, images(), iso.Rate(steps=4), input_range=(0.0, 1.0))
    (moment,) = iso.curve(net, images(), model, at=[4])
    assert len(laid) == 1  # the second layer: the first hears a constant current, the read-out a sum
    out = iso.simulate(net, images()).readout
    assert moment.max_abs_error == pytest.approx(float((out - model(images()).detach()).abs().max()), rel=1e-9)
