"""Early exit: a sample that has decided leaves, and the rest goes on.

A decision is held to be stable once the read-out's sum for the winner leads by a margin:  T (y₁ − y₂) ≥ margin.  What is still to come can
only turn it by late spikes, whose sum does not grow with T; `measure.early` says what the rule costs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.network import Perturb, SpikingNetwork, Walk, Watch, together
from isospike.simulate.base import Run
from isospike.simulate.stepped import Stepped, timed, unperturbed


def lead(readout: Tensor, steps: int) -> Tensor:
    """T (y₁ − y₂), (batch,).  readout: (batch, classes)."""
    best = readout.topk(2, dim=1).values
    return steps * (best[:, 0] - best[:, 1])


@dataclass(frozen=True)
class EarlyExit(Stepped):
    """
    | field    | unit               | meaning                                                      |
    |----------|--------------------|--------------------------------------------------------------|
    | `margin` | output · steps     | by how much the winner's sum must lead                       |
    | `every`  | steps              | how often it is looked at                                    |
    | `left`   |                    | called with each part's steps until it left, (batch,)        |
    """

    margin: float = 50.0
    every: int = 4
    left: Callable[[Tensor], None] | None = None

    def __post_init__(self) -> None:
        if not self.margin > 0 or self.every < 1:
            raise InvalidSetting(f"EarlyExit(margin={self.margin}, every={self.every}).", "A margin above 0; every step or later.", "See `measure.early`.")

    def prepare(self, network: SpikingNetwork) -> Run:
        body = timed(network.body, self.steps)
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None, perturb: Perturb | None = None) -> Tensor:
            unperturbed(perturb)
            outs = []
            for part in x.split(together(body)):
                walk, waiting = Walk(body, part, generator), torch.arange(len(part))
                steps, out = torch.zeros(len(part)), torch.zeros(0)
                for end in [*range(self.every, body.steps, self.every), body.steps]:
                    now = walk.until(end)
                    out = now.clone() if not len(out) else out
                    out[waiting], steps[waiting] = now, float(end)
                    stay = lead(now, end) < self.margin
                    if not bool(stay.any()):
                        break
                    if not bool(stay.all()):
                        walk.keep(stay)
                        waiting = waiting[stay]
                outs.append(out)
                if self.left is not None:
                    self.left(steps)
            return torch.cat(outs)

        return simulation
