r"""Correlative time encoding: the trains of a feature's bins are drawn independently, so that equal values, and only
these, send equal trains.

a_(f,i): a spike a step with probability d_f / T

The cosine of the patterns of two inputs tends to the share of their non-zero features that are equal (eqs. A.21–A.30).
Source: Stanojevic 2023, app. A.2, Def. 6 and Lemma 2."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.encoders.pattern import Patterns, poisson
from isospike.errors import InvalidSetting


@dataclass(frozen=True)
class CTE(Patterns):
    """
    | field    | meaning                               |
    |----------|---------------------------------------|
    | `spikes` | d_f, of a pattern, on average         |
    """

    spikes: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.spikes <= self.steps:
            raise InvalidSetting(
                f"{self.spikes:g} spikes in {self.steps} steps.", "More than none, at most one a step.", "5 are usual."
            )

    def trains(self, bins: Tensor, generator: torch.Generator) -> Tensor:
        return poisson((len(bins), self.levels, self.steps), self.spikes / self.steps, generator)
