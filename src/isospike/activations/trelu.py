"""The threshold ReLU."""

from torch import Tensor, nn

from isospike.activations.base import check


class TReLU(nn.Module):
    """A ReLU that ends at a threshold: what a neuron that fires at most once a step can carry.

        y = clip(x, 0, θ)

    Source: Han 2023, eq. 22, where θ = 1.
    """

    def __init__(self, threshold: float = 1.0) -> None:
        super().__init__()
        check(self, threshold > 0, threshold=threshold)
        self.threshold = float(threshold)

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0.0, self.threshold)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold:g}"
