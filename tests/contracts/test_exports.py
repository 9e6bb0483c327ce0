"""Every export proves itself: over the zoo it equals its network, spike by spike, or it says why there is none; a
wrong one shows."""

from dataclasses import replace

import pytest
import torch

from exactness import graph_of
from isospike import TTFS, EventDriven, SpikingNetwork, TimeSteps, WeightBits, constrain
from isospike.errors import InvalidSetting
from isospike.export import EXPORTS, Exported
from isospike.ranges import calibrate
from zoo import ZOO, inputs

PLAIN = ("linear", "conv", "batch norm before relu", "max pool stride", "lenet 5")  # any export has a form for these


def chip(name: str) -> tuple[SpikingNetwork, torch.Tensor]:
    """A network of the zoo with 16 ticks a window and weights of 6 bits."""
    torch.manual_seed(0)
    model, shape = ZOO[name]()
    graph, x = graph_of(model.double(), shape), inputs(shape, 6)
    return constrain(TTFS().network(graph, calibrate(graph, [x])), [TimeSteps(16), WeightBits(6)], [x]), x


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.__name__)
@pytest.mark.parametrize("name", ZOO)
def test_an_export_is_the_network_or_is_refused(export: type[Exported], name: str) -> None:
    network, x = chip(name)
    try:
        found = export.of(network)
    except InvalidSetting as error:
        assert error.what and error.supported and error.remedy, error
        assert name not in PLAIN, error
        pytest.skip(str(error.what))
    assert found.differing(x) == found.differing(x, EventDriven()) == 0
    other = SpikingNetwork(found.network.body.map_tensors(lambda path, t: t * 1.3 if path.endswith("weight") else t))
    assert type(found).differing(_with(found, other), x) > 0, "another network shows"


def _with(found: Exported, network: SpikingNetwork) -> Exported:
    return replace(found, network=network)  # type: ignore[type-var]
