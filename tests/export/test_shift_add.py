"""Without multiplications: leaks as shifts, what whole numbers lose, and numbers that do not fit their words."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.export import ShiftAdd, shift_add
from isospike.export.shift_add import MEMORY, leak, left
from isospike.neurons import SNU, NearestPattern, ShiftPattern, ShiftSNU
from isospike.train import units


def network(**settings: Any) -> tuple[iso.SpikingNetwork, Tensor]:
    torch.manual_seed(0)
    x = torch.rand(40, 12) * (torch.rand(40, 12) < 0.7)
    encoder = iso.ECTE(levels=4, neighbours=2, spikes=2, segment=4, steps=40).fit(x)
    return units(encoder, [20, 15], 4, outputs=3, **settings), x


@pytest.mark.parametrize(
    ("decay", "shifts", "value"),
    [
        (0.8, (1, 2, 4), 0.8125),
        (1.0, (0, 63, 63), 1.0),
        (0.5, (1, 63), 0.5),
        (0.875, (1, 2, 3), 0.875),
        (0.0, None, 0.0),
    ],
)
def test_a_decay_is_the_nearest_sum_of_three_shifts(
    decay: float, shifts: tuple[int, ...] | None, value: float
) -> None:
    found = leak(decay)
    assert left(found) == pytest.approx(value, abs=2**-10) and len(found) == 3
    assert shifts is None or left(shifts) == pytest.approx(value)
    assert abs(MEMORY - 2.718281828 ** (-1 / 50)) < 3e-4


def test_leaks_distance_and_sigmoid_are_free_of_products() -> None:
    made, _ = network()
    changed = shift_add(made)
    *hidden, read = changed.stages
    assert all(isinstance(s.neuron, SNU) and float(s.neuron.decay) == 0.8125 for s in hidden)
    assert isinstance(read.neuron, NearestPattern) and read.neuron.order == 2 and read.neuron.table == 64
    assert float(read.neuron.decay) == pytest.approx(MEMORY)
    for a, b in zip(made.stages, changed.stages, strict=True):
        assert torch.equal(a.groups[0].chain[-1].weight, b.groups[0].chain[-1].weight)


def test_a_square_is_looked_up_or_the_distance_is_the_source_s() -> None:
    """By hand, from what the outputs say."""
    made, x = network()
    for changed in (shift_add(made), shift_add(made, order=1)):
        read = changed.stages[-1].neuron
        assert isinstance(read, NearestPattern) and read.arithmetic(())[1] == 0, "no product"
        trace = iso.simulate(changed, x)
        heard, target = torch.zeros_like(trace.trains[changed.stages[-1].name][0]).double(), 0.0
        distance, squared = (torch.zeros_like(trace.readout).double() for _ in range(2))
        for t, now in enumerate(trace.trains[changed.stages[-1].name].double()):
            heard, target = MEMORY * heard + now, MEMORY * target + read.targets[:, t].double()
            apart = (heard[:, None] - target).abs()
            distance += (apart if read.order == 1 else (2 * (apart // 0.25) + 1) ** 2).sum(2)
            squared += (apart**2).sum(2)
        assert torch.allclose(distance, -trace.readout.double(), rtol=1e-2)
        assert read.order == 1 or torch.allclose(distance * 0.125**2, squared, rtol=0.01)
    assert ShiftAdd.of(made, order=1).differing(x) == 0 == ShiftAdd.of(made).differing(x)
    with pytest.raises(InvalidSetting, match="order: 1, 2 or None"):
        shift_add(made, order=3)  # type: ignore[arg-type]
    for wrong in ({"order": 1, "square": 0.25}, {"square": -0.25}, {"square": math.nan}):
        with pytest.raises(InvalidSetting, match="a table of squares, with order=2"):
            replace(made.stages[-1].neuron, **wrong)


def test_whole_numbers_are_near_the_network_on_the_same_shifts() -> None:
    """With 16 bits few spikes differ; with fewer bits, more."""
    made, x = network()
    spikes = iso.simulate(shift_add(made), x).trains
    names = [stage.name for stage in made.stages[:-1]]
    off = {}
    for bits in (3, 8, 16):
        found = ShiftAdd.of(made, bits)(x)
        off[bits] = sum(int((found[name] != spikes[name]).sum()) for name in names)
    assert off[16] <= off[8] < off[3]
    assert off[16] <= 0.01 * sum(spikes[name].numel() for name in names)


def test_its_numbers_are_whole_and_its_file_answers_alike(tmp_path: Any) -> None:
    made, x = network(own=True)
    whole = ShiftAdd.of(made)
    for stage in whole.network.stages:
        assert isinstance(stage.neuron, ShiftSNU | ShiftPattern)
        for tensor in (stage.neuron.threshold, *(step.weight for step in stage.groups[0].chain if step.weighted)):
            assert torch.equal(tensor, tensor.round())
    iso.save(whole.network, tmp_path / "whole.safetensors")
    assert torch.equal(iso.load(tmp_path / "whole.safetensors")(x.double()), whole.network(x.double()))
    assert whole.differing(x) == 0


def test_a_floor_is_a_floor_below_zero() -> None:
    """Shifts of negative numbers round down, in the network as in whole numbers."""
    steps = torch.tensor([-3.0, 0.0, 0.0, 5.0, 0.0], dtype=torch.float64).reshape(5, 1, 1)
    neuron = ShiftSNU(threshold=torch.tensor(100.0, dtype=torch.float64))
    kept, expected = 0, []
    for x in steps.flatten().int().tolist():
        kept = (kept >> 1) + (kept >> 2) + (kept >> 4) + x
        expected.append(kept)
    states, found = (torch.zeros(1, 1, dtype=torch.float64),), []
    for x in steps:
        _, states = ShiftSNU.step(states, x, neuron.parameters())
        found.append(int(states[0]))
    assert found == expected and min(expected) < 0


def test_what_has_no_such_form_is_refused() -> None:
    made, x = network()
    for bits in (1, 17):
        with pytest.raises(InvalidSetting, match="2 to 16 bits"):
            ShiftAdd.of(made, bits)
    with pytest.raises(InvalidSetting, match="bits: a whole number"):
        ShiftAdd.of(made, 8.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match=r"3 shifts from 0 to 12, or 63"):
        ShiftSNU(shifts=(1, 2))
    relu = iso.convert(nn.Sequential(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 2)), x)
    for refused in (shift_add, ShiftAdd.of):
        with pytest.raises(InvalidSetting, match=r"export\.Integers"):
            refused(relu)
        with pytest.raises(InvalidSetting, match="a network of ShiftPattern, ShiftSNU"):
            refused(ShiftAdd.of(made).network)
        with pytest.raises(InvalidSetting, match=r"a leak of 0.95 would become 0.875|a leak of 0.95 would become 1"):
            refused(network(decay=0.95)[0])
        with pytest.raises(InvalidSetting, match=r"a filter of 0.9 would become 0.9805"):
            refused(network(memory=0.9)[0])
    whole = ShiftAdd.of(made, 16)
    huge = replace(whole, weights={name: w * 2**20 for name, w in whole.weights.items()})
    with pytest.raises(InvalidSetting, match="too large for a word of 32 bits"):
        huge(x)
