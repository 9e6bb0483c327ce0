r"""Linear leaky integrate-and-fire neuron: exact exponential decay, and a reset by subtraction (or to zero).

    C dV/dt + g V = I,     V ← V e^(−dt/τ) + x(t) / C,   τ = C / g;     if V ≥ θ:  one spike,  V ← V − θ  or  V ← 0

A late reset takes θ in the next step, V ← V e^(−dt/τ) + x(t) / C − s(t − 1) θ: the same as taking θ e^(dt/τ) at once.
Source: Lu 2022, eqs. 2–5 and 22–26, in the exact form of one time step.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.neurons.arithmetic import on
from isospike.neurons.integrate_fire import IF
from isospike.neurons.stepping import number


@dataclass(frozen=True, eq=False, kw_only=True)
class LIF(IF):
    """
    | field         | shape         | unit | meaning                                  |
    |---------------|---------------|------|------------------------------------------|
    | `conductance` | broadcastable | S    | g of the membrane                        |
    | `capacitance` | ()            | F    | C                                        |
    | `dt`          | ()            | s    | duration of one step                     |
    """

    conductance: Tensor = field(default_factory=number(1.0))
    capacitance: Tensor = field(default_factory=number(1.0))
    dt: Tensor = field(default_factory=number(0.01))
    counts: ClassVar = True

    def parameters(self) -> tuple[Tensor, ...]:
        level, taken, cleared = super().parameters()
        decay = torch.exp(-self.dt * self.conductance / self.capacitance)
        if self.reset == "late":  # what is taken now leaks before the next step
            taken = taken / decay
        # The potential is kept as a charge, C V, so that the drive need not be divided.
        return level * self.capacitance, taken * self.capacitance, cleared, decay

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (level, taken, cleared, decay) = states, parameters
        v = v * decay + x
        s = on(v >= level, v)
        return s, (v - s * (taken + cleared * v),)
