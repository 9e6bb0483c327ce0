"""The contract of every constraint: none at its ideal limit, more the farther from it, alike in both simulators, in
training and after."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from exactness import graph_of
from isospike.codings import TTFS, Rate
from isospike.constraints import (
    Constraint,
    Latency,
    SlopeMismatch,
    SpikeJitter,
    TimeSteps,
    WeightBits,
    WeightNoise,
    constrain,
    reseeded,
)
from isospike.convert import convert
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidData, InvalidSetting
from isospike.network import total, trained_maps
from isospike.neurons import IF, FirstSpikeIF, Stepping, TernaryIF
from isospike.ranges import calibrate
from isospike.simulate import EventDriven, Stepped, simulate
from isospike.train import SpikeTimes
from simulate_by_hand import dense, unit_graph
from zoo import ZOO, inputs


@dataclass(frozen=True)
class Contract:
    """A constraint by its size, 0 being none: the ideal limit and the relative error there, then larger and larger
    sizes."""

    make: Callable[[float, int], Constraint]
    ideal: float
    error: float
    sizes: tuple[float, ...]


NOISE = (0.0, 1e-12, (1e-6, 1e-4, 1e-2))
CONTRACTS: dict[str, Contract] = {
    "SpikeJitter": Contract(SpikeJitter, *NOISE),
    "SlopeMismatch": Contract(SlopeMismatch, *NOISE),
    "WeightNoise": Contract(WeightNoise, *NOISE),
    "TimeSteps": Contract(lambda size, _: TimeSteps(round(1 / size), 1.0), 2**-30, 1e-7, (2**-16, 2**-11, 2**-6)),
    "WeightBits": Contract(
        lambda size, _: WeightBits(round(-torch.tensor(size).log2().item()), 0.0),
        2**-24,
        1e-5,
        (2**-16, 2**-10, 2**-5),
    ),
    "Latency": Contract(lambda size, _: Latency(1 - size, 0.0), 0.0, 1e-12, (0.02, 0.1, 0.2)),
}
CASES = ("linear", "conv padding", "max pool stride", "residual, projected")
LASTING = (Latency(0.9), TimeSteps(8, 0.95), WeightBits(4))


@cache
def case(name: str) -> tuple[SpikingNetwork, Tensor, Tensor]:
    """A network of the zoo, inputs, and what it answers."""
    model, shape = ZOO[name]()
    graph, x = graph_of(model, shape), inputs(shape, 24)
    return TTFS().network(graph, calibrate(graph, [x])), x, graph(x)


def made(contract: Contract, size: float, seed: int = 0) -> Constraint:
    return contract.make(size, seed)


def everything(seed: int = 0) -> list[Constraint]:
    """One of each."""
    return [*LASTING, WeightNoise(0.01, seed), SlopeMismatch(0.01, seed + 1), SpikeJitter(0.02, seed + 2)]


def distance(a: Tensor, b: Tensor) -> float:
    """rms(a − b) / rms(b)."""
    return float((a - b).square().mean().sqrt() / b.square().mean().sqrt())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", CONTRACTS)
def test_it_vanishes_in_its_limit_and_grows_away_from_it(kind: str, name: str) -> None:
    contract, (network, x, exact) = CONTRACTS[kind], case(name)
    errors = [
        distance(constrain(network, [made(contract, size)], [x])(x), exact)
        for size in (contract.ideal, *contract.sizes)
    ]
    assert errors[0] <= contract.error
    assert errors == sorted(set(errors)), errors
    assert errors[-1] > 1e-4, "at its largest size it must be seen"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [*CONTRACTS, "everything"])
def test_both_simulators_see_the_same_hardware(kind: str, name: str) -> None:
    network, x, _ = case(name)

    def chip() -> SpikingNetwork:
        return constrain(
            network, everything() if kind == "everything" else [made(CONTRACTS[kind], CONTRACTS[kind].sizes[-1])], [x]
        )

    closed, events = simulate(chip(), x), simulate(chip(), x, EventDriven())
    assert float((closed.readout - events.readout).abs().max()) <= 1e-9 * float(closed.readout.abs().max())
    for stage in network.stages[:-1]:
        assert float((closed.codes[stage.name] - events.codes[stage.name]).abs().max()) <= 1e-9


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_made_alike_is_not_made_up_for(name: str) -> None:
    """Noise of weights leaves ramps, mismatch leaves weights: slopes follow."""
    network = case(name)[0]
    noisy, mismatched = constrain(network, [WeightNoise(0.05, 0)]), constrain(network, [SlopeMismatch(0.05, 0)])
    for before, weights, ramps in zip(network.stages, noisy.stages, mismatched.stages, strict=True):
        for one, other, same in zip(*map(trained_maps, (before, weights, ramps)), strict=True):
            off = (other.weight - one.weight) / one.weight.abs().max()
            assert 0.03 < float(off.std()) < 0.08 and torch.equal(same.weight, one.weight)
        if isinstance(before.neuron, FirstSpikeIF):
            assert torch.allclose(weights.neuron.ramp, before.neuron.ramp, atol=1e-12)
            assert torch.allclose(
                weights.neuron.slope, weights.neuron.ramp + total(weights, network.body.shapes), atol=1e-12
            )
            assert not torch.allclose(weights.neuron.slope, before.neuron.slope, atol=1e-6)
            assert torch.allclose(
                ramps.neuron.ramp - before.neuron.ramp, ramps.neuron.slope - before.neuron.slope, atol=1e-12
            )
            assert 0.02 < float((ramps.neuron.ramp - before.neuron.ramp).std()) < 0.1


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("constraint", [*LASTING, None], ids=lambda c: type(c).__name__)
def test_a_lasting_constraint_acts_once(constraint: Constraint | None, name: str, tmp_path) -> None:
    network, x, exact = case(name)
    constraints = LASTING if constraint is None else [constraint]
    once = constrain(network, constraints, [x])
    assert distance(once(x), exact) > 1e-3
    assert distance(constrain(once, constraints, [x])(x), once(x)) < 1e-9
    save(once.float(), tmp_path / "chip")
    kept = load(tmp_path / "chip")
    assert distance(constrain(kept, constraints, [x.float()])(x.float()), kept(x.float())) < 1e-5


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_lasting_constraints_does_not_matter(name: str) -> None:
    network, x, _ = case(name)
    first, *others = [constrain(network, order, [x])(x) for order in itertools.permutations(LASTING)]
    assert all(distance(other, first) < 1e-9 for other in others)
    assert distance(constrain(network, LASTING[:2], [x])(x), first) > 1e-3, "each does something"


def test_a_window_that_clips_already_is_left_alone() -> None:
    network, x, _ = case("clips")
    chip = constrain(network, [Latency(0.5, 0.0), TimeSteps(16, 0.5)], [x])
    spans = [(before.neuron.clipped, before.end - before.begin, after.end - after.begin)
             for before, after in zip(network.stages, chip.stages, strict=True) if isinstance(before.neuron, FirstSpikeIF)]  # fmt: skip
    assert {clipped for clipped, _, _ in spans} == {True, False}
    for clipped, before, after in spans:
        assert torch.isclose(before, after) if clipped else after < before


def test_latency_is_the_share_with_a_margin_for_images() -> None:
    """On the leads of the unconstrained network; a pool takes over its source's window."""
    for name, factor in (("max pool stride", 1.25), ("linear", 1.0)):
        network, x, _ = case(name)
        chip, codes = constrain(network, [Latency(0.8, 0.25)], [x]), simulate(network, x).codes
        for stage in chip.stages[:-1]:
            if isinstance(stage.neuron, FirstSpikeIF):
                expected = factor * float(torch.quantile(codes[stage.name], 0.8))
                assert (
                    float(stage.end - stage.begin) == pytest.approx(expected) and expected > 0 and stage.neuron.clipped
                )
        assert chip.latency < network.latency


@pytest.mark.parametrize("name", [*CASES, "clips"])
@pytest.mark.parametrize(
    "make", [lambda: list(LASTING), everything, lambda: [SpikeJitter(0.1, 0)]], ids=["lasting", "everything", "jitter"]
)
def test_training_and_simulation_see_the_same_network(name: str, make: Callable[[], list[Constraint]]) -> None:
    network, x, exact = case(name)
    chip = constrain(network, make(), [x])
    trainee = SpikeTimes(network, make(), [x]).eval()
    first = trainee(x).detach()
    assert distance(first, chip(x)) < 1e-9
    assert distance(first, exact) > 1e-3


@pytest.mark.parametrize("name", [*CASES, "clips"])
@pytest.mark.parametrize(
    "constraints", [*((c,) for c in LASTING), LASTING, ()], ids=lambda cs: "+".join(type(c).__name__ for c in cs)
)
def test_what_lasts_is_in_the_trained_network(name: str, constraints: tuple[Constraint, ...]) -> None:
    network, x, _ = case(name)
    chip, trained = constrain(network, constraints, [x]), SpikeTimes(network, constraints, [x]).network()
    assert distance(trained(x), chip(x)) < 1e-9
    assert trained.latency == pytest.approx(chip.latency)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SpikeJitter, (-0.1,)), (SpikeJitter, (float("inf"),)), (SlopeMismatch, (float("nan"),)), (WeightNoise, (-1e-9,)), (TimeSteps, (0,)),
        (TimeSteps, (4, 1.1)), (Latency, (0.0,)), (Latency, (0.9, -0.1)), (WeightBits, (1,)), (WeightBits, (25,)), (WeightBits, (4, 0.5)),
    ],
)  # fmt: skip
def test_bad_settings(kind: type[Constraint], settings: tuple[float, ...]) -> None:
    with pytest.raises(InvalidSetting):
        kind(*settings)


def test_what_cannot_be_constrained() -> None:
    network, x, _ = case("linear")
    graph = unit_graph(dense(6, 5, 3), (6,))
    rate = Rate().network(graph, calibrate(graph, [torch.rand(9, 6, dtype=torch.float64)]))
    for name, contract in CONTRACTS.items():
        if not (constraint := made(contract, contract.sizes[0])).stepwise:
            with pytest.raises(InvalidSetting, match=f"{name} has no meaning .* step by step"):
                constrain(rate, [WeightBits(4), constraint], [x])
    for needy in (Latency(0.9), TimeSteps(4)):
        with pytest.raises(InvalidData, match="no sample"):
            constrain(network, [needy])
    with pytest.raises(InvalidSetting, match="8 ticks already"):
        constrain(constrain(network, [TimeSteps(8)], [x]), [TimeSteps(4)], [x])
    with pytest.raises(InvalidSetting, match="not fitted to any input"):
        SpikeTimes(network, [TimeSteps(8)])(x)


@pytest.mark.parametrize("neuron", [IF(), TernaryIF()], ids=lambda neuron: type(neuron).__name__)
def test_weights_of_a_network_of_steps_are_those_of_the_hardware(neuron: Stepping, tmp_path: Path) -> None:
    x = torch.rand(9, 6, dtype=torch.float64)
    rate = convert(dense(6, 5, 3).double(), x, coding=Rate(steps=32, neuron=neuron))
    weights = [[one.weight for one in trained_maps(stage)] for stage in rate.stages]

    few = constrain(rate, WeightBits(3, 0.0))
    for stage, before in zip(few.stages, weights, strict=True):
        for after, weight in zip(trained_maps(stage), before, strict=True):
            d = max(-float(weight.min()) / 4, float(weight.max()) / 3)
            torch.testing.assert_close(after.weight, (weight / d).round().clamp(-4, 3) * d, rtol=0, atol=1e-12)
    noisy = constrain(rate, WeightNoise(0.1, seed=5))
    for stage, before in zip(noisy.stages, weights, strict=True):
        for after, weight in zip(trained_maps(stage), before, strict=True):
            off = (after.weight - weight) / weight.abs().max()
            assert 0.05 < float(off.std()) < 0.15

    for hardware in (few, noisy):
        assert not torch.equal(hardware(x), rate(x))
        save(hardware, path := tmp_path / "rate.safetensors")
        assert torch.equal(load(path)(x), hardware(x))
        assert len(load(path).body.constraints) == 1
        assert torch.equal(simulate(hardware, x, Stepped()).readout, hardware(x))


def test_whole_weights_of_a_network_of_steps_stay_in_single_precision_and_with_pools() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 2),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(12, 3),
    )
    x = torch.rand(9, 1, 8, 8)
    few = constrain(convert(model, x, coding=Rate(steps=32)), WeightBits(5))
    for one, other in zip(few.stages, constrain(few, WeightBits(5)).stages, strict=True):
        for weight, again in zip(trained_maps(one), trained_maps(other), strict=True):
            torch.testing.assert_close(again.weight, weight.weight, rtol=1e-6, atol=0)
            assert len(weight.weight.unique()) <= 32
    assert torch.equal(simulate(few, x, Stepped()).readout, few(x))


def test_another_draw_is_of_what_is_random_alone() -> None:
    before = [SpikeJitter(0.1, seed=3), TimeSteps(8), WeightNoise(0.2), WeightBits(4), SlopeMismatch(0.1)]
    after = [
        SpikeJitter(0.1, seed=7),
        TimeSteps(8),
        WeightNoise(0.2, seed=7),
        WeightBits(4),
        SlopeMismatch(0.1, seed=7),
    ]
    assert list(map(repr, reseeded(before, 7))) == list(map(repr, after))
    assert repr(reseeded([Dead(0.1, seed=1)], 7)) == "[Dead(share=0.1, seed=7)]", "of any that has a seed"


@dataclass(frozen=True)
class Dead(Constraint):
    """Somebody's own, random, and no `Noise`."""

    share: float
    seed: int = 0  # type: ignore[assignment]  # a field where the base has a property
