"""A spike with probability r x at every step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder
from isospike.errors import InvalidSetting


@dataclass(frozen=True, eq=False)
class Bernoulli(RateEncoder):
    """At most one spike a step, independent of the others."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate > 1:
            raise InvalidSetting(
                f"Bernoulli(rate={self.rate}).",
                "At most 1: it sends one spike a step or none.",
                "Use Poisson for more.",
            )

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        return torch.stack(
            [
                (torch.rand(drive.shape, generator=generator, dtype=drive.dtype).to(drive.device) < drive).to(drive)
                for _ in range(steps)
            ]
        )
