r"""Spiking neural unit in whole numbers, whose leak is a sum of shifts.

    s(t) = x(t) + Σ_ι ⌊p(t − 1) / 2^ι⌋,     p = s (1 − χ),     χ(t) = 1 if s(t) > β, else 0

Weights and thresholds are whole numbers, and so are potentials; ⌊ ⌋ is what a shift to the right makes of a number of
either sign.  Source: Stanojevic 2023, app. A.2, eq. A.17, whose index of the second sum is misprinted."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.neurons.arithmetic import on, whole
from isospike.neurons.snu import SNU, TERMS

# The most that a leak shifts by, so that a floor is told from rounding in single precision too; and no term at all
LONGEST, NOTHING = 12, 63


@dataclass(frozen=True, eq=False, kw_only=True)
class ShiftSNU(SNU):
    """`shifts`: ι of each of three terms, such as (1, 2, 4) for 0.8125, which `decay` is; `NOTHING` for no term."""

    shifts: tuple[int, ...] = (1, 2, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.shifts) != TERMS or not set(self.shifts) <= {*range(LONGEST + 1), NOTHING}:
            raise InvalidSetting(
                f"shifts={self.shifts}.",
                f"{TERMS} shifts from 0 to {LONGEST}, or {NOTHING} for no term.",
                "0.8125 is (1, 2, 4).",
            )

    def parameters(self) -> tuple[Tensor, ...]:
        return self.threshold, *(self.threshold.new_tensor(2.0**-shift) for shift in self.shifts)

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (level, a, b, c) = states, parameters
        v = whole(v * a) + whole(v * b) + whole(v * c) + x
        s = on(v > level, v)
        return s, (v - s * v,)
