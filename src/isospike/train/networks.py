"""Networks to be trained from scratch, by name: ReLU networks as they are initialised, to be mapped to spike times
before the first step."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from isospike.errors import InvalidSetting

Shape = tuple[int, ...]


def _dense(shape: Shape, classes: int, hidden: int, width: int = 340) -> list[nn.Module]:
    widths = [math.prod(shape), *(width,) * hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return [*layers, nn.Linear(widths[-1], classes)]


def _lenet(shape: Shape, classes: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs, pooled in ((shape[0], 6, True), (6, 16, True), (16, 120, False)):
        layers += [
            nn.Conv2d(inputs, outputs, 5, padding=2 if outputs == 6 and shape[1] < 32 else 0),
            nn.ReLU(),
            *([nn.MaxPool2d(2)] if pooled else []),
        ]
    return [*layers, nn.Flatten(), nn.LazyLinear(84), nn.ReLU(), nn.Linear(84, classes)]


def _vgg16(shape: Shape, classes: int, width: int = 64) -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = shape[0]
    for block, (factor, convolutions) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))):
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, factor * width, 3, padding=1), nn.ReLU()]
            inputs = factor * width
        if block or shape[1] >= 32:
            layers.append(nn.MaxPool2d(2))
    return [*layers, nn.Flatten(), nn.LazyLinear(8 * width), nn.ReLU(), nn.Linear(8 * width, classes)]


NETWORKS: dict[str, Callable[[Shape, int], list[nn.Module]]] = {
    "fc2": lambda shape, classes: _dense(shape, classes, 1),
    "fc8": lambda shape, classes: _dense(shape, classes, 7),
    "fc16": lambda shape, classes: _dense(shape, classes, 15),
    "lenet": _lenet,
    "vgg16": _vgg16,
    "vgg16-narrow": lambda shape, classes: _vgg16(shape, classes, 16),
}


def initial(name: str, shape: Shape, classes: int, seed: int = 0) -> nn.Sequential:
    """A network of this name for samples of this shape, weights drawn from N(0, 2 / fan-in) and biases zero
    (Stanojevic 2023, §3.6.3)."""
    if name not in NETWORKS:
        raise InvalidSetting(
            f"network `{name}` is not known.",
            f"Known: {', '.join(NETWORKS)}; an .onnx file, .pt2, or package.module:factory.",
            "Choose one.",
        )
    try:
        model = nn.Sequential(*NETWORKS[name](shape, classes))
        model(torch.zeros(1, *shape))  # the size of the first dense layer follows from the samples'
    except (IndexError, RuntimeError) as error:
        raise InvalidSetting(
            f"`{name}` cannot take samples of shape {shape}: {error}",
            "fc2, fc8, fc16 for any; the others images.",
            "Choose another.",
        ) from error
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel()
            parameter.copy_(
                torch.randn(parameter.shape, generator=generator) * math.sqrt(2 / fan_in)
                if parameter.ndim > 1
                else torch.zeros_like(parameter)
            )
    return model.eval()
