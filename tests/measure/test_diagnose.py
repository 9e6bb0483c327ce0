"""A diagnosis adds up, and finds faults that were planted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.codings.normalise import Bounds, Normalise, Percentile
from isospike.codings.normalise.base import Made
from isospike.engine import Walk
from isospike.errors import InvalidData
from isospike.ir.graph import Graph
from isospike.measure import Finding
from isospike.measure.diagnose import parts
from isospike.neurons import IF, LIF, BurstIF, CountPool, SignedIF, Stepping, TernaryIF, WindowPool
from isospike.ranges import Ranges


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv1, self.conv2, self.head = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.Linear(32, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        return self.head(nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2).flatten(1))


@dataclass(frozen=True, eq=False)
class StepPool(WindowPool):
    """The fault of the field: the largest spike of each step."""

    whole: ClassVar = False

    def chosen(self, x: Tensor, counts: Tensor, state: object) -> Tensor:
        return self.pool(x.flatten(0, 1)).unflatten(0, x.shape[:2])


@dataclass(frozen=True)
class HalvedChannel(Normalise):
    """Channel 3 of the second layer is given half its range."""

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        found = Percentile(100).ranges(graph, calibration, made)
        high = dict(found.high)
        name = list(high)[1]
        high[name] = high[name].clone()
        high[name][3] /= 2
        return replace(found, high=high)


def images() -> Tensor:
    return torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(
    normalise: Normalise | None = None, neuron: Stepping | None = None, steps: int = 256
) -> iso.SpikingNetwork:
    return iso.convert(
        Net().double(),
        images(),
        iso.Rate(steps, neuron or SignedIF(), normalise or Percentile(100)),
        input_range=(0.0, 1.0),
    )


def findings(net: iso.SpikingNetwork) -> dict[str, Finding]:
    return {finding.name: finding for finding in iso.diagnose(net, [(images(), None)])}


def changed(net: iso.SpikingNetwork, place: int, **changes: object) -> iso.SpikingNetwork:
    stages = list(net.body.stages)
    stages[place] = replace(stages[place], neuron=replace(stages[place].neuron, **changes))
    return iso.SpikingNetwork(replace(net.body, stages=tuple(stages)))


@pytest.mark.parametrize(
    "neuron", [IF(), IF(reset="zero"), LIF(), TernaryIF(), BurstIF(), SignedIF()], ids=lambda n: type(n).__name__
)
def test_the_mechanisms_add_up(neuron: Stepping) -> None:
    net = network(Percentile(95), neuron, steps=21)
    walk = Walk(net.body, images())
    walk.advance(21)
    rates = {"input": images()} | {name: state.net / 21 for name, state in walk.states.items()}
    for stage in net.body.stages[:-1]:
        split = parts(stage, rates, rates[stage.name], 21)
        total = split["clipping"] + split["resolution"] + split["order"]
        assert torch.allclose(total, split["made"], rtol=0, atol=1e-12)


def test_a_healthy_network() -> None:
    for finding in findings(network(steps=4096)).values():
        assert finding.total <= 0.003 * finding.scale and finding.clipping <= 1e-3 * finding.scale


def test_errors_of_one_step_are_resolution_of_many_are_gone() -> None:
    few, many = (findings(network(steps=t)) for t in (4, 64))
    for name in list(few)[1:]:
        if few[name].made:
            assert few[name].resolution > few[name].clipping
            assert many[name].resolution < few[name].resolution / 4


@pytest.mark.parametrize("place", [0, 2])
def test_a_doubled_threshold(place: int) -> None:
    net = network()
    sick = changed(net, place, threshold=2 * net.body.stages[place].neuron.tensors()["threshold"])
    found = findings(sick)
    worst = max(found.values(), key=lambda f: f.made / f.scale)
    assert worst.name == net.stages[place].name and worst.clipping > 10 * worst.order
    assert "threshold is 2 times" in worst.advice
    assert sum("threshold" in finding.advice for finding in found.values()) == 1


def test_a_channel_of_half_its_range() -> None:
    found = findings(network(HalvedChannel()))
    worst = max(found.values(), key=lambda f: f.made / f.scale)
    assert worst.name == network().stages[2].name
    assert worst.worst[0][0] == 3 and worst.worst[0][2] == "clipping" and "saturate" in worst.advice


def test_a_pool_of_single_spikes() -> None:
    net = network()
    pool = net.body.stages[1].neuron
    assert isinstance(pool, CountPool)
    stages = list(net.body.stages)
    stages[1] = replace(stages[1], neuron=StepPool(pool.pool, pool.unit))
    found = findings(iso.SpikingNetwork(replace(net.body, stages=tuple(stages))))
    worst = max(found.values(), key=lambda f: f.made / f.scale)
    assert (
        worst.name == net.stages[1].name and worst.order > 0.2 * worst.scale and "pools single spikes" in worst.advice
    )
    assert findings(net)[worst.name].made == 0  # the right pool makes none


def test_nothing_to_diagnose() -> None:
    with pytest.raises(InvalidData):
        iso.diagnose(network(), [])


def test_the_originals_own_clips_are_no_error() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 9), nn.ReLU6(), nn.Linear(9, 9), nn.Hardtanh(0.0, 0.2), nn.Linear(9, 3)
    ).double()
    x = 8 * torch.rand(20, 6, dtype=torch.float64)
    net = iso.convert(model, x, iso.Rate(4096, SignedIF(), Bounds()), input_range=(0.0, 8.0))
    for finding in iso.diagnose(net, [(x, None)]):
        assert finding.total <= 2e-3 * finding.scale and not finding.advice


def test_what_no_time_mends() -> None:
    found = findings(network(neuron=IF(reset="zero")))
    assert all(
        "soft reset" in finding.advice for name, finding in found.items() if finding.made > 0.01 * finding.scale
    )
    leaking = findings(network(neuron=LIF(conductance=torch.tensor(3.0, dtype=torch.float64))))
    assert any("leak" in finding.advice for finding in leaking.values())
