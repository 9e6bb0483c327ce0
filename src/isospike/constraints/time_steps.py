"""Spikes that fall on the ticks of a clock, L of them in every window, the input's included.

    k = clip(⌊x / Δ + ½⌋, 0, L),     Δ = B / L

A window holds 99 % of the layer's activations; half a tick is taken off the thresholds, so that times are rounded to
the nearest. The gradient passes straight through the rounding.  Source: Stanojevic 2023, §3.6.3 ii."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from isospike.constraints.base import check
from isospike.constraints.latency import clipped, windows
from isospike.errors import InvalidSetting
from isospike.network import Body, Constraint, Reached, Stage
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True, eq=False)
class TimeSteps(Constraint):
    """Windows that clip already (ReLU6, or a network that was tuned before) are left as they are.

    | field        | meaning                                                    |
    |--------------|------------------------------------------------------------|
    | `steps`      | L, time steps a layer                                      |
    | `percentile` | share of the activations that a window holds               |
    """

    steps: int
    percentile: float = 0.99
    lasting: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self,
            self.steps >= 1 and 0 < self.percentile <= 1,
            "At least one time step; a percentile above 0 and at most 1.",
        )

    def placed(self, body: Body, reached: Reached) -> tuple["TimeSteps", Body]:
        return self, clipped(body, windows(reached, self.percentile))

    def parameters(self, body: Body, generator: torch.Generator) -> Body:
        return replace(body, encoder=body.encoder.on_clock(self.steps), stages=tuple(map(self._stage, body.stages)))

    def _stage(self, stage: Stage) -> Stage:
        neuron = stage.neuron
        if not isinstance(neuron, FirstSpikeIF) or neuron.ticks == self.steps:
            return stage
        if neuron.ticks:
            raise InvalidSetting(
                f"stage `{stage.name}` has {neuron.ticks} ticks already.",
                f"{neuron.ticks} time steps, for this network.",
                "Start from the one before it was tuned.",
            )
        half = neuron.slope * (neuron.window / self.steps / 2) / neuron.tau
        return replace(stage, neuron=replace(neuron, shift=neuron.shift - half, ticks=self.steps))
