r"""Spiking neural unit: a leaky neuron whose potential is lost when it fires.

    s(t) = x(t) + v s(t − 1) (1 − χ(t − 1)),     χ(t) = 1 if s(t) > β, else 0,     s(0) = χ(0) = 0

With v = 1 it does not leak (IF).  A decay that is a sum of powers of two, such as 2⁻¹ + 2⁻² + 2⁻⁴ = 0.8125, needs
shifts and additions only.  Source: Stanojevic 2023, app. A.2, eqs. A.11–A.12 and A.17 (Woźniak 2020)."""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from torch import Tensor

from isospike.ir.ops.base import Shape
from isospike.neurons.arithmetic import on
from isospike.neurons.base import Drive, lacking
from isospike.neurons.stepping import Stepping, number

TERMS = 3  # shifts that a leak may be a sum of


def shifted(factor: float) -> int:
    """How many powers of two a factor is the sum of; 0 if more than three."""
    ones = Fraction(factor).numerator.bit_count() if 0 < factor <= 1 else 0
    return ones if ones <= TERMS else 0


@dataclass(frozen=True, eq=False, kw_only=True)
class SNU(Stepping):
    """
    | field       | shape         | unit | meaning                                              |
    |-------------|---------------|------|------------------------------------------------------|
    | `threshold` | broadcastable | 1    | β                                                    |
    | `initial`   | broadcastable | β    | potential at the start                               |
    | `decay`     | ()            |      | v, what a step leaves of the potential               |
    """

    threshold: Tensor = field(default_factory=number(0.07))
    initial: Tensor = field(default_factory=number(0.0))
    decay: Tensor = field(default_factory=number(0.8))

    def parameters(self) -> tuple[Tensor, ...]:
        return self.threshold, self.decay

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (level, decay) = states, parameters
        v = v * decay + x
        s = on(v > level, v)
        return s, (v - s * v,)

    @property
    def about(self) -> str:
        return f"leaves {float(self.decay):.4g} of its potential a step"

    def arithmetic(self, shape: Shape) -> tuple[int, int]:
        """A leak of up to three shifts costs as many additions, another one a multiplication and an addition."""
        shifts = shifted(float(self.decay))
        return math.prod(shape) * (shifts or 1), 0 if shifts else math.prod(shape)

    def closed_form(self, drive: Drive) -> Tensor:
        raise lacking(self, "has no closed form")

    def ideal(self, drive: Drive) -> Tensor:
        raise lacking(self, "stands for no rectifier")
