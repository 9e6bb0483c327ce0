r"""Neurons that fire step by step, in whole numbers of a unit u of their potential.

    IF:         s = [V ≥ Θ]
    BurstIF:    s = clip(⌊V / Θ⌋, 0, most)
    SignedIF:   s = clip(⌊V / Θ⌋, −min(most, n), most)                       n: net spikes so far
    TernaryIF:  s = clip(⌊(V + K) / Θ⌋, 0, most) − clip(⌊(K₋ − V) / Θ₋⌋, 0, most)
    V ← V − s Θ,  for s < 0 of TernaryIF by Θ₋;  reset to zero: V ← 0

    Θ = ⌊θ / u + ½⌋,   V₀ = ⌊V₀ / u⌋,   Θ₋ = ⌊Θ / α + ½⌋,   K = ⌊(1 − φ) Θ⌋,   K₋ = ⌊(1 − φ₋) Θ₋⌋

Where drives and Θ are whole, V₀, K and K₋ may be rounded down without any change: a whole number reaches a threshold
if, and only if, it reaches the whole number from there on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.export.whole.synapses import flat
from isospike.network import Stage
from isospike.neurons import IF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.neurons.arithmetic import SETTLE
from isospike.neurons.ternary import UNLIMITED

SETTLED = SETTLE[torch.float64]


@dataclass(frozen=True)
class WholeNeuron(ABC):
    """
    | field       | shape      | unit | meaning                                       |
    |-------------|------------|------|-----------------------------------------------|
    | `threshold` | (neurons,) | u    | Θ                                             |
    | `initial`   | (neurons,) | u    | V₀                                            |
    | `most`      |            |      | the most spikes a step, as the model limits it |
    """

    threshold: np.ndarray
    initial: np.ndarray
    most: float

    @abstractmethod
    def spikes(self, v: np.ndarray, sent: np.ndarray) -> np.ndarray:
        """The spikes of a step.  v: potentials with this step's drive; sent: n."""

    def left(self, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        """The potentials after these spikes."""
        return v - s * self.threshold

    def in_words(self, word: int) -> Self:
        """The same in words of so many bits."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        cast: dict[str, Any] = {k: v.astype(f"int{word}") for k, v in given.items() if isinstance(v, np.ndarray)}
        return replace(self, **cast)

    @property
    def limit(self) -> int:
        """`most`, as a whole number."""
        return int(min(self.most, UNLIMITED))

    @property
    def taken(self) -> np.ndarray:
        """What a spike takes from a potential, of either sign, at least."""
        return self.threshold

    @property
    def reach(self) -> np.ndarray:
        """How far from 0 a potential may be that no drive has moved since a spike, or since the start."""
        return np.maximum(np.abs(self.initial), self.threshold)


@dataclass(frozen=True)
class WholeIF(WholeNeuron):
    """`zero`: whether a spike resets to zero."""

    zero: bool

    def spikes(self, v: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return (v >= self.threshold).astype(v.dtype)

    def left(self, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        return np.where(s > 0, v.dtype.type(0), v) if self.zero else super().left(v, s)


@dataclass(frozen=True)
class WholeBurst(WholeNeuron):
    """Several spikes a step."""

    def spikes(self, v: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return np.clip(v // self.threshold, 0, self.limit)


@dataclass(frozen=True)
class WholeSigned(WholeNeuron):
    """Takes back spikes that it has sent."""

    def spikes(self, v: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return np.clip(v // self.threshold, -np.minimum(sent, self.limit), self.limit)


@dataclass(frozen=True)
class WholeTernary(WholeNeuron):
    """up: K; below: Θ₋, 0 where there are no negative spikes; down: K₋."""

    up: np.ndarray
    below: np.ndarray
    down: np.ndarray

    def spikes(self, v: np.ndarray, sent: np.ndarray) -> np.ndarray:
        plus = np.clip((v + self.up) // self.threshold, 0, self.limit)
        minus = np.clip((self.down - v) // np.maximum(self.below, 1), 0, self.limit)
        return np.where(self.below > 0, plus - minus, plus)

    def left(self, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        return v - s * np.where(s < 0, self.below, self.threshold)

    @property
    def taken(self) -> np.ndarray:
        return np.where(self.below > 0, np.minimum(self.below, self.threshold), self.threshold)

    @property
    def reach(self) -> np.ndarray:
        return np.maximum(super().reach, self.below)


def supported(stage: Stage) -> None:
    """Raises `InvalidSetting` for neurons that have no form in whole numbers."""
    neuron = stage.neuron
    if type(neuron) not in FORMS and not neuron.relays:
        raise InvalidSetting(
            f"stage `{stage.name}` has {type(neuron).__name__} neurons, which have no form in whole numbers.",
            f"{', '.join(kind.__name__ for kind in FORMS)}: no leak, and no state but V.",
            "Convert the model with one of these: Rate(neuron=IF()), --neuron if.",
        )
    if isinstance(neuron, Stepping) and math.isfinite(neuron.most) and neuron.most != int(neuron.most):
        raise InvalidSetting(
            f"the neurons of stage `{stage.name}` send up to {neuron.most:g} spikes a step.",
            "A whole number of spikes, or math.inf.",
            "Convert the model with such a limit: most=….",
        )


def whole_neuron(stage: Stage, unit: float) -> tuple[Stepping, WholeNeuron]:
    """A stage's neuron with thresholds, initial potentials and currents that are whole multiples of a unit, and in
    that unit.  Raises `InvalidSetting` where slopes cannot be whole."""
    neuron = stage.neuron
    assert isinstance(neuron, Stepping)
    level = (neuron.threshold / unit).round()
    initial = (neuron.initial * level + SETTLED).floor()
    made = replace(neuron, threshold=level * unit, initial=initial / level, bias=(neuron.bias / unit).round() * unit)
    return FORMS[type(neuron)](made, level, initial, stage)


def _whole_if(neuron: Stepping, level: Tensor, initial: Tensor, stage: Stage) -> tuple[Stepping, WholeNeuron]:
    assert isinstance(neuron, IF)
    # A late reset is a soft one, there being no leak.
    return neuron, WholeIF(flat(level, stage), flat(initial, stage), neuron.most, neuron.reset == "zero")


def _burst(neuron: Stepping, level: Tensor, initial: Tensor, stage: Stage) -> tuple[Stepping, WholeNeuron]:
    return neuron, WholeBurst(flat(level, stage), flat(initial, stage), neuron.most)


def _signed(neuron: Stepping, level: Tensor, initial: Tensor, stage: Stage) -> tuple[Stepping, WholeNeuron]:
    return neuron, WholeSigned(flat(level, stage), flat(initial, stage), neuron.most)


def _ternary(neuron: Stepping, level: Tensor, initial: Tensor, stage: Stage) -> tuple[Stepping, WholeNeuron]:
    assert isinstance(neuron, TernaryIF)
    below = 0 * level
    if neuron.slope > 0:
        below = (level / neuron.slope).round()
        slope = (level / below).flatten()
        if bool((slope != slope[0]).any()):
            raise InvalidSetting(
                f"the thresholds of stage `{stage.name}` differ, and with them the slopes for whole negative ones.",
                "One threshold a stage, or a slope of 1.",
                "Convert the model again; corrections and training may change thresholds.",
            )
        neuron = replace(neuron, slope=slope[0])
    _, _, up, _, down = neuron.parameters()
    shifts = (flat(((part + SETTLED) * of).floor(), stage) for part, of in ((up, level), (down, below)))
    k, k_minus = shifts
    whole = WholeTernary(flat(level, stage), flat(initial, stage), neuron.most, k, flat(below, stage), k_minus)
    return neuron, whole


Form = Callable[[Stepping, Tensor, Tensor, Stage], tuple[Stepping, WholeNeuron]]
FORMS: dict[type[Stepping], Form] = {IF: _whole_if, BurstIF: _burst, SignedIF: _signed, TernaryIF: _ternary}
