"""The asymmetric-threshold LeakyReLU."""

import torch.nn.functional as F
from torch import Tensor, nn

from isospike.activations.base import check


class AtLeakyReLU(nn.Module):
    """A LeakyReLU that ends at 1, and at the negative threshold of a neuron with this slope.

        y = clip(f(x), −1/α, 1),   f(x) = x for x ≥ 0, α x for x < 0

    Source: Han 2023, eq. 21.
    """

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        check(self, slope > 0, slope=slope)
        self.slope = float(slope)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope).clamp(-1.0 / self.slope, 1.0)

    def extra_repr(self) -> str:
        return f"slope={self.slope:g}"
