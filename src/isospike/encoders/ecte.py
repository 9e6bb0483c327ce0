r"""Extended correlative time encoding: trains of neighbouring bins overlap, the more the nearer they are.

A feature has random segments δ_1, δ_2, … of δn steps with η spikes each.  Bin i plays δ_i … δ_(i+μ−1) from step
(i − 1) δn on, and a spike a step with probability d / T elsewhere; so bins i and j share μ_f − |j − i| segments, at
the same steps, and the cosine of two patterns tends to

    Ψ = Σ_f max(0, 1 − |j − i| / μ_f) / √(|F≠0(x)| |F≠0(y)|),     μ_f = min(μ, q_f)

Source: Stanojevic 2023, app. A.2, Alg. 3 and eqs. A.31–A.37.  The printed algorithm skips the shift of the segments
where a_(f,i) = 0, which would break the overlap."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.encoders.pattern import Patterns
from isospike.errors import InvalidSetting
from isospike.ir.typed import Count


@dataclass(frozen=True)
class ECTE(Patterns):
    """
    | field        | meaning                                                        |
    |--------------|----------------------------------------------------------------|
    | `levels`     | Q, the most bins of a feature                                  |
    | `neighbours` | μ, segments of a pattern, and bins that resemble one           |
    | `spikes`     | η, of a segment                                                |
    | `segment`    | δn, steps of a segment                                         |
    | `background` | d, spikes in T steps, on average, where no segment plays       |
    """

    levels: Count = 8
    neighbours: Count = 5
    spikes: Count = 6
    segment: Count = 8
    background: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.steps // max(self.segment, 1)
        if self.neighbours < 1 or self.segments * self.segment > self.steps:  # A.33
            raise InvalidSetting(
                f"{self.segments} segments (neighbours + levels − 1) of {self.segment} steps in {self.steps} steps.",
                f"With segments of {self.segment} steps, neighbours + levels − 1 up to {most}; or segments up to "
                f"{self.steps // max(self.segments, 1)} steps.",
                "Take fewer levels or neighbours, shorter segments, or more steps.",
            )
        if not 1 <= self.spikes <= self.segment or not 0 <= self.background <= self.steps:  # A.35
            raise InvalidSetting(
                f"{self.spikes} spikes in a segment of {self.segment} steps, {self.background:g} in {self.steps}.",
                "From 1 to one a step; of the background, from 0.",
                "6 in 8 steps, and 5 in 100, are usual.",
            )

    @property
    def segments(self) -> int:
        """δ_1, δ_2, … of a feature with all bins; no bin has more of them than there are bins (A.36)."""
        return min(self.neighbours, self.levels) + self.levels - 1

    def trains(self, bins: Tensor, generator: torch.Generator) -> Tensor:
        shape = len(bins), self.segments, self.segment
        # The places of the spikes of a segment: of its steps, those with the smallest random numbers.
        segments = torch.rand(shape, generator=generator).argsort(-1).argsort(-1) < self.spikes
        trains = torch.rand((len(bins), self.levels, self.steps), generator=generator) < self.background / self.steps
        for i in range(self.levels):
            for m in range(min(self.neighbours, self.levels)):
                of = bins > m  # μ_f = min(μ, q_f)
                at = slice((i + m) * self.segment, (i + m + 1) * self.segment)
                trains[of, i, at] = segments[of, i + m]
        return trains
