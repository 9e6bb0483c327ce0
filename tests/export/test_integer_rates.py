"""Networks of rates in integers: the same spikes as in floating point, of every layer and step, to the last one."""

import math
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isospike import METHODS, TTFS, Rate, SpikingNetwork, WeightBits, constrain, convert, load, save, simulate
from isospike.codings.normalise import Percentile, Unscaled
from isospike.data import open_data
from isospike.encoders import Bernoulli, ConstantCurrent, Poisson, RegularSpikes
from isospike.errors import InvalidSetting
from isospike.export import IntegerRates
from isospike.neurons import IF, LIF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.simulate import StepByStep, Stepped
from isospike.zoo import lenet5
from random_networks import Residual, random_network

IMAGES = torch.cat(list(open_data("mnist-sample").first(40)))
LENET = convert(lenet5(), IMAGES, Rate(32), (0.0, 1.0))
NEURONS: dict[str, Stepping] = {
    "soft": IF(),
    "late, which is soft without a leak": IF(reset="late"),
    "zero": IF(reset="zero"),
    "burst": BurstIF(),
    "burst, no limit": BurstIF(most=math.inf),
    "signed": SignedIF(),
    "signed, no limit": SignedIF(most=math.inf),
    "ternary": TernaryIF(),
    "ternary, plain rule": TernaryIF(level=1.0),
    "ternary, no limit": TernaryIF(most=math.inf),
    "ternary, a third, two spikes": TernaryIF(level=1 / 3, most=2),
}
ENCODERS = {"current": ConstantCurrent, "regular": partial(RegularSpikes, rate=1.0), "random": Bernoulli}


def mixed(rectifier: type[nn.Module], seed: int = 0) -> tuple[nn.Module, torch.Tensor]:
    """Convolutions, an average and a max pool, a sum with and one without weights; and inputs."""
    torch.manual_seed(seed)
    block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), rectifier(), nn.Conv2d(4, 4, 3, padding=1))
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), rectifier(), nn.AvgPool2d(2), Residual(block, 1.0), rectifier(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16, 5),
    )  # fmt: skip
    return model.eval(), torch.rand(8, 2, 8, 8)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", NEURONS)
def test_the_same_spikes_with_every_neuron(name: str, encoder: str) -> None:
    model, x = mixed(nn.ReLU)
    network = convert(model, x, Rate(20, NEURONS[name], encoder=ENCODERS[encoder]), (0.0, 1.0))
    found = IntegerRates.of(network)
    assert found.differing(x) == found.differing(x, StepByStep()) == found.differing(x, Stepped(seed=5)) == 0
    spikes = [found(x)[stage.name] for stage in network.stages[:-1]]
    assert all(0 < int((one != 0).sum()) < one.numel() for one in spikes)
    assert network.stages[0].neuron.signed == any(bool((one < 0).any()) for one in spikes) or "ternary" in name


@pytest.mark.parametrize("slope", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("level", [0.5, 1.0])
def test_negative_spikes_of_leaky_rectifiers(slope: float, level: float) -> None:
    model, x = mixed(partial(nn.LeakyReLU, slope))  # type: ignore[arg-type]  # called as a class is
    coding = Rate(20, TernaryIF(level=level), Percentile(99.9, "layer"))
    found = IntegerRates.of(convert(model, x, coding, (0.0, 1.0)))
    assert found.differing(x) == found.differing(x, StepByStep()) == 0
    assert any(bool((found(x)[stage.name] < 0).any()) for stage in found.network.stages[:-1])


@pytest.mark.parametrize("pool", ["online", "window"])
def test_lenet_answers_as_before(pool: str) -> None:
    network = convert(lenet5(), IMAGES, Rate(32, pool=pool), (0.0, 1.0))
    found = IntegerRates.of(network)
    assert found.differing(IMAGES) == 0 and found.word == 32
    sums = found(IMAGES)[network.stages[-1].name]
    values = sums * found.stages[network.stages[-1].name].unit / 32
    assert float((values - network(IMAGES)).norm() / network(IMAGES).norm()) < 0.1
    assert torch.equal(values.argmax(1), network(IMAGES).argmax(1))


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int) -> None:
    rng = random.Random(seed)
    model, shape = random_network(rng)
    torch.manual_seed(seed)
    x = torch.rand(4, *shape)
    neuron, encoder = rng.choice(list(NEURONS.values())), rng.choice(list(ENCODERS.values()))
    network = convert(model, x, Rate(12, neuron, encoder=encoder), (0.0, 1.0))
    try:
        found = IntegerRates.of(network, 6)
    except InvalidSetting as error:  # products of factors by neuron and weights
        assert "no whole multiples" in error.what and error.supported and error.remedy
        pytest.skip(error.what)
    assert found.differing(x) == 0


def whole_by_design(bits: int, neuron: Stepping, seed: int) -> tuple[SpikingNetwork, torch.Tensor]:
    """A network whose numbers are whole multiples of a unit as they are: weights and biases of eighths, θ = 1."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)).double().eval()
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), value.shape) / 8)
            value.view(-1)[0] = (2 ** (bits - 1) - 1) / 8
    x = torch.randint(0, 256, (20, 6)).double() / 255
    return convert(model, x, Rate(25, neuron, Unscaled(1.0)), (0.0, 1.0)), x


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("bits", [4, 8])
def test_numbers_that_are_whole_stay_as_they_are(bits: int, name: str) -> None:
    """Then the constrained network itself sends the same spikes, and not only the one that is handed back."""
    network, x = whole_by_design(bits, NEURONS[name], bits)
    own = constrain(network, WeightBits(bits))
    found = IntegerRates.of(own)
    trace, spikes = simulate(own, x, Stepped()), found(x)
    for stage, after in zip(own.stages[:-1], found.network.stages[:-1], strict=True):
        assert torch.equal(trace.trains[stage.name].long(), spikes[stage.name])
        unit = found.stages[stage.name].unit
        assert isinstance(stage.neuron, Stepping) and isinstance(after.neuron, Stepping)
        for one, other in (
            (stage.neuron.threshold, after.neuron.threshold),
            (stage.neuron.bias, after.neuron.bias),
        ):
            assert torch.allclose(one, other, rtol=0, atol=1e-6 * unit)
    last = own.stages[-1].name
    assert torch.equal((trace.readout * 25 / found.stages[last].unit).round().long(), spikes[last])


def by_hand(found: IntegerRates, x: torch.Tensor) -> dict[str, list[list[int]]]:
    """Spikes of each step and the read-out's sums of one sample through dense layers of `IF`, in Python's own integers
    and from the network's float weights."""
    spikes, kept = {"input": [[round(255 * float(value)) for value in x]] * found.network.body.steps}, "input"
    for stage in found.network.stages:
        unit = found.stages[stage.name].unit
        weight = (stage.groups[0].chain[-1].weight / unit).round().long().tolist()  # type: ignore[attr-defined]  # dense
        bias = (stage.neuron.current / unit).round().long().expand(stage.shape).tolist()  # type: ignore[operator]
        hidden = isinstance(stage.neuron, IF)
        level = round(float(stage.neuron.threshold) / unit) if isinstance(stage.neuron, IF) else 0
        v = [level // 2] * len(bias) if hidden else [0] * len(bias)
        spikes[stage.name] = []
        for arriving in spikes[kept]:
            v = [
                a + b + sum(w * s for w, s in zip(row, arriving, strict=True))
                for a, b, row in zip(v, bias, weight, strict=True)
            ]
            sent = [int(hidden and a >= level) for a in v]
            v = [a - s * level for a, s in zip(v, sent, strict=True)]
            spikes[stage.name].append(sent)
        kept = stage.name
        if not hidden:
            spikes[stage.name] = [v]
    return spikes


def test_in_python_s_own_integers() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)).eval()
    x = torch.rand(5, 6)  # the nearest of the input's levels is taken
    found = IntegerRates.of(convert(model, x, Rate(30), (0.0, 1.0)))
    spikes, last = found(x), found.network.stages[-1].name
    for i, sample in enumerate(x):
        for name, wanted in by_hand(found, sample).items():
            own = spikes[name][i][None] if name == last else spikes[name][:, i]
            assert own.tolist() == wanted


def test_what_a_chip_holds() -> None:
    found = IntegerRates.of(LENET, 6)
    odd = [stage.neuron.threshold % 2 for stage in found.stages.values() if stage.neuron is not None]
    assert any(map(np.any, odd)), "so that a half of some threshold is rounded"
    for stage in found.stages.values():
        size, least = np.abs(stage.weights.data), np.abs(stage.weights.data)[stage.weights.data != 0].min()
        assert size.max() / least <= 2**5, "weights of six bits, times a whole number"
        assert stage.weights.dtype == stage.current.dtype == np.int32
        if stage.neuron is not None:
            assert stage.neuron.threshold.dtype == stage.neuron.initial.dtype == np.int32
            assert np.array_equal(stage.neuron.initial, stage.neuron.threshold // 2)
            assert stage.neuron.threshold.min() >= 2**12
    for one, other in zip(LENET.stages, found.network.stages, strict=True):
        if isinstance(one.neuron, Stepping) and isinstance(other.neuron, Stepping):
            assert float((other.neuron.threshold - one.neuron.threshold).abs().max()) <= 2**-13
            assert float((other.neuron.bias - one.neuron.bias).abs().max()) <= 2**-13 + 1e-6


def test_a_kept_network_has_the_same_integers(tmp_path: Path) -> None:
    model, x = mixed(nn.ReLU)
    for bits in (4, 8):
        found = IntegerRates.of(convert(model, x, Rate(20, SignedIF()), (0.0, 1.0)), bits)
        save(found.network, tmp_path / f"{bits}.safetensors")
        again = IntegerRates.of(load(tmp_path / f"{bits}.safetensors"))
        assert again.stages.keys() == found.stages.keys() and len(again.network.body.constraints) == 1
        for name, stage in found.stages.items():
            own = again.stages[name]
            assert (own.weights != stage.weights).nnz == 0 and np.array_equal(own.current, stage.current)
            assert (own.word, own.neuron is None) == (stage.word, stage.neuron is None)
            if stage.neuron is not None and own.neuron is not None:
                assert np.array_equal(own.neuron.threshold, stage.neuron.threshold)
                assert np.array_equal(own.neuron.initial, stage.neuron.initial)


def driven(steps: int) -> tuple[IntegerRates, torch.Tensor]:
    """One hidden neuron that inputs of 1 drive far above its threshold, at every step."""
    model = nn.Sequential(nn.Linear(400, 1), nn.ReLU(), nn.Linear(1, 2)).double().eval()
    with torch.no_grad():
        model[0].weight.fill_(1.0)[0, 0] = 1 / 127
    x = torch.ones(2, 400, dtype=torch.float64)
    return IntegerRates.of(convert(model, x, Rate(steps, normalise=Unscaled(1.0)), (0.0, 1.0))), x


def test_the_word_is_long_enough_and_no_longer() -> None:
    """The weights are 127, but for one, so that the potential grows by 255 (399 · 127 + 1) − Θ a step."""
    for steps, word in ((160, 32), (170, 64)):
        found, x = driven(steps)
        own = found.stages["0"]
        assert own.neuron is not None and int(own.weights.sum()) == 399 * 127 + 1
        grown = steps * (255 * int(own.weights.sum()) - int(own.neuron.threshold[0]))
        assert grown < own.reach < 1.01 * grown and own.word == found.word == word
        assert (grown < 2**31) == (word == 32)
        assert found.differing(x) == 0
    weights, current, neuron = own.weights.astype(np.int32), own.current.astype(np.int32), own.neuron.in_words(32)
    short = {**found.stages, "0": replace(own, weights=weights, current=current, neuron=neuron)}
    assert replace(found, stages=short).differing(x) > 0, "a word that is too short shows"


def test_planted_errors_show() -> None:
    for what in ("threshold", "initial", "current", "weights"):
        found = IntegerRates.of(LENET)
        own = found.stages["4"]
        assert own.neuron is not None
        if what == "weights":
            own.weights.data[::100] //= 2
        elif what == "current":
            own.current[:] += own.neuron.threshold // 200
        else:
            getattr(own.neuron, what)[:] += own.neuron.threshold // 50
        assert found.differing(IMAGES) > 0, what


def test_bits_are_those_that_were_asked_for() -> None:
    own = constrain(LENET, WeightBits(4))
    for network, bits, wanted in ((LENET, None, 8), (LENET, 5, 5), (own, None, 4), (own, 3, 3)):
        found = IntegerRates.of(network, bits)
        last = found.network.body.constraints[-1]
        assert isinstance(last, WeightBits) and last.bits == wanted
        weights = found.stages["12"].weights.data
        assert len(np.unique(weights)) <= 2**wanted and len(np.unique(weights)) > 2 ** (wanted - 1)


@pytest.mark.parametrize(
    ("coding", "bits", "said"),
    [
        (Rate(8, LIF()), None, "`0` has LIF neurons, which have no form"),
        (METHODS["leaky"], None, "`0` has LIF neurons, which have no form"),
        (Rate(8, TernaryIF(most=1.5)), None, "up to 1.5 spikes a step"),
        (Rate(8, encoder=Poisson), None, "the input is a Poisson"),
        (Rate(8), 1, "weights of 1 bits"),
        (Rate(8), 17, "weights of 17 bits"),
        (TTFS(), None, "no time steps"),
    ],
)
def test_what_is_not_whole_is_refused(coding: Rate | TTFS, bits: int | None, said: str) -> None:
    network = convert(lenet5(), IMAGES[:20], coding, (0.0, 1.0))
    with pytest.raises(InvalidSetting, match=said) as refused:
        IntegerRates.of(network, bits)
    assert refused.value.supported and refused.value.remedy


def test_a_pool_at_the_input() -> None:
    """It hands on the levels of the input, and the weights behind it are divided by them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)).eval()
    x = torch.randint(0, 256, (6, 1, 8, 8)) / 255
    network = convert(model, x, Rate(50, SignedIF(most=math.inf)), (0.0, 1.0))
    found = IntegerRates.of(network, 12)
    assert found.differing(x) == 0
    assert float((found.network(x.double()) - network(x)).norm() / network(x).norm()) < 0.02


def test_few_weights_of_which_none_is_small() -> None:
    """1500, 1713 and 2047: their step is none that divides the smallest by a small number."""
    model = nn.Sequential(nn.Linear(3, 1), nn.ReLU(), nn.Linear(1, 1)).double().eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1500, 1713, 2047]]) / 2047)
    x = torch.rand(9, 3).double()
    found = IntegerRates.of(convert(model, x, Rate(20), (0.0, 1.0)), 12)
    weights = found.stages["0"].weights.data
    assert (weights * 2047 == np.array([1500, 1713, 2047]) * weights.max()).all() and found.differing(x) == 0


def test_thresholds_that_floating_point_cannot_tell_are_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)).eval()
    with torch.no_grad():
        model[0].weight.mul_(1e-3)
    x = torch.rand(9, 3)
    with pytest.raises(InvalidSetting, match=r"thresholds of stage `0` are \d[\d,]+ steps of its weights"):
        IntegerRates.of(convert(model, x, Rate(20, normalise=Unscaled(1.0)), (0.0, 1.0)), 16)


def test_words_that_no_chip_has_are_refused() -> None:
    """Each layer may send 10^4 times the spikes of the one before."""
    model = nn.Sequential(
        *[part for _ in range(5) for part in (nn.Linear(100, 100), nn.ReLU())], nn.Linear(100, 2)
    ).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(100.0)
    x = torch.rand(3, 100)
    network = convert(model, x, Rate(8, BurstIF(most=math.inf), Unscaled(1.0)), (0.0, 1.0))
    with pytest.raises(InvalidSetting, match=r"potentials of stage `\d+` may need \d+ bits") as refused:
        IntegerRates.of(network)
    assert "limit of spikes a step" in refused.value.remedy
