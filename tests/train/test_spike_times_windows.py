"""Windows under training: they grow and never shrink, the function does not see it, and in the end they are tightened;
and whole loss curves."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import isospike as iso
from isospike.codings import TTFS
from isospike.data import Data, loader
from isospike.neurons import FirstSpikeIF
from isospike.train import SpikeTimes, fit, prepare
from zoo import HIGH, LOW, ZOO, inputs

NETWORKS = ("linear", "max pool stride", "residual", "batch norm after relu", "lenet 5", "clips")


def trainee_of(name: str, mapping: TTFS | None = None, mappable: bool = True) -> tuple[SpikeTimes, Tensor]:
    model, shape = ZOO[name]()
    x = inputs(shape, 16)
    return prepare(iso.convert(model.double(), x, mapping or TTFS(), (LOW, HIGH)), mappable=mappable), x


def windows(trainee: SpikeTimes) -> dict[str, float]:
    """By stage; only those that may grow."""
    stages = trainee.body().stages
    return {
        s.name: float(s.neuron.window) for s in stages if isinstance(s.neuron, FirstSpikeIF) and not s.neuron.clipped
    }


def caps(trainee: SpikeTimes) -> dict[str, float]:
    """By stage, the longest window that its rectifier has a use for: that of a ReLU6 is 6."""
    stages = [s for s in trainee.body().stages if isinstance(s.neuron, FirstSpikeIF)]
    return {
        s.name: float((s.neuron.window - s.neuron.gate).max()) if bool(s.neuron.gate.any()) else float("inf")
        for s in stages
    }


def leads(trainee: SpikeTimes, x: Tensor) -> dict[str, float]:
    """The largest lead of each stage."""
    codes = iso.simulate(trainee.network(), x).codes
    return {name: float(codes[name].max()) for name in windows(trainee)}


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_grow_and_never_shrink(name: str) -> None:
    trainee, x = trainee_of(name)
    before, reached = windows(trainee), leads(trainee, x)
    most = caps(trainee)
    expected = {stage: max(before[stage], min(trainee.growth * reached[stage], most[stage])) for stage in before}
    trainee.train()(x)
    outputs = trainee.eval()(x).detach()
    trainee.grow()
    assert windows(trainee) == pytest.approx(expected, rel=1e-9)
    grown = max((expected[stage] / before[stage] for stage in before if most[stage] == float("inf")), default=10 / 1.5)
    assert grown == pytest.approx(10 / 1.5, rel=1e-9)
    assert torch.allclose(trainee(x), outputs, rtol=0, atol=1e-12 * float(outputs.abs().max())), (
        "the function does not see it"
    )
    trainee.train()(x[:1] * 0)
    trainee.grow()
    assert windows(trainee) == pytest.approx(expected, rel=1e-9), "they never shrink"


def test_only_batches_that_are_trained_on_are_heeded() -> None:
    trainee, x = trainee_of("linear")
    before = windows(trainee)
    trainee.eval()(x)
    trainee.grow()
    assert windows(trainee) == before


def test_windows_that_clip_by_intent_stay() -> None:
    trainee, x = trainee_of("clips")
    trainee = prepare(trainee.network(), [iso.Latency(0.9)], [x])
    clipped = [
        float(s.neuron.window)
        for s in trainee.body().stages
        if isinstance(s.neuron, FirstSpikeIF) and s.name not in windows(trainee)
    ]
    assert clipped
    trainee.train()(x)
    trainee.grow()
    trainee.tighten([x])
    after = [
        float(s.neuron.window)
        for s in trainee.body().stages
        if isinstance(s.neuron, FirstSpikeIF) and s.name not in windows(trainee)
    ]
    assert after == clipped


@pytest.mark.parametrize("mappable", [True, False], ids=["slopes held", "ramps held"])
@pytest.mark.parametrize("name", NETWORKS)
def test_after_training_windows_are_tight_and_the_network_is_what_was_trained(name: str, mappable: bool) -> None:
    trainee, x = trainee_of(name, None if mappable else TTFS(mapping="fixed", alpha=1.0), mappable)
    optimizer = torch.optim.SGD(trainee.parameters(), lr=1e-3)
    trainee.train()
    for _ in range(3):
        optimizer.zero_grad()
        trainee.loss(x, torch.arange(16) % 3).backward()
        optimizer.step()
        trainee.grow()
    trainee.eval()
    grown, outputs = trainee.network(), trainee(x).detach()
    trainee.tighten([x])
    tight = trainee.network()
    scale = float(outputs.abs().max())
    assert tight.latency < grown.latency or not windows(trainee)
    for stage, reached in leads(trainee, x).items():
        assert reached == 0 or windows(trainee)[stage] == pytest.approx((1 + trainee.margin) * reached, rel=1e-9)
    for network in (grown, tight):
        assert float((network(x) - outputs).abs().max()) <= 1e-12 * scale
        assert float((iso.simulate(network, x, iso.EventDriven()).readout - outputs).abs().max()) <= 1e-9 * scale
        _assert_schedule(network)


def _assert_schedule(network: iso.SpikingNetwork) -> None:
    """A stage begins when the last of its sources ends; earlier ones are delayed until then."""
    end = {"input": float(network.body.encoder.end)}
    for stage in network.body.stages:
        last = max(end[group.source] for group in stage.groups)
        assert stage.neuron.relays or float(stage.begin) == pytest.approx(last)
        assert all(float(group.delay) == pytest.approx(last - end[group.source]) for group in stage.groups)
        if isinstance(stage.neuron, FirstSpikeIF):
            assert float(stage.end - stage.begin) == pytest.approx(float(stage.neuron.window))
        end[stage.name] = float(stage.end)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_every_loss_of_fifty_steps_is_the_relu_networks(optimizer: type[torch.optim.Optimizer]) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((80, 1, 8, 8), generator=generator, dtype=torch.float64)
    brightest = F.avg_pool2d(images, 4).flatten(1).argmax(1)
    batches = loader(Data("quadrants", images, brightest), 16, dtype=torch.float64)
    torch.manual_seed(2)
    layers = (
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 20),
        nn.ReLU(),
        nn.Linear(20, 20),
        nn.ReLU(),
        nn.Linear(20, 4),
    )
    model = nn.Sequential(*layers).double()
    trainee = prepare(iso.convert(model, images, TTFS(), (0.0, 1.0)))
    found: list[float] = []
    trained = fit(
        trainee,
        batches,
        10,
        optimizer=lambda p: optimizer(p, lr=1e-2),
        decay=0.9,
        seed=3,
        quiet=True,
        watch=found.append,
    )
    own = optimizer(model.parameters(), lr=1e-2)
    expected = []
    for epoch in range(10):
        torch.manual_seed(3 * 1_000_003 + epoch + 1)
        for step, (x, y) in enumerate(batches):
            own.param_groups[0]["lr"] = 1e-2 * 0.9 ** (epoch + step / 5)
            loss = F.cross_entropy(model(x), y)
            own.zero_grad()
            loss.backward()
            own.step()
            expected.append(float(loss.detach()))
    assert len(found) == 50 and found == pytest.approx(expected, rel=1e-9)
    assert sum(expected[-5:]) < 0.999 * sum(expected[:5])
    assert torch.allclose(trained(images), model(images), rtol=0, atol=1e-8)


def test_a_cap_stays_however_far_activations_grow() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU6(), nn.Linear(12, 3)).double().requires_grad_(False)
    x = torch.rand(64, 4, dtype=torch.float64)
    # Its activations are far below the cap, and so is its window
    trainee = prepare(iso.convert(model, x, TTFS(), (0.0, 1.0)))
    with torch.no_grad():
        model[0].weight.mul_(40)
        trainee.synapses["0/0"].mul_(40)
    assert float(model[0](x).max()) > 12
    for _ in range(3):
        trainee.loss(x, torch.zeros(64, dtype=torch.int64))
        trainee.grow()
    for found in (trainee(x), trainee.network()(x), iso.simulate(trainee.network(), x, iso.EventDriven()).readout):
        assert float((found - model(x)).detach().abs().max()) < 1e-12
