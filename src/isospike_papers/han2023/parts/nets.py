"""The networks of Han 2023: six topologies, each with any of the activations that the paper compares; their data and
training.

Topologies are its Table 1; unpadded 5 × 5 convolutions, one dense layer after VGG16's convolutions and batch norm
before each activation of the VGG networks follow from its text and from the operations counted in its Table 5.  Pools
are averages, hidden layers have no dropout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from torch import nn

from isospike.activations import AtLeakyReLU, ClampQuantise, RateNorm, StReLU, TReLU
from isospike.data import Data
from isospike.report.claim import Setup
from isospike_papers.shared.data import MOVED, Split, cifar10, cifar10_name, with_test_set
from isospike_papers.shared.halved import HalvedRecipe, halved
from isospike_papers.shared.recipe import TRAINS, Recipe, trained

SLOPE = 0.01  # of leaky rectifiers; the paper says 0.01 or less
LEVELS = 16  # of quantised activations
CUTOUT = 16  # pixels, the side that DeVries 2017 chose for CIFAR-10; the paper does not give one
LONG = 30  # epochs from which on networks gain by autoaugment and cutout; shorter ones are only moved and mirrored
# Test images that curves are measured on, unless a number is given or size is full
SAMPLES = {"mnist": 1000, "fashion_mnist": 1000, "cifar10": 200}
# What claims about these networks can be given
OPTIONS = {"samples": (64, None, None), "width": (2, 32, 64)} | TRAINS
FALL = 0.01  # of the learning rate, over all epochs

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "stReLU": StReLU,
    "atLeakyReLU": partial(AtLeakyReLU, SLOPE),
    "tReLU": TReLU,
    "LeakyReLU": partial(nn.LeakyReLU, SLOPE),
    "ReLU": nn.ReLU,
    "CQ": partial(ClampQuantise, LEVELS),
    "RNL": RateNorm,
}


@dataclass(frozen=True)
class Net:
    """A row of the paper's Table 1.

    | field     | meaning                                                                                            |
    |-----------|----------------------------------------------------------------------------------------------------|
    | `layers`  | features of dense layers, channels of convolutions, "p" for an average pool                        |
    | `kernel`  | of the convolutions: 5, or 3 padded and followed by batch norm                                     |
    | `dense`   | hidden dense layers after them                                                                     |
    | `epochs`  | of training, where it is brief                                                                     |
    | `steps`   | T up to which networks that converge slowly are simulated                                          |
    """

    name: str
    data: Literal["mnist", "fashion_mnist", "cifar10"]
    layers: tuple[int | str, ...]
    kernel: int
    dense: tuple[int, ...]
    epochs: int
    steps: int

    def share(self, setup: Setup) -> float:
        """Of the paper's width, which is 64 for VGG16's first layer; networks for grey images are narrowed for tests
        only."""
        return setup.width / 64 if self.data == "cifar10" else min(1.0, setup.width / 8)

    def make(self, activation: Callable[[], nn.Module], share: float) -> nn.Sequential:
        """The network with random weights."""
        channels, side = (3, 32) if self.data == "cifar10" else (1, 28)
        parts: list[nn.Module] = []
        for layer in self.layers:
            if isinstance(layer, str):
                parts.append(nn.AvgPool2d(2))
                side //= 2
                continue
            width, normed = max(1, round(layer * share)), self.kernel == 3
            parts.append(nn.Conv2d(channels, width, self.kernel, padding=1 if normed else 0, bias=not normed))
            parts += [nn.BatchNorm2d(width)] if normed else []
            parts.append(activation())
            channels, side = width, side if normed else side - self.kernel + 1
        parts.append(nn.Flatten())
        features = channels * side * side
        for layer in self.dense:
            width = max(1, round(layer * share))
            parts += [nn.Linear(features, width), activation()]
            features = width
        parts.append(nn.Linear(features, 10))
        network = nn.Sequential(*parts)
        return halved(network) if self.data == "cifar10" else network

    def split(self, setup: Setup) -> Split:
        """Training samples, and those that are reported on."""
        return cifar10(setup.data_dir) if self.data == "cifar10" else with_test_set(self.data, setup.data_dir)

    def test(self, setup: Setup) -> Data:
        """The first test images."""
        data = next(data for name, data in self.split(setup).reported.items() if "test" in name)
        return data.first(setup.samples or (None if setup.full else SAMPLES[self.data]))

    def recipe(self, activation: str, setup: Setup) -> Recipe:
        """How it is trained."""
        epochs = setup.epochs or (300 if setup.full else self.epochs)
        data = cifar10_name(setup.data_dir) if self.data == "cifar10" else self.data
        name = f"han2023-{self.name.lower()}-width-{self.share(setup):g}-{activation.lower()}-{data}"
        kind, decay = HalvedRecipe if self.data == "cifar10" else Recipe, FALL ** (1 / epochs)
        recipe = kind(name, epochs, decay=decay).at(setup)
        if self.data != "cifar10":
            return recipe
        long = epochs >= LONG
        return replace(recipe, rate=2e-3, cutout=CUTOUT if long else 0, autoaugment=long, **MOVED)

    def trained(self, activation: str, setup: Setup) -> nn.Module:
        """The network, trained or from the cache."""
        make = partial(self.make, ACTIVATIONS[activation], self.share(setup))
        return trained(self.recipe(activation, setup), make, lambda: self.split(setup).train, setup.device)


VGG = ("p", 256, 256, 256, "p", 512, 512, 512, "p", 512, 512, 512, "p")
NETS = {
    net.name: net
    for net in (
        Net("Net1", "mnist", (), 5, (1200, 1200), 60, 1024),
        Net("Net2", "mnist", (12, "p", 64, "p"), 5, (), 60, 1024),
        Net("Net3", "fashion_mnist", (), 5, (6400,), 60, 2048),
        Net("Net4", "fashion_mnist", (32, "p", 64, "p"), 5, (1024,), 60, 2048),
        Net("Net5", "cifar10", (128, 128, "p", 256, 256, "p", 512, 512, "p"), 3, (1024,), 16, 512),
        Net("Net6", "cifar10", (64, 64, "p", 128, 128, *VGG), 3, (), 30, 512),
    )
}
