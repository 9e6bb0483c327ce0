"""The symmetric-threshold ReLU."""

from torch import Tensor, nn

from isospike.activations.base import check


class StReLU(nn.Module):
    """Clips at both sides, as a neuron with two thresholds does.

        y = clip(x, −θ, θ)

    Source: Han 2023, eq. 7.
    """

    def __init__(self, threshold: float = 1.0) -> None:
        super().__init__()
        check(self, threshold > 0, threshold=threshold)
        self.threshold = float(threshold)

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(-self.threshold, self.threshold)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold:g}"
