"""The clocked identity: a network trained with quantised rectifiers runs as first spikes on a clock with no error at
all."""

import pytest
import torch
from torch import nn

from isospike import TTFS, Clocked, ClosedForm, EventDriven, check, convert, simulate
from isospike.activations import QCFS, ClampQuantise
from isospike.data import open_data
from isospike.errors import InvalidSetting
from isospike.zoo import lenet5

IMAGES = torch.cat(list(open_data("mnist-sample").first(100))).double()


def quantised(levels: int) -> nn.Module:
    """The shipped LeNet-5 with the staircase of Bu 2022 in place of each rectifier."""
    model = lenet5().double()
    reached: dict[str, float] = {}
    for name, layer in model.named_children():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(
                lambda _, __, y, name=name: reached.__setitem__(name, float(y.quantile(0.999)))
            )  # type: ignore[misc]
    model(IMAGES[:20])
    for name, threshold in reached.items():
        setattr(model, name, QCFS(levels, threshold).double())
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("levels", [1, 2, 4, 16, 100])
def test_no_error_on_real_images(levels: int) -> None:
    model = quantised(levels)
    network = convert(model, IMAGES[:50], TTFS(), (0.0, 1.0))
    expected = model(IMAGES)
    for simulator, images in ((ClosedForm(), 100), (EventDriven(), 10)):
        found = simulate(network, IMAGES[:images], simulator).readout
        assert float((found - expected[:images]).abs().max()) <= 1e-12 * float(expected.abs().max())
    assert check(model, network, IMAGES[:10]).max_abs_error <= 1e-12 * float(expected.abs().max())
    assert all(stage.neuron.ticks == levels for stage in network.stages if hasattr(stage.neuron, "ticks"))


def test_another_clock_is_wrong() -> None:
    model = quantised(16)
    plain = convert(lenet5().double(), IMAGES[:50], TTFS(), (0.0, 1.0))
    for network, simulator in ((plain, Clocked(16)), (plain, ClosedForm())):
        assert float((simulate(network, IMAGES, simulator).readout - model(IMAGES)).abs().max()) > 1e-2


def test_an_offset_of_its_own() -> None:
    torch.manual_seed(0)
    model = (
        nn.Sequential(nn.Linear(6, 40), ClampQuantise(7), nn.Linear(40, 40), QCFS(5, 0.4), nn.Linear(40, 3))
        .double()
        .eval()
        .requires_grad_(False)
    )
    x = torch.rand(300, 6, dtype=torch.float64)
    assert float((convert(model, x, TTFS(), (0.0, 1.0))(x) - model(x)).abs().max()) < 1e-12


def test_one_clock_cannot_serve_neurons_of_different_scales() -> None:
    with pytest.raises(InvalidSetting, match="staircase"):
        convert(quantised(4), IMAGES[:20], TTFS(mapping="positive"), (0.0, 1.0))
