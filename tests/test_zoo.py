"""Networks by name: the sizes of their weights, and how these are drawn."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch

from isospike.errors import InvalidSetting
from isospike.zoo import NETWORKS, initial, lenet

Sizes = list[tuple[int, ...]]


def convolutions(*channels: int, kernel: int = 3) -> Sizes:
    return [(b, a, kernel, kernel) for a, b in pairwise(channels)]


VGG = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)  # channels of the thirteen convolutions, in units of the first's


@pytest.mark.parametrize(("name", "shape", "sizes"), [
    ("fc2", (1, 5, 4), [(340, 20), (10, 340)]),
    ("fc8", (20,), [(340, 20), *[(340, 340)] * 6, (10, 340)]),
    ("fc16", (20,), [(340, 20), *[(340, 340)] * 14, (10, 340)]),
    ("lenet", (1, 28, 28), [*convolutions(1, 6, 16, 120, kernel=5), (84, 120), (10, 84)]),
    ("lenet", (3, 32, 32), [*convolutions(3, 6, 16, 120, kernel=5), (84, 120), (10, 84)]),
    ("vgg16", (3, 32, 32), [*convolutions(3, *(64 * n for n in VGG)), (512, 512), (10, 512)]),
    ("vgg16-narrow", (1, 28, 28), [*convolutions(1, *(16 * n for n in VGG)), (128, 128), (128, 128), (10, 128)]),
])  # fmt: skip
def test_the_sizes_of_a_network(name: str, shape: tuple[int, ...], sizes: Sizes) -> None:
    """Images of 28 pixels are padded to LeNet's 32, and pooled four times instead of five in VGG-16: one place is left
    of either."""
    model = initial(NETWORKS[name], shape, 10)
    assert [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim > 1] == sizes
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in model) == len(sizes) - 1
    assert all(not parameter.any() for parameter in model.parameters() if parameter.ndim == 1)
    for parameter in model.parameters():
        if parameter.numel() > 1000 and parameter.ndim > 1:
            assert float(parameter.detach().std()) == pytest.approx(math.sqrt(2 / parameter[0].numel()), rel=0.2)


def test_the_seed_says_the_weights() -> None:
    one, again, other = (initial(NETWORKS["fc2"], (6,), 3, seed).state_dict()["1.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_gains_of_batch_norms_stay() -> None:
    model = initial(partial(lenet, norm=True), (1, 28, 28), 10)
    assert all(
        bool((part.weight == 1).all() and (part.bias == 0).all())
        for part in model
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)
    )
    assert float(model(torch.rand(2, 1, 28, 28)).detach().abs().max()) > 0.1


def test_what_cannot_be_built() -> None:
    for name, shape in (("lenet", (20,)), ("vgg16-narrow", (1, 4, 4))):
        with pytest.raises(InvalidSetting, match="cannot take samples"):
            initial(NETWORKS[name], shape, 3)
