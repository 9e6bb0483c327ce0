"""LeNet-5, and the one trained on MNIST that comes with the package."""

import math
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from isospike.zoo.base import image

WEIGHTS = Path(__file__).parent / "lenet5_mnist.safetensors"


def lenet(shape: tuple[int, ...], classes: int, norm: bool = False) -> nn.Sequential:
    """Three convolutions, two max pools, two dense layers (Stanojevic 2023, Fig. 2.2a).

    shape: (channels, height, width), padded by two pixels below 32.  norm: batch norm before each ReLU."""
    channels, *size = image("LeNet-5", shape, 28)
    padding = 2 if min(size) < 32 else 0

    def conv(inputs: int, outputs: int, padding: int = 0) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, padding=padding), *_rectifier(outputs, nn.BatchNorm2d if norm else None)]

    places = math.prod(((pixels + 2 * padding - 4) // 2 - 4) // 2 - 4 for pixels in size)
    head = [nn.Linear(120 * places, 84), *_rectifier(84, nn.BatchNorm1d if norm else None), nn.Linear(84, classes)]
    body = [*conv(channels, 6, padding), nn.MaxPool2d(2), *conv(6, 16), nn.MaxPool2d(2), *conv(16, 120)]
    return nn.Sequential(*body, nn.Flatten(), *head)


def lenet5() -> nn.Module:
    """LeNet-5 trained on MNIST by `make lenet`; its inputs are pixels in [0, 1]."""
    model = lenet((1, 28, 28), 10, norm=True)
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval().requires_grad_(False).float()


def _rectifier(neurons: int, norm: type[nn.Module] | None) -> list[nn.Module]:
    return [nn.ReLU()] if norm is None else [norm(neurons), nn.ReLU()]
