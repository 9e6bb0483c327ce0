r"""Neurons that fire step by step: what they share.

    V ← V + x(t),     s(t) = spikes of this step,     V ← V − what they take,     value = unit · Σ_t s(t) / T

A code is the rate, net spikes a step.  Each model writes one step as arithmetic that reads the same for tensors and for single numbers:
the plain loop runs it as it is, the fused one compiles it for the whole of a stage and a stretch of time.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.ir.ops.clip import Clip
from isospike.ir.typed import typed
from isospike.neurons.base import Drive, Neuron
from isospike.neurons.fused import fused, plain

PARAMETERS = 5  # that the loop hands to a step; those that a model does not need are zero


def number(value: float) -> Callable[[], Tensor]:
    """Makes a parameter that all neurons share."""
    return partial(torch.tensor, value, dtype=torch.float64)


@dataclass
class State:
    """Of one stage, in the middle of a run: potentials, net and all spikes so far, and parameters laid out like them.  (batch, *shape)."""

    potential: Tensor
    net: Tensor
    total: Tensor
    parameters: tuple[Tensor, ...]
    flat: Any = None  # the parameters as the fused loop takes them

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        same = self.total is self.net
        self.potential, self.net = self.potential[rows], self.net[rows]
        self.total = self.net if same else self.total[rows]


@dataclass(frozen=True, eq=False, kw_only=True)
class Stepping(Neuron):
    """
    | field       | shape         | unit       | meaning                                            |
    |-------------|---------------|------------|----------------------------------------------------|
    | `bias`      | broadcastable | θ          | constant current, a step                           |
    | `threshold` | broadcastable | 1          | θ                                                  |
    | `unit`      | broadcastable | activation | what a rate of one spike a step stands for         |
    | `initial`   | broadcastable | θ          | potential at the start                             |
    | `rectifier` |               | activation | the original's, whose drive is θ times `unit`      |
    """

    bias: Tensor = field(default_factory=number(0.0))
    threshold: Tensor = field(default_factory=number(1.0))
    unit: Tensor = field(default_factory=number(1.0))
    initial: Tensor = field(default_factory=number(0.5))
    rectifier: Clip = field(default_factory=partial(Clip, 0.0, math.inf))
    signed: ClassVar[bool] = False  # sends negative spikes as well
    step: ClassVar[Callable[..., Any]]  # (x, V, net spikes, *parameters) ↦ (spikes, V)

    def __post_init__(self) -> None:
        typed(self)

    @abstractmethod
    def parameters(self) -> tuple[Tensor, ...]:
        """What `step` is given beside the state: at most five numbers a neuron."""

    @property
    def most(self) -> float:
        """The most spikes a step."""
        return 1.0

    @property
    def current(self) -> Tensor:
        return self.bias

    def closed_form(self, drive: Drive) -> Tensor:
        """The rate that a constant drive leads to as time goes on."""
        rate = drive(self.bias) / self.threshold
        return rate.clamp(-self.most if self.signed else 0.0, self.most)

    def ideal(self, drive: Drive) -> Tensor:
        return self.rectifier(drive(self.bias) * self.unit) / self.unit

    def start(self, like: Tensor) -> State:
        net = torch.zeros_like(like)
        total = torch.zeros_like(like) if self.signed else net
        given = self.parameters()
        spare = (torch.zeros_like(self.threshold),) * (PARAMETERS - len(given))
        return State(torch.zeros_like(like) + self.initial * self.threshold, net, total, (*given, *spare))

    def advance(self, x: Tensor, state: State, steps: int) -> Tensor:
        if x.device.type != "cpu":
            return torch.compile(plain)(self, x, state, steps)
        return fused(type(self).step, self.signed)(x, state, steps)

    def value(self, code: Tensor) -> Tensor:
        return code * self.unit
