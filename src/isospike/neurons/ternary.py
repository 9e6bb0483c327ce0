r"""Double-threshold integrate-and-fire neuron: positive and negative spikes, with soft reset.

    V ← V + x(t),     s = clip(⌊V / θ + 1 − φ⌋, 0, most) − clip(⌊−V α / θ + 1 − φ₋⌋, 0, most)
    V ← V − s θ  for s > 0,     V ← V − s θ / α  for s < 0,     φ₋ = max(φ, 1 − α φ + δ, α (1 − φ) + δ)

It fires at V ≥ φ θ and at V ≤ −φ₋ θ / α; δ is a little more than rounding.  φ = 1 is the plain rule, which truncates
toward zero.  φ = ½ rounds: with V₀ = 0 the count of T steps of a constant drive z is round(T clip(z / θ, −1, 1)), the
residue within ± θ / 2.  V₀ = θ / 2 with φ = 1 is right for one-sided neurons only.  α < 1 gives the two thresholds of
a leaky rectifier of slope α. Sources: Han 2023, eqs. 3 and 10–15; Yu 2022 (TerMapping: most = 1; AugMapping: more).
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.neurons.arithmetic import SETTLE, between, whole
from isospike.neurons.base import Drive
from isospike.neurons.stepping import Stepping, number

UNLIMITED = 2.0**30  # spikes a step


@dataclass(frozen=True, eq=False, kw_only=True)
class TernaryIF(Stepping):
    """
    | field   | shape | meaning                                                                       |
    |---------|-------|-------------------------------------------------------------------------------|
    | `level` |       | φ, the share of the threshold at which it fires                               |
    | `most`  |       | the most spikes a step, of either sign                                        |
    | `slope` | ()    | α, the slope of the rectifier for negative drives; 0 if it has no negative side |
    """

    initial: Tensor = field(default_factory=number(0.0))
    level: float = 0.5
    most: float = 1
    slope: Tensor = field(default_factory=number(1.0))
    signed: ClassVar = True
    counts: ClassVar = True
    negative: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.level <= 1 or self.most < 1:
            what = f"TernaryIF(level={self.level}, most={self.most})."
            raise InvalidSetting(
                what,
                "level: above 0, at most 1; most: from 1 on.",
                "The plain rule has level 1, the rounding one 0.5.",
            )

    def parameters(self) -> tuple[Tensor, ...]:
        slope = self.slope.clamp_min(1e-30)
        # A spike must not bring V to the threshold of the other sign, or a neuron without input would send
        # ±1 for ever: a positive one takes
        # V from φ to φ − 1, a negative one from −φ₋ / α to (1 − φ₋) / α.  `whole` lowers both thresholds by
        # its tolerance, hence δ.
        apart = 2 * (1 + slope) * SETTLE[self.threshold.dtype]
        down = (torch.maximum(1 - self.level * slope, (1 - self.level) * slope) + apart).clamp_min(self.level)
        return tuple(
            torch.as_tensor(p).to(self.threshold)
            for p in (self.threshold, slope, 1 - self.level, min(self.most, UNLIMITED), 1 - down)
        )

    @staticmethod
    def step(states: Any, x: Any, parameters: Any) -> Any:
        (v,), (threshold, slope, shift, most, shift_down) = states, parameters
        v = v + x
        up = v / threshold
        plus = between(whole(up + shift), most - most, most)
        minus = between(whole(shift_down - up * slope), most - most, most)
        return plus - minus, (v - plus * threshold + minus * (threshold / slope),)

    def closed_form(self, drive: Drive) -> Tensor:
        rate = drive(self.bias) / self.threshold
        return rate.clamp(0, self.most) + (rate * self.slope).clamp(-self.most, 0)
