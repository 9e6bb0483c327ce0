r"""Read-out that finds the nearest pattern in whole numbers: a table, shifts and additions.

    X(t) = table[⌊(x(t) − β) / 2^k⌋],     X̃(t) = X̃(t − 1) − ⌊X̃(t − 1) / 2⁶⌋ − ⌊X̃(t − 1) / 2⁸⌋ + X(t)
    D_c = Σ_t Σ_o square[⌊|X̃_o(t) − X̃ᶜ_o(t)| / 2⁶⌋],     1 − 2⁻⁶ − 2⁻⁸ = 0.98047 for e^(−1/50) = 0.98020

square[i] = (2i + 1)², or D_c is the sum of |X̃_o(t) − X̃ᶜ_o(t)|, as the source has it.  Additions of three shifted
numbers alone would leave at most 0.875.  Source: Stanojevic 2023, app. A.2, eqs. A.18 and A.19, and the text on the
sigmoid's table."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from isospike.ir.typed import Count
from isospike.neurons.nearest_pattern import NearestPattern

SHIFTS = (6, 8)


@dataclass(frozen=True, eq=False, kw_only=True)
class ShiftPattern(NearestPattern):
    """
    | field    | shape      | meaning                                                          |
    |----------|------------|------------------------------------------------------------------|
    | `values` | (entries,) | whole numbers: what the sigmoid says in each cell of the drive   |
    | `cell`   |            | k: a cell is 2^k units of the drive wide; half lie below β       |
    """

    values: Tensor = field(default_factory=lambda: torch.ones(1))
    cell: Count = 0
    shared: ClassVar = ("values",)

    @property
    def leak(self) -> tuple[float, float, float]:
        return 1.0, 2.0 ** -SHIFTS[0], 2.0 ** -SHIFTS[1]

    def output(self, x: Tensor) -> Tensor:
        at = torch.floor((x - self.threshold) / 2.0**self.cell) + len(self.values) // 2
        return self.values[at.clamp(0, len(self.values) - 1).long()]

    @property
    def one(self) -> Tensor:
        return self.values.max()
