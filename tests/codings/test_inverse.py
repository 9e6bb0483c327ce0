"""The inverse map gives back the ReLU network: the original's values on every input, its weights, and those of a
network that was trained in spike times."""

import copy
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import isospike as iso
from exactness import FAMILY, graph_of
from isospike.activations import QCFS
from isospike.codings import inverse
from isospike.constraints import DoubleExponential
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidModel, InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine
from isospike.neurons import FirstSpikeIF
from isospike.ranges import calibrate, certify
from random_networks import random_network
from zoo import HIGH, LOW, ZOO, inputs

LIMIT = 1e-10  # relative to the largest output


def images(count: int = 12) -> Tensor:
    return torch.rand(count, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def small(rectifier: nn.Module | None = None) -> nn.Sequential:
    """Batch norm before the rectifier, a padded convolution with a stride, a max pool, and two dense layers."""
    torch.manual_seed(5)
    act = rectifier or nn.ReLU()
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        act,
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3, padding=1, stride=2),
        act,
        nn.Flatten(),
        nn.Linear(12, 6),
        act,
        nn.Linear(6, 5),
    )
    nn.init.uniform_(model[1].running_mean, -0.3, 0.3)
    nn.init.uniform_(model[1].running_var, 0.5, 2.0)
    return model.double().eval()


def network(coding: iso.TTFS, model: nn.Module | None = None) -> SpikingNetwork:
    return iso.convert(model or small(), images(), coding, (0.0, 1.0))


def off(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max()) / (float(expected.abs().max()) or 1.0)


def round_trip(model: nn.Module, shape: tuple[int, ...]) -> None:
    """The model's values come back from every mapping, also where activations exceed the calibrated windows."""
    graph, x = graph_of(model, shape), inputs(shape, 6, seed=2)
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(x.clone())
        if graph.notes:  # of a soft-max, which import takes off
            expected = graph(x)
        measured = calibrate(graph, [inputs(shape, 8, seed=0)])
        for name, coding in FAMILY.items():
            ranges = certify(graph) if coding.windows == "certified" else measured
            again = inverse(coding.network(graph, ranges))
            assert off(again(x), expected) <= LIMIT, name


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo(name: str) -> None:
    round_trip(*ZOO[name]())


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_networks(rng: random.Random) -> None:
    round_trip(*random_network(rng))


@pytest.mark.parametrize(
    "coding",
    [
        iso.TTFS(),
        iso.TTFS("fixed", ramp_from="previous", alpha=2.0, tau=1.5),
        iso.TTFS("dynamic", ramp_from="previous"),
        iso.TTFS(scale="channel"),
    ],
    ids=str,
)
def test_weights_come_back(coding: iso.TTFS) -> None:
    """Those of the original, with batch norm folded in, layer by layer; also where rows had been rescaled."""
    made = network(coding)
    again, original = inverse(made), iso.Conversion(small(), images(), (0.0, 1.0)).exact()
    for one, other in zip(affine(again), affine(original), strict=True):
        for mine, theirs in zip(one.groups, other.groups, strict=True):
            assert [type(step) for step in mine] == [type(step) for step in theirs]
            for a, b in zip(mine, theirs, strict=True):
                for name, tensor in a.tensors().items():
                    assert off(tensor, b.tensors()[name]) <= LIMIT
        bias = torch.zeros(()) if other.bias is None else other.bias
        assert off(*torch.broadcast_tensors(one.bias, bias.double())) <= LIMIT


def affine(graph: Graph) -> list[Affine]:
    return [node.op for node in graph if isinstance(node.op, Affine)]


@pytest.mark.parametrize("mappable", [True, False])
def test_a_trained_network(mappable: bool) -> None:
    """Synapses and thresholds that no ReLU network was mapped to, with slopes that training changed."""
    trainee = iso.train.prepare(network(iso.TTFS("fixed", delta=0.5, lowest_sum=1.0)), mappable=mappable)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in trainee.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, dtype=parameter.dtype, generator=generator)
        trainee(images())
        trainee.grow()
    trained = trainee.network()
    slopes = [stage.neuron.slope for stage in trained.stages if isinstance(stage.neuron, FirstSpikeIF)]
    assert mappable or any(bool((slope - slope.mean()).abs().max() > 1e-3) for slope in slopes)
    answered = iso.simulate(trained, images(), iso.EventDriven()).readout
    assert off(inverse(trained)(images()), answered) <= LIMIT
    with torch.no_grad():
        assert off(small()(images()), answered) > 1e-3  # it is another network than before


def test_it_can_be_converted_again() -> None:
    first = network(iso.TTFS("fixed"))
    second = iso.convert(inverse(first), images(), iso.TTFS("identical"), (0.0, 1.0))
    with torch.no_grad():
        assert off(iso.simulate(second, images(), iso.EventDriven()).readout, small()(images())) <= LIMIT


@pytest.mark.parametrize("mapping", ["identical", "fixed"])
def test_caps(mapping: str) -> None:
    """A cap that the data reach is given back, and one that they do not, and that windows cut short."""
    for scale in (1.0, 40.0):
        model = small(nn.ReLU6())
        with torch.no_grad():
            model[0].weight *= scale
            model[0].bias *= scale
        made = network(iso.TTFS(mapping), model)  # type: ignore[arg-type]
        with torch.no_grad():
            assert off(inverse(made)(99 * images()), model(99 * images())) <= LIMIT  # windows are far exceeded
        for constraint in (iso.Latency(0.9), iso.TimeSteps(8)):
            short = iso.constrain(network(iso.TTFS(), model), constraint, images())
            assert off(inverse(short)(images()), iso.simulate(short, images(), iso.EventDriven()).readout) <= LIMIT


def test_a_clock_becomes_a_staircase() -> None:
    model = small(QCFS(8)).double()
    made = network(iso.TTFS(), model)
    with torch.no_grad():
        assert off(inverse(made)(images()), model(images())) <= LIMIT


def test_hardware_that_changes_parameters_only() -> None:
    for constraint in (iso.WeightBits(6), iso.SlopeMismatch(0.01), iso.WeightNoise(0.01)):
        made = iso.constrain(network(iso.TTFS()), constraint, images())
        answered = iso.simulate(made, images(), iso.EventDriven()).readout
        assert off(inverse(made)(images()), answered) <= LIMIT


def test_what_no_relu_network_equals() -> None:
    steep = iso.constrain(network(iso.TTFS()), iso.SlopeMismatch(3.0), images())
    refused = {
        "disturbs its spikes": iso.constrain(network(iso.TTFS()), iso.SpikeJitter(0.1), images()),
        "slope that is not positive": steep,
        "held at different activations": iso.constrain(network(iso.TTFS(scale="channel")), iso.Latency(0.9), images()),
        "DoubleExponentialIF": DoubleExponential(100.0)(network(iso.TTFS())),
        "encoded by ConstantCurrent": iso.convert(small(), images(), iso.Rate(8), (0.0, 1.0)),
    }
    for words, made in refused.items():
        with pytest.raises(InvalidSetting, match=words) as found:
            inverse(made)
        assert found.value.supported and found.value.remedy
    with pytest.raises(InvalidModel, match="inverse: the network is a Sequential"):
        inverse(small())  # type: ignore[arg-type]


def test_the_input_range_comes_back() -> None:
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double(), inputs((3,))
    made = iso.convert(model, x, iso.TTFS(), (LOW, HIGH))
    with torch.no_grad():
        assert off(inverse(made)(x), model(x)) <= LIMIT


@pytest.mark.parametrize("mapping", ["identical", "fixed", "dynamic"])
def test_caps_and_clocks_of_single_precision(mapping: str) -> None:
    """Rounding makes neither caps that differ nor gates."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU6(), nn.Linear(8, 4)).eval()
    x = torch.rand(64, 6)
    network = iso.convert(model, 9 * x, iso.TTFS(mapping), input_range=(0.0, 9.0))  # type: ignore[arg-type]
    assert torch.allclose(inverse(network)(9 * x.double()), model.double()(9 * x.double()), rtol=0, atol=1e-4)
    exact = iso.convert(model, x.double(), iso.TTFS(mapping))  # type: ignore[arg-type]
    clocked = iso.constrain(exact, [iso.Latency(0.95), iso.TimeSteps(8)], x.double())
    assert torch.allclose(inverse(clocked)(x.double()), clocked(x.double()), rtol=0, atol=1e-9)
