"""Clocked: spikes fall on the ticks of a clock, a fixed number of them in every layer's window."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.network import Body, Step
from isospike.simulate.base import Simulator


@dataclass(frozen=True)
class Clocked(Simulator):
    """L ticks a layer.  With Δ = B / L it is the network whose rectifier is clip(⌊a / Δ⌋, 0, L) Δ, or, thresholds lowered by half a
    tick, clip(⌊a / Δ + ½⌋, 0, L) Δ.

    | field      | meaning                                                              |
    |------------|----------------------------------------------------------------------|
    | `ticks`    | L                                                                    |
    | `rounding` | "floor", or "half": thresholds half a tick lower, inputs rounded     |
    """

    ticks: int
    rounding: Literal["floor", "half"] = "half"

    def __post_init__(self) -> None:
        if self.ticks < 1 or self.rounding not in ("floor", "half"):
            raise InvalidSetting(
                f"a clock of {self.ticks} ticks with rounding {self.rounding!r}.",
                "At least one tick; rounding 'floor' or 'half'.",
                "Sixteen are usual: Clocked(16).",
            )

    @property
    def _half(self) -> bool:
        return self.rounding == "half"

    def encode(self, body: Body, x: Tensor) -> Tensor:
        return body.encoder.clocked(x, self.ticks, self._half)

    def step(self, body: Body) -> Step:
        return lambda stage, drive, codes: stage.neuron.clocked(drive, self.ticks, self._half)
