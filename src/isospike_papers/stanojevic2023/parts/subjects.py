"""The networks that figures are taken of: each with its recipe, its data, and how it is turned into spikes."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim import Optimizer

from isospike.codings import TTFS
from isospike.data import Data, open_data
from isospike.errors import InvalidData
from isospike.report.claim import Setup
from isospike.zoo import vgg16
from isospike_papers.shared.data import MOVED, RAW, Split, cifar10, cifar10_name, folder, with_test_set
from isospike_papers.shared.halved import HalvedRecipe, halved
from isospike_papers.shared.recipe import TRAINS, Recipe
from isospike_papers.shared.subject import Subject, subject
from isospike_papers.stanojevic2023.parts.networks import lenet5, two_layers, vgg16_large

PAPER_CODING = TTFS(mapping="fixed", ramp_from="previous")  # α = 1, ζ = 0.5, δ = 0.01, B_low = 10
VGG16 = {"samples": (64, None, None), "width": (2, 32, 64)} | TRAINS  # options of claims about it
LENET = Recipe("lenet5-mnist", epochs=8, decay=0.7, shift=2)
TWO_LAYERS = Recipe("two-layers-mnist", epochs=12)
TWO_LAYERS_L1 = Recipe("two-layers-mnist-l1", epochs=16, rate=2e-3, l1=1.7)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Decaying(HalvedRecipe):
    """SGD with weight decay, as the weights that the thesis took over were trained (Geifman 2018)."""

    weight_decay: float = 5e-4

    @property
    def optimizer(self) -> Callable[[Iterable[nn.Parameter]], Optimizer]:
        return partial(torch.optim.SGD, lr=self.rate, momentum=self.momentum or 0.0, weight_decay=self.weight_decay)


def two_layers_mnist(setup: Setup) -> Subject:
    """600 hidden neurons."""
    return subject(TWO_LAYERS, two_layers, with_test_set("mnist", setup.data_dir), setup)


def two_layers_mnist_l1(setup: Setup) -> Subject:
    """The same with few of them active."""
    return subject(TWO_LAYERS_L1, lambda: two_layers(dropout=0.0), with_test_set("mnist", setup.data_dir), setup)


def lenet5_mnist(setup: Setup) -> Subject:
    """The network whose weights come with the package."""
    return subject(LENET, lenet5, with_test_set("mnist", setup.data_dir), setup)


def vgg16_mnist(setup: Setup, name: str = "mnist") -> Subject:
    """VGG16 on 28 × 28 images; without its first pool it costs four times as much, so it is a quarter as wide."""
    mirrored, width = name == "fashion_mnist", setup.width if setup.full else max(1, setup.width // 4)
    epochs, decay = (40, 0.9) if setup.full else (20, 0.8)
    recipe = Recipe(f"vgg16-width-{width}-{name}", epochs=epochs, decay=decay, shift=1, flip=mirrored)
    network = partial(vgg16, (1, 28, 28), 10, width, norm=True)
    return subject(recipe, network, with_test_set(name, setup.data_dir), setup)


def vgg16_fashion_mnist(setup: Setup) -> Subject:
    """The same on Fashion-MNIST."""
    return vgg16_mnist(setup, "fashion_mnist")


def _vgg16_cifar(setup: Setup, classes: int) -> tuple[Recipe, Callable[[], nn.Module]]:
    data = cifar10_name(setup.data_dir) if classes == 10 else f"cifar{classes}"
    name = f"vgg16-width-{setup.width}-{data}"
    epochs, decay = (250, 0.98) if setup.full else (80, 0.94)
    recipe = Decaying(name, epochs, rate=0.05, decay=decay, momentum=0.9, autoaugment=not setup.full, **MOVED)
    return recipe, lambda: halved(vgg16((3, 32, 32), classes, setup.width, norm=True))


def vgg16_cifar10(setup: Setup) -> Subject:
    """One hidden dense layer; pixels are normalised, and lie in [−3, 3] after that."""
    return subject(*_vgg16_cifar(setup, 10), cifar10(setup.data_dir), setup, (-3.0, 3.0))


def vgg16_cifar10_l1(setup: Setup) -> Subject:
    """The same network, trained on with a price on activity."""
    plain, make = _vgg16_cifar(setup, 10)
    epochs, name = 20 if setup.full else 5, f"{plain.name}-l1"
    priced = Recipe(name, epochs, rate=1e-3, decay=0.6, l1=2.0, after=plain.at(setup), **MOVED)
    return subject(priced, make, cifar10(setup.data_dir), setup, (-3.0, 3.0))


def vgg16_cifar100(setup: Setup) -> Subject:
    """As for CIFAR-10, where the data set is."""
    here = folder(setup.data_dir)
    if not (here / "cifar-100-python").exists():
        raise InvalidData("data set not here (cifar-100-python in the data directory)")
    split = with_test_set("cifar100", here)
    normal = Split(_normal(split.train), {name: _normal(data) for name, data in split.reported.items()})
    return subject(*_vgg16_cifar(setup, 100), normal, setup, (-3.0, 3.0))


def _normal(data: Data) -> Data:
    return replace(data, mean=(121.936 / 255,), std=(68.389 / 255,))


def places365(setup: Setup) -> Subject:
    """Torchvision's VGG16 with weights for 365 scenes that the user supplies; reported on the validation images."""
    return _large(setup, "places365", 365, "val_256")


def pass_images(setup: Setup) -> Subject:
    """Torchvision's VGG16 with ImageNet weights that the user supplies, on a folder of images without labels."""
    return _large(setup, "pass", 1000, "pass")


def _large(setup: Setup, name: str, classes: int, place: str) -> Subject:
    here = folder(setup.data_dir)
    if not (here / place).is_dir():
        raise InvalidData(f"data set not here ({place} in the data directory)")
    model = vgg16_large(classes).eval().requires_grad_(False)
    model.load_state_dict(load_file(_file(f"vgg16_{name}.safetensors")))
    data = open_data("places365" if name == "places365" else str(here / place), False, here, IMAGENET, 224)
    if name == "pass":
        data = replace(data, labels=None)
    return Subject(model, Split(data.first(500), {"validation images": data.rest(500)}))


def resnet20(setup: Setup) -> Subject:
    """A published ONNX file; it was trained on all of the training set, so only the test images are reported on."""
    return _published("resnet20_cifar10.onnx", setup, IMAGENET)


def resnet8(setup: Setup) -> Subject:
    """The ResNet-8 of MLPerf Tiny, whose inputs are pixels from 0 to 255."""
    return _published("mlperf_tiny_resnet8_cifar10.onnx", setup, RAW)


def _published(file: str, setup: Setup, normalize: tuple[tuple[float, ...], tuple[float, ...]]) -> Subject:
    path = _file(file)
    split = cifar10(setup.data_dir, normalize)
    return Subject(path, Split(split.train, {name: data for name, data in split.reported.items() if "test" in name}))


def _file(name: str) -> Path:
    """A file of weights or a model in $ISOSPIKE_MODELS."""
    place = os.environ.get("ISOSPIKE_MODELS")
    if not place or not (Path(place) / name).is_file():
        raise InvalidData(f"{name} not here (in the folder that $ISOSPIKE_MODELS names)")
    return Path(place) / name
