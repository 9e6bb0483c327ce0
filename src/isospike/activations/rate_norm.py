"""The rate norm layer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.activations.base import check


class RateNorm(nn.Module):
    """A ReLU that ends at a trained share of its largest activation, which becomes the neuron's threshold.

        y = clip(x, 0, p r),   r ← (1 − m) r + m max(x) in training,   p = σ(trained number)

    Source: Ding 2021, the rate norm layer; there y is divided by p r as well, which the next weights can do.
    """

    largest: Tensor

    def __init__(self, shrink: float = 0.9, momentum: float = 0.1) -> None:
        super().__init__()
        check(self, 0 < shrink < 1 and 0 < momentum <= 1, shrink=shrink, momentum=momentum)
        self.momentum = momentum
        self.raw_shrink = nn.Parameter(torch.tensor(float(shrink)).logit())
        self.register_buffer("largest", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.largest.lerp_(x.detach().relu().max().to(self.largest.dtype), self.momentum)
        return torch.minimum(F.relu(x), self.raw_shrink.sigmoid() * self.largest)

    def extra_repr(self) -> str:
        return f"momentum={self.momentum:g}"
