"""Tuned networks come out as integers: the integer simulation sends the same spikes as floating point, to the last
one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from isospike import TTFS, EventDriven, Rate, TimeSteps, WeightBits, constrain, convert, simulate
from isospike.data import open_data
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.export import Integers
from isospike.zoo import lenet5

IMAGES = torch.cat(list(open_data("mnist-sample").first(200)))
LABELS = open_data("mnist-sample").first(200).labels
LENET = convert(lenet5(), IMAGES, TTFS(), (0.0, 1.0))


def tuned(network: SpikingNetwork, steps: int, bits: int, x: torch.Tensor) -> SpikingNetwork:
    return constrain(network, [TimeSteps(steps), WeightBits(bits)], [x])


@pytest.mark.parametrize("bits", [4, 8])
def test_the_same_spikes_in_integers_and_in_every_precision_and_simulator(bits: int) -> None:
    found = Integers.of(tuned(LENET, 16, bits, IMAGES))
    assert found.differing(IMAGES) == found.differing(IMAGES[:20], EventDriven()) == 0
    single = simulate(
        replace(found, network=Integers.of(tuned(LENET, 16, bits, IMAGES)).network.float()).network, IMAGES
    )
    for stage in found.network.stages[:-1]:
        ticks = single.codes[stage.name].double() / (stage.end - stage.begin) * 16
        assert torch.equal(ticks.round().long(), found(IMAGES)[stage.name])


def test_what_a_chip_holds() -> None:
    found = Integers.of(tuned(LENET, 16, 6, IMAGES))
    for stage in found.stages.values():
        assert stage.weights.dtype == stage.threshold.dtype == np.int64 and stage.gain >= 1
        if stage.stage.name != "8":  # its sources are single neurons, so that its grid is that of the weights
            assert stage.weights.data.min() >= -(2**5) and stage.weights.data.max() < 2**5
    assert all(
        int(code.min()) >= 0 and int(code.max()) <= 16
        for name, code in found(IMAGES).items()
        if name != found.network.stages[-1].name
    )


def test_integers_cost_little_beside_the_constraints_themselves() -> None:
    chip = tuned(LENET, 16, 6, IMAGES)
    found = Integers.of(chip)
    ours, theirs = found(IMAGES)[chip.stages[-1].name] * found.stages[chip.stages[-1].name].unit, chip(IMAGES)
    assert (
        float((ours.argmax(1) == LABELS).double().mean()) >= float((theirs.argmax(1) == LABELS).double().mean()) - 0.01
    )
    assert float((ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt()) < 0.05


def test_neurons_without_a_gate_are_refused() -> None:
    """Integers are worked out as the closed form is: they would not see a spike before its window."""
    body = tuned(LENET, 16, 6, IMAGES).body
    first = replace(body.stages[0], neuron=replace(body.stages[0].neuron, gated=False))
    with pytest.raises(InvalidSetting, match="not gated"):
        Integers.of(SpikingNetwork(replace(body, stages=(first, *body.stages[1:]))))


def test_average_pools_and_a_sum_of_one_unit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 144, 5),
    ).double()
    x = torch.rand(20, 1, 28, 28, dtype=torch.float64)
    found = Integers.of(tuned(convert(model, x, TTFS(), (0.0, 1.0)), 16, 5, x))
    assert found.differing(x) == 0


def test_what_is_not_whole_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="no clock"):
        Integers.of(LENET)
    with pytest.raises(InvalidSetting, match="fires step by step"):
        Integers.of(convert(lenet5(), IMAGES[:50], Rate()))
    with pytest.raises(InvalidSetting, match="no whole multiples"):
        Integers.of(constrain(LENET, [TimeSteps(16)], [IMAGES]))


def test_a_wrong_threshold_shows() -> None:
    found = Integers.of(tuned(LENET, 16, 6, IMAGES))
    next(iter(found.stages.values())).threshold[:] += 8
    assert found.differing(IMAGES[:20]) > 0


class Summed(nn.Module):
    """A hidden layer that hears another one through weights, and a third as it is."""

    def __init__(self, weighted: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(5, 5) for _ in range(4))
        self.short = nn.Linear(5, 5) if weighted else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = torch.relu(self.layers[0](x))
        second = torch.relu(self.layers[1](first))
        return self.layers[3](torch.relu(self.layers[2](second) + self.short(first)))


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of_unlike_ticks(weighted: bool) -> None:
    """Weights are scaled by at most 1/256, and what is left of the difference goes with the ticks."""
    torch.manual_seed(0)
    x = torch.rand(60, 5).double()
    network = convert(Summed(weighted).double().eval(), x, TTFS(), (0.0, 1.0))
    for steps, near in ((15, 0.1), (1023, 0.01)):
        chip = tuned(network, steps, 8, x)
        found = Integers.of(chip)
        assert found.differing(x) == found.differing(x, EventDriven()) == 0
        assert float((found.network(x) - chip(x)).norm() / chip(x).norm()) < near
    for before, after in zip(chip.stages[2].groups, found.network.stages[2].groups, strict=True):
        for one, other in zip(before.chain, after.chain, strict=True):
            ratio = other.weight / one.weight
            assert float((ratio - 1).abs().max()) <= 1 / 256 and float(ratio.max() - ratio.min()) < 1e-9


def test_a_sum_without_weights_is_refused() -> None:
    class Bare(Summed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first = torch.relu(self.layers[0](x))
            second = torch.relu(self.layers[1](first))
            return self.layers[3](torch.relu(second + first - 0.2))

    torch.manual_seed(0)
    x = torch.rand(60, 5).double()
    chip = tuned(convert(Bare().double().eval(), x, TTFS(), (0.0, 1.0)), 15, 8, x)
    with pytest.raises(InvalidSetting, match=r"no whole multiples of one another, without weights"):
        Integers.of(chip)
