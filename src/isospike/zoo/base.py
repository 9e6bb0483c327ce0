"""What networks to be trained share: the samples that they can take, and their weights before the first step."""

import math
from collections.abc import Callable

import torch
from torch import nn

from isospike.errors import InvalidSetting


def initial(
    make: Callable[[tuple[int, ...], int], nn.Sequential], shape: tuple[int, ...], classes: int, seed: int = 0
) -> nn.Sequential:
    """A network for samples of this shape, weights drawn from N(0, 2 / fan-in) and biases zero (Stanojevic 2023,
    §3.6.3); gains of batch norms stay 1.  Raises `InvalidSetting` for samples that it cannot take."""
    model = make(shape, classes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * math.sqrt(2 / fan_in))
            elif name.endswith("bias"):
                parameter.zero_()
    return model.eval()


def image(network: str, shape: tuple[int, ...], least: int) -> tuple[int, int, int]:
    """Channels, height and width of samples.  Raises `InvalidSetting` unless there are so many pixels."""
    match shape:
        case (channels, height, width) if min(height, width) >= least:
            return channels, height, width
    raise InvalidSetting(
        f"{network} cannot take samples of shape {shape}.",
        f"(channels, height, width), of at least {least} × {least} pixels.",
        "Choose another: fc2, fc8 and fc16 take any samples.",
    )
