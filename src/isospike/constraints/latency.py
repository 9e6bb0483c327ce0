"""Shorter windows: each holds a share of the layer's activations, and what would come earlier is held at its
beginning.

    B = τ_c (1 + ζ) x,     x: the quantile of the layer's activations, silent neurons counted as zero

Source: Stanojevic 2023, §3.6.3 iv: ζ = 0.5 for convolutions and 0 else.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from isospike.constraints.base import check
from isospike.errors import InvalidSetting
from isospike.network import Body, Constraint, Reached, retimed
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True, eq=False)
class Latency(Constraint):
    """Windows that clip already (ReLU6, or a network that was tuned before) are left as they are.

    | field        | meaning                                                              |
    |--------------|----------------------------------------------------------------------|
    | `percentile` | share of the activations that a window holds, at most 1              |
    | `margin`     | ζ of stages of images; others have none                              |
    """

    percentile: float
    margin: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self,
            0 < self.percentile <= 1 and self.margin >= 0,
            "A percentile above 0 and at most 1; a margin of at least 0.",
        )

    def placed(self, body: Body, reached: Reached) -> tuple["Latency", Body]:
        leads = windows(reached, self.percentile)
        images = {stage.name for stage in body.stages if len(stage.shape) > 1}
        return self, clipped(body, {name: lead * (1 + self.margin * (name in images)) for name, lead in leads.items()})


def windows(reached: Reached, percentile: float) -> dict[str, Tensor]:
    """The leads that hold this share of the activations, of the stages that fire at all.  Raises `InvalidSetting`
    where the share is silent."""
    largest = reached(1.0)
    found = {name: lead for name, lead in reached(percentile).items() if bool(largest[name] > 0)}
    for name, lead in found.items():
        if not bool(lead > 0):
            raise InvalidSetting(
                f"{percentile:.0%} of the activations of stage `{name}` are zero, so a window that holds them would "
                "be empty.",
                "A percentile above the share of silent neurons.",
                "Choose a larger one: 0.9 and above are usual.",
            )
    return found


def clipped(body: Body, windows: dict[str, Tensor]) -> Body:
    """The network whose windows are at most these, and are meant to clip: a neuron that would fire earlier waits for
    its window."""
    lengths = {stage.name: stage.end - stage.begin for stage in body.stages}
    shorter = {name: torch.minimum(lengths[name], w.to(lengths[name].dtype)) for name, w in windows.items()}
    body = retimed(body, shorter)
    stages = (
        replace(stage, neuron=replace(stage.neuron, clipped=True, gated=True))
        if stage.name in shorter and isinstance(stage.neuron, FirstSpikeIF)
        else stage
        for stage in body.stages
    )
    return replace(body, stages=tuple(stages))
