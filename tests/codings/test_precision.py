"""In single precision a mapping is as exact as the ReLU network: what a neuron says may be small beside its window."""

import copy

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.codings.ttfs import MAPPINGS

DECADES = 4  # that the sizes of a layer's neurons span
FEW = 8  # times the ReLU network's own error


def uneven(seed: int) -> tuple[nn.Module, torch.Tensor]:
    """Three hidden layers whose neurons are of very different size, each heard as loudly as the others."""
    torch.manual_seed(seed)
    model, sizes = nn.Sequential(), torch.ones(20)
    for width in (30, 30, 30, 5):
        layer, own = nn.Linear(len(sizes), width), 10 ** (-DECADES * torch.rand(width))
        own = own if width > 5 else torch.ones(width)
        with torch.no_grad():
            layer.weight.mul_(2 * own[:, None] / sizes)
            layer.bias.mul_(own)
        model += nn.Sequential(layer, nn.ReLU()) if width > 5 else nn.Sequential(layer)
        sizes = own
    return model, torch.rand(64, 20)


@pytest.mark.parametrize("ramp_from", ["own", "previous", "input"])
@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("seed", range(3))
def test_small_activations_beside_long_windows(mapping: str, ramp_from: str, seed: int) -> None:
    model, x = uneven(seed)
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(x.double())
        own = (model(x) - expected).abs().max()
    network = iso.convert(model, x, iso.TTFS(mapping, ramp_from=ramp_from), (0.0, 1.0))
    for simulator in (iso.ClosedForm(), iso.EventDriven()):
        answer = iso.simulate(network, x, simulator).readout
        assert (answer - expected).abs().max() <= FEW * own, type(simulator).__name__
