r"""Neurons that fire step by step: what they share.

    V ← V + x(t),     s(t) = spikes of this step,     V ← V − what they take,     value = unit · Σ_t s(t) / T

A code is the rate, net spikes a step.  Each model names its states and writes one step as arithmetic on them that
reads the same for tensors and for single numbers: the plain loop runs it as it is, the fused one compiles it for a
whole stage and a stretch of time (engine/)."""

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


def number(value: float) -> Callable[[], Tensor]:
    """Makes a parameter that all neurons share."""
    return partial(torch.tensor, value, dtype=torch.float64)


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
    told: ClassVar[bool] = False  # its step is given, as one more state, the net spikes that it has sent
    counts: ClassVar[bool] = False  # spikes of a step are whole numbers; a subclass with its own step says so anew
    states: ClassVar[tuple[str, ...]] = ("potential",)  # by name, the potential first

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "step" in vars(cls) and "counts" not in vars(cls):
            cls.counts = False

    @staticmethod
    @abstractmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        """One step: (states, drive, parameters) ↦ (spikes, states), as arithmetic on tensors or on the numbers of one
        neuron."""

    def __post_init__(self) -> None:
        typed(self)

    @abstractmethod
    def parameters(self) -> tuple[Tensor, ...]:
        """What `step` is given beside states and drive, broadcastable each."""

    def begin(self) -> tuple[Tensor, ...]:
        """The states before the first step, broadcastable each: V₀, and zeros."""
        return self.initial * self.threshold, *[0 * self.threshold for _ in self.states[1:]]

    @property
    def most(self) -> float:
        """The most spikes a step."""
        return 1.0

    @property
    def small(self) -> bool:
        """Whether the spikes of a step fit eight bits."""
        return self.counts and self.most <= 127 and self.most == int(self.most)

    @property
    def current(self) -> Tensor:
        return self.bias

    def closed_form(self, drive: Drive) -> Tensor:
        """The rate that a constant drive leads to as time goes on."""
        rate = drive(self.bias) / self.threshold
        return rate.clamp(-self.most if self.signed else 0.0, self.most)

    def ideal(self, drive: Drive) -> Tensor:
        return self.rectifier(drive(self.bias) * self.unit) / self.unit

    def value(self, code: Tensor) -> Tensor:
        return code * self.unit
