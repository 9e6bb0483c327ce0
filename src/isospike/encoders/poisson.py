"""A number of spikes with mean r x at every step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder


@dataclass(frozen=True, eq=False)
class Poisson(RateEncoder):
    """Spikes of a Poisson process, counted step by step."""

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        mean = drive.clamp_min(0).cpu()  # where the generator draws
        return torch.stack([torch.poisson(mean, generator=generator) for _ in range(steps)]).to(drive.device)
