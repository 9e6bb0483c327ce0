"""Every export proves itself: over the zoo it equals its network, spike by spike, or it says why there is none; a
wrong one shows."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

from exactness import graph_of
from isospike import ECTE, TTFS, EventDriven, Rate, SpikingNetwork, TimeSteps, WeightBits, constrain, convert
from isospike.errors import InvalidSetting
from isospike.export import EXPORTS, NIR, RTL, Exported, IntegerRates, Integers, ShiftAdd
from isospike.neurons import IF
from isospike.ranges import calibrate
from isospike.simulate import StepByStep
from isospike.train import units
from zoo import HIGH, LOW, ZOO, inputs

SUMS = "residual", "residual of the input", "residual, projected"
# Networks that an export must have a form for
PLAIN: dict[type[Exported], tuple[str, ...]] = {
    Integers: ("linear", "conv", "batch norm before relu", "max pool stride", "lenet 5", *SUMS),
    RTL: ("linear", "conv", "batch norm before relu"),
    ShiftAdd: ("units", "units, own thresholds", "units, convolutional", "units, no leak"),
    NIR: ("rate, linear", "rate, conv", "rate, average pool", "rate, residual"),
}
UNITS, RATES = PLAIN[ShiftAdd], (*PLAIN[NIR], "rate, max pool stride", "rate, lenet 5", "rate, concat, then pool")
PLAIN[IntegerRates] = RATES
WIDE = 2000  # synapses of a circuit


def of_units(name: str) -> tuple[SpikingNetwork, torch.Tensor]:
    """A network of units with random weights, and inputs."""
    torch.manual_seed(0)
    x = torch.rand(6, 1, 4, 4) * (torch.rand(6, 1, 4, 4) < 0.7)
    encoder = ECTE(levels=4, neighbours=2, spikes=2, segment=4, steps=40).fit(x)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6, bias=False))
    hidden = model.eval() if name.endswith("convolutional") else [12, 9]
    decay = 1.0 if name.endswith("no leak") else 0.8
    return units(encoder, hidden, 3, outputs=2, own=name.endswith("thresholds"), decay=decay), x


def of_rates(name: str) -> tuple[SpikingNetwork, torch.Tensor]:
    """A network of the zoo as rates of neurons that are reset to zero."""
    torch.manual_seed(0)
    model, shape = ZOO[name]()
    x = (inputs(shape, 6) - LOW) / (HIGH - LOW)  # from 0 on, as a padded border is
    return convert(
        model, x.float(), coding=Rate(steps=10, neuron=IF(reset="zero"), initial=0.0), input_range=(0, 1)
    ), x


def chip(name: str) -> tuple[SpikingNetwork, torch.Tensor]:
    """A network of the zoo with 16 ticks a window and weights of 6 bits."""
    if name in UNITS:
        return of_units(name)
    if name in RATES:
        return of_rates(name.removeprefix("rate, "))
    torch.manual_seed(0)
    model, shape = ZOO[name]()
    graph, x = graph_of(model.double(), shape), inputs(shape, 6)
    return constrain(TTFS().network(graph, calibrate(graph, [x])), [TimeSteps(16), WeightBits(6)], [x]), x


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.__name__)
@pytest.mark.parametrize("name", [*ZOO, *UNITS, *RATES])
def test_an_export_is_the_network_or_is_refused(export: type[Exported], name: str) -> None:
    network, x = chip(name)
    if export is NIR:
        pytest.importorskip("nir", reason="the package `nir` is not installed: pip install 'isospike[nir]'")
    try:
        found = export.of(network)
    except InvalidSetting as error:
        assert error.what and error.supported and error.remedy, error
        assert name not in PLAIN[export], error
        pytest.skip(str(error.what))
    if isinstance(found, RTL) and (wide := sum(layer.weights.size for layer in found.circuit.design.layers)) > WIDE:
        pytest.skip(f"{wide:,} synapses are too many for a simulator of Verilog, in a test")
    if isinstance(found, RTL) and not shutil.which("iverilog"):
        pytest.skip("there is no iverilog")
    slow = StepByStep() if network.body.steps else EventDriven()
    assert found.differing(x) == found.differing(x, slow) == 0
    other = SpikingNetwork(found.network.body.map_tensors(lambda path, t: t * 1.3 if path.endswith("weight") else t))
    assert type(found).differing(_with(found, other), x) > 0, "another network shows"


def _with(found: Exported, network: SpikingNetwork) -> Exported:
    return replace(found, network=network)  # type: ignore[type-var]
