"""LeNet-5, and the one trained on MNIST that comes with the package."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

WEIGHTS = Path(__file__).parent / "lenet5_mnist.safetensors"


def lenet5_architecture(classes: int = 10) -> nn.Sequential:
    """Three convolutions, two max pools, two dense layers, batch norm before each ReLU (Stanojevic 2023, Fig.
    2.2a).  Input: (1, 28, 28)."""

    def conv(inputs: int, outputs: int, padding: int = 0) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]

    head = [nn.Flatten(), nn.Linear(120, 84), nn.BatchNorm1d(84), nn.ReLU(), nn.Linear(84, classes)]
    return nn.Sequential(*conv(1, 6, padding=2), nn.MaxPool2d(2), *conv(6, 16), nn.MaxPool2d(2), *conv(16, 120), *head)


def lenet5() -> nn.Module:
    """LeNet-5 trained on MNIST by `make lenet`; its inputs are pixels in [0, 1]."""
    model = lenet5_architecture()
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval().requires_grad_(False).to(torch.float32)
