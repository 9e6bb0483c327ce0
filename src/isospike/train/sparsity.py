"""A price on spikes: the mean activity of hidden neurons, at a fixed weight or at one that seeks a number of spikes a
neuron.

    L ← L + λ Σ_n mean(x(n)) / N,     λ ← λ exp(r (spikes a neuron − target))

Activations that are not worth their price fall to zero, and their neurons stay silent.
"""

import torch
from torch import Tensor, nn

from isospike.errors import InvalidSetting
from isospike.train.base import Peers


class Sparsity(nn.Module):
    """weight: λ, at the start if there is a target.  target: spikes a hidden neuron.  rate: r, how fast λ follows."""

    weight: Tensor

    def __init__(self, weight: float, target: float | None = None, rate: float = 0.1) -> None:
        super().__init__()
        if not (weight >= 0 and rate >= 0 and (target is None or (0 < target <= 1 and weight > 0))):
            raise InvalidSetting(
                f"Sparsity({weight}, target={target}, rate={rate}).",
                "weight ≥ 0; with a target in (0, 1], weight > 0.",
                "A weight of 0.1 is a beginning.",
            )
        self.start, self.target, self.rate = float(weight), target, rate
        self.register_buffer("weight", torch.tensor(self.start, dtype=torch.float64))

    def about(self) -> dict[str, float | None]:
        """Settings in plain values."""
        return {"weight": self.start, "target": self.target, "rate": self.rate}

    def forward(self, leads: list[Tensor]) -> Tensor:
        """The price of a batch.  leads: activity of every hidden layer, (batch, *shape).  Raises `InvalidSetting` if
        there is none."""
        if not leads:
            raise InvalidSetting(
                "there is no hidden activity to put a price on.",
                "Networks with nn.ReLU modules, or with hidden neurons of first spikes.",
                "Leave the price out, or write rectifiers as modules: nn.ReLU().",
            )
        price = self.weight.to(leads[0].dtype, copy=True) * torch.stack([lead.mean() for lead in leads]).mean()
        if self.target is not None and self.training:
            neurons = sum(lead[0].numel() for lead in leads)
            spikes = torch.stack([(lead.detach() > 0).sum() / len(lead) for lead in leads]).sum() / neurons
            self.weight.mul_(torch.exp(self.rate * (spikes - self.target)).to(self.weight))
        return price

    def agree(self, peers: Peers) -> None:
        """λ follows the spikes of the whole batch: its logarithm changes by their mean."""
        if self.target is not None:
            self.weight.copy_(peers.mean(self.weight.log()).exp())
