r"""Integrate-and-fire neuron.

    V ← V + x(t);     if V ≥ θ:  one spike,  V ← V − θ (soft reset)  or  V ← 0 (reset to zero)

Soft reset keeps the residue, so that a constant drive z gives ⌊(T z + V₀) / θ⌋ spikes in T steps; reset to zero loses
it.  A late reset, V ← V + x(t) − s(t − 1) θ, is a soft one unless V leaks meanwhile (LIF).  Sources: Cao 2015 (reset
to zero); Han 2020, Lu 2022 (soft, or linear, reset); snnTorch 1.0.0 (late)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from isospike.neurons.arithmetic import on, settled
from isospike.neurons.stepping import Stepping


@dataclass(frozen=True, eq=False, kw_only=True)
class IF(Stepping):
    """`reset`: "soft" (by subtraction), "zero", or "late": by subtraction in the next step, after the leak."""

    reset: Literal["soft", "zero", "late"] = "soft"
    counts: ClassVar = True

    def parameters(self) -> tuple[Tensor, ...]:
        soft = torch.full_like(self.threshold, self.reset != "zero")
        return settled(self.threshold), soft * self.threshold, 1 - soft

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (level, taken, cleared) = states, parameters
        v = v + x
        s = on(v >= level, v)
        return s, (v - s * (taken + cleared * v),)
