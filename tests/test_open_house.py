"""What CONTRIBUTING promises: an operation, a neuron, a coding and an exporter from outside work everywhere, without a
change in the package."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatch
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.engine import advance, plain, start
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Population
from isospike.ir.ops.base import Route, Shape
from isospike.network import Body, Encoder, Group, Stage
from isospike.neurons.arithmetic import on, settled
from isospike.neurons.base import Drive, Neuron, Synapses
from isospike.neurons.stepping import Stepping, number
from isospike.ranges import Ranges
from isospike.simulate import StepByStep
from isospike.simulate.wiring import synapses


@dataclass(frozen=True, eq=False)
class Flip(Route):
    """An operation: reverses dimensions of the sample."""

    dims: tuple[int, ...]
    torch: ClassVar = {
        "aten.flip.default": lambda build, x, dims: build.affine(
            x, Flip(tuple(d % (len(x.shape) + 1) - 1 for d in dims))
        )
    }

    def linear(self, x: Tensor) -> Tensor:
        return x.flip([d + 1 for d in self.dims])


@dataclass(frozen=True, eq=False)
class Graded(Neuron):
    """A neuron: hands on a graded spike as large as its activation, clip(drive + bias, 0, high)."""

    bias: Tensor
    high: float

    def closed_form(self, drive: Drive) -> Tensor:
        return drive(self.bias).clamp(0, self.high)

    def event_driven(self, codes: np.ndarray, wiring: Synapses, shape: Shape) -> np.ndarray:
        v = np.tile(self.bias.double().expand(shape).reshape(-1).numpy(), (len(codes), 1))
        for b, j in zip(*np.nonzero(codes), strict=True):
            at = slice(wiring.indptr[j], wiring.indptr[j + 1])
            np.add.at(v[b], wiring.targets[at], wiring.weights[at] * codes[b, j])
        return v.clip(0, self.high)

    def value(self, code: Tensor) -> Tensor:
        return code


@dataclass(frozen=True, eq=False)
class Sum(Graded):
    """Its read-out: not rectified."""

    def closed_form(self, drive: Drive) -> Tensor:
        return drive(self.bias)

    def event_driven(self, codes: np.ndarray, wiring: Synapses, shape: Shape) -> np.ndarray:
        raw = Graded(self.bias, math.inf)
        return raw.event_driven(codes, wiring, shape) - Graded(-self.bias, math.inf).event_driven(
            -codes, wiring, shape
        )


@dataclass(frozen=True, eq=False)
class Plain(Encoder):
    """Its encoder: the input in [0, 1], as it is."""

    def encode(self, x: Tensor) -> Tensor:
        return (x - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Amplitude(iso.Coding):
    """A coding: one graded spike a neuron."""

    def body(self, graph: Graph, ranges: Ranges) -> Body:
        zero, stages = torch.zeros((), dtype=torch.float64), []
        for node in graph.nodes[1:]:
            bias = torch.zeros((1,) * len(node.shape), dtype=torch.float64) if node.op.bias is None else node.op.bias
            neuron = Graded(bias, node.op.high) if isinstance(node.op, Population) else Sum(bias, math.inf)
            groups = tuple(Group(name, chain, zero) for name, chain in zip(node.inputs, node.op.groups, strict=True))
            stages.append(Stage(node.name, node.shape, groups, neuron, zero, zero))
        encoder = Plain(graph.input.shape, graph.input_op.low, graph.input_op.high)
        return Body(encoder, tuple(stages), repr(self))


@singledispatch
def parameters(neuron: Neuron) -> dict[str, Any]:
    """An exporter, one rule a neuron model."""
    raise TypeError(type(neuron).__name__)


@parameters.register
def _(neuron: Graded) -> dict[str, Any]:
    return {"bias": neuron.bias.flatten().tolist()}


def export_netlist(network: iso.SpikingNetwork, path: Path) -> None:
    body = network.body
    rows = []
    for stage in body.stages:
        wiring = synapses(stage, body.shapes)
        rows.append(
            {
                "name": stage.name,
                **parameters(stage.neuron),
                "synapses": [wiring.indptr.tolist(), wiring.targets.tolist(), wiring.weights.tolist()],
            }
        )
    path.write_text(json.dumps(rows))


class Flipped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flip(torch.relu(self.conv(x)), [2, 3]).flatten(1))


def codings() -> Iterable[iso.Coding]:
    return (iso.TTFS(), iso.TTFS("fixed"), Amplitude())


@pytest.mark.parametrize("coding", codings(), ids=repr)
def test_the_house_opens_from_outside(coding: iso.Coding, tmp_path: Path) -> None:
    model, x = Flipped(), torch.rand(6, 1, 4, 4)
    network = iso.convert(model, x, coding, input_range=(0.0, 1.0), dtype=torch.float64)
    report = iso.check(model, network, x.double(), torch.zeros(6, dtype=torch.long))
    assert report.max_abs_error < 1e-12 and report.agreement == 1.0
    iso.save(network, tmp_path / "net.safetensors")
    again = iso.load(tmp_path / "net.safetensors")
    assert torch.equal(iso.simulate(again, x.double()).readout, iso.simulate(network, x.double()).readout)
    figures = iso.measure(again, [(x.double(), None)])
    assert figures["synaptic_operations"] > 0 and 0 < figures["spikes_per_neuron"] <= 1


def test_an_exporter_of_ones_own(tmp_path: Path) -> None:
    model, x = Flipped(), torch.rand(6, 1, 4, 4)
    network = iso.convert(model, x, Amplitude(), input_range=(0.0, 1.0), dtype=torch.float64)
    export_netlist(network, tmp_path / "net.json")
    rows = json.loads((tmp_path / "net.json").read_text())
    codes = x.double().flatten(1).numpy()
    for i, (row, shape) in enumerate(zip(rows, ((48,), (4,)), strict=True)):
        neuron = (Graded if i == 0 else Sum)(
            torch.tensor(row["bias"], dtype=torch.float64).repeat_interleave(shape[0] // len(row["bias"])), math.inf
        )
        codes = neuron.event_driven(codes, Synapses(*map(np.array, row["synapses"])), shape)
    assert np.abs(codes - model.double()(x.double()).detach().numpy()).max() < 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveIF(Stepping):
    """A neuron with two states: each spike raises its threshold by β, and the rise decays by the factor γ a step.

    V ← V + x(t),   A ← γ A;     if V ≥ θ + A:  one spike,  V ← V − θ,  A ← A + β
    """

    rise: Tensor = field(default_factory=number(0.3))
    decay: Tensor = field(default_factory=number(0.9))
    states: ClassVar = ("potential", "adaptation")

    def parameters(self) -> tuple[Tensor, ...]:
        return settled(self.threshold), self.threshold, self.rise * self.threshold, self.decay

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v, adaptation), (level, taken, rise, decay) = states, parameters
        v, adaptation = v + x, adaptation * decay
        s = on(v >= level + adaptation, v)
        return s, (v - s * taken, adaptation + s * rise)


def by_hand(neuron: AdaptiveIF, drives: list[float]) -> list[int]:
    v, adaptation, sent = 0.5, 0.0, []
    for x in drives:
        v, adaptation = v + x, adaptation * float(neuron.decay)
        sent.append(int(v >= 1 - 1e-9 + adaptation))
        v, adaptation = v - sent[-1], adaptation + sent[-1] * float(neuron.rise)
    return sent


def test_a_neuron_with_two_states_is_one_file(tmp_path: Path) -> None:
    """In the fused loop, the plain one, a network, the oracle, and a file."""
    neuron, drives = AdaptiveIF(), [0.7, 0.9, 0.8, 0.1, 0.9, 0.9, 0.9, 0.2, 1.4, 0.3]
    x = torch.tensor(drives, dtype=torch.float64).reshape(-1, 1, 1)
    expected = by_hand(neuron, drives)
    assert 3 < sum(expected) < sum(by_hand(AdaptiveIF(rise=torch.tensor(0.0)), drives)), "it adapts"
    for loop in (advance, plain):
        assert loop(neuron, x.clone(), start(neuron, x[0]), len(x)).flatten().int().tolist() == expected
    model, images = Flipped(), torch.rand(6, 1, 4, 4)
    network = iso.convert(
        model,
        images,
        iso.Rate(steps=24, neuron=AdaptiveIF(rise=torch.tensor(0.1))),
        input_range=(0.0, 1.0),
        dtype=torch.float64,
    )
    fast, slow = (iso.simulate(network, images.double(), simulator()) for simulator in (iso.Stepped, StepByStep))
    assert all(torch.equal(fast.trains[name], slow.trains[name]) for name in fast.trains) and torch.allclose(
        fast.readout, slow.readout, rtol=0, atol=1e-12
    )
    other = iso.convert(model, images, iso.Rate(steps=24), input_range=(0.0, 1.0), dtype=torch.float64)
    assert not torch.equal(iso.simulate(other, images.double()).readout, fast.readout)
    iso.save(network, tmp_path / "net.safetensors")
    assert torch.equal(iso.simulate(iso.load(tmp_path / "net.safetensors"), images.double()).readout, fast.readout)


@dataclass(frozen=True, eq=False, kw_only=True)
class Careless(AdaptiveIF):
    """Parameters that are plain numbers, and a step of torch's functions."""

    torched: bool = False

    def parameters(self) -> Any:
        return 1.0, 1.0, 0.3, 0.9

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        return torch.where(x > 0, x, x), states


class Plainly(Careless):
    step = staticmethod(AdaptiveIF.step)


def test_what_is_written_carelessly_works_or_is_said() -> None:
    drives = [0.7, 0.9, 0.8, 0.1, 0.9]
    x = torch.tensor(drives, dtype=torch.float64).reshape(-1, 1, 1)
    sent = advance(Plainly(), x.clone(), start(Plainly(), x[0]), len(x))
    assert sent.flatten().int().tolist() == by_hand(AdaptiveIF(), drives)
    with pytest.raises(iso.IsospikeError, match=r"step of Careless cannot be compiled[\s\S]*neurons.arithmetic"):
        advance(Careless(), x.clone(), start(Careless(), x[0]), len(x))
