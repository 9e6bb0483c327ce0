"""Clocked: spikes fall on the ticks of a clock, a fixed number of them in every layer's window."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from isospike.engine import SpikingNetwork, Step, in_closed_form, over_time, refused
from isospike.errors import InvalidSetting
from isospike.network import Body, Encoder
from isospike.neurons.base import Neuron
from isospike.simulate.base import OnePass


@dataclass(frozen=True)
class Clocked(OnePass):
    """L ticks a layer.  With Δ = B / L it is the network whose rectifier is clip(⌊a / Δ⌋, 0, L) Δ, or, thresholds
    lowered by half a tick, clip(⌊a / Δ + ½⌋, 0, L) Δ.  Of networks that fire step by step it takes those whose rate
    after L steps does not depend on the spikes' order: `SignedIF` without limits, whose potentials at the start say
    how it rounds.

    | field      | meaning                                                              |
    |------------|----------------------------------------------------------------------|
    | `ticks`    | L                                                                    |
    | `rounding` | "floor", or "half": thresholds half a tick lower, inputs rounded     |
    """

    ticks: int
    rounding: Literal["floor", "half"] = "half"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ticks < 1:
            raise InvalidSetting(
                f"a clock of {self.ticks} ticks.", "At least one tick.", "Sixteen are usual: Clocked(16)."
            )

    @property
    def _half(self) -> bool:
        return self.rounding == "half"

    def check(self, network: SpikingNetwork) -> None:
        body = network.body
        if body.steps:
            over_time(body, network.perturb)
        else:
            in_closed_form(body, network.perturb)  # a clock, too, is looked at from t_min on
        if type(body.encoder).clocked is Encoder.clocked:
            raise refused(body, f"{type(body.encoder).__name__} has no clocked face.")
        if other := [stage for stage in body.stages if type(stage.neuron).clocked is Neuron.clocked]:
            raise refused(body, f"stage `{other[0].name}` ({type(other[0].neuron).__name__}) has no clocked face.")

    def encode(self, body: Body, x: Tensor) -> Tensor:
        return body.encoder.clocked(x, self.ticks, self._half)

    def step(self, body: Body) -> Step:
        return lambda stage, drive, codes: stage.neuron.clocked(drive, self.ticks, self._half)
