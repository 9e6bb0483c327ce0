"""Training in half precision, where a processor multiplies in it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isospike.report.claim import Setup
from isospike_papers.shared.recipe import Recipe


def products(device: str) -> torch.dtype:
    """The precision in which networks made by `halved` multiply on a device.  Processors without AVX-512 only imitate
    half precision, and are many times slower in it than in single precision."""
    whole = device == "cpu" and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.float32 if whole else torch.bfloat16


@dataclass(frozen=True)
class HalvedRecipe(Recipe):
    """Of a network made by `halved`.  products: the precision of what it multiplies."""

    products: str = "bfloat16"

    def at(self, setup: Setup) -> Recipe:
        there = replace(self, products=str(products(setup.device)).removeprefix("torch."))
        return super(HalvedRecipe, there).at(setup)


class Halved(nn.Sequential):
    """Layers that compute in half precision (bfloat16) while they are trained, in half the time.
    Weights, their gradients and what is reported are of single precision."""

    def forward(self, x: Tensor) -> Tensor:
        precision = products(x.device.type)
        if not self.training or precision == torch.float32:
            return super().forward(x)
        with torch.autocast(x.device.type, precision):
            return super().forward(x).float()


def halved(network: nn.Sequential) -> Halved:
    """The same layers in half precision, channels last in memory: trained in two thirds of the time."""
    return Halved(*network).to(memory_format=torch.channels_last)
