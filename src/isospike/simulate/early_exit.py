"""Early exit: a sample that has decided leaves, and the rest goes on.

A decision is held to be stable once the read-out's sum for the winner leads by a margin:  T (y₁ − y₂) ≥ margin.  What is still to come can
only turn it by late spikes, whose sum does not grow with T; `measure.early` says what the rule costs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.network import Body, SpikingNetwork, Walk, together
from isospike.simulate.stepped import timed


def lead(readout: Tensor, steps: int) -> Tensor:
    """T (y₁ − y₂), (batch,).  readout: (batch, classes).  Raises `InvalidSetting` if there is nothing to decide between."""
    if readout.ndim != 2 or readout.shape[1] < 2:
        what = f"outputs of shape {tuple(readout.shape[1:])} are no decision between classes."
        raise InvalidSetting(what, "One number a class, two classes or more.", "Run all time steps.")
    best = readout.topk(2, dim=1).values
    return steps * (best[:, 0] - best[:, 1])


def looks(body: Body, every: int) -> list[int]:
    """The steps at which decisions are looked at.  Raises `InvalidSetting`."""
    if every < 1:
        raise InvalidSetting(f"a look every {every} steps.", "From 1 on.", "4 is usual.")
    if any(stage.neuron.whole for stage in body.stages):
        raise InvalidSetting("a pool that needs the whole window has no answer before its end.", "Rate(pool='online').", "Convert it so.")
    return [*range(every, body.steps, every), body.steps]


@dataclass(frozen=True)
class EarlyExit:
    """
    | field    | unit               | meaning                                                      |
    |----------|--------------------|--------------------------------------------------------------|
    | `margin` | output · steps     | by how much the winner's sum must lead                       |
    | `every`  | steps              | how often it is looked at                                    |
    | `seed`   |                    | of what is drawn, where the encoder draws                    |
    """

    margin: float = 50.0
    every: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise InvalidSetting(f"EarlyExit(margin={self.margin}).", "Above 0.", "See what several cost: measure.early.")

    @torch.no_grad()
    def __call__(self, network: SpikingNetwork, x: Tensor) -> tuple[Tensor, Tensor]:
        """The read-outs, (batch, classes), and the steps that each sample took, (batch,).  Raises `InvalidSetting`."""
        body = timed(network.body, None)
        times = looks(body, self.every)
        generator = torch.Generator().manual_seed(self.seed)
        parts = [self._walk(body, part, times, generator) for part in x.split(together(body))]
        return torch.cat([out for out, _ in parts]), torch.cat([steps for _, steps in parts])

    def _walk(self, body: Body, x: Tensor, times: list[int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        walk, waiting = Walk(body, x, generator), torch.arange(len(x))
        out, steps = torch.zeros(0), torch.zeros(len(x), dtype=torch.long)
        for end in times:
            now = walk.until(end)
            out = out if len(out) else now.clone()
            out[waiting], steps[waiting] = now, end
            stay = lead(now, end) < self.margin
            if not bool(stay.any()):
                break
            if not bool(stay.all()):
                walk.keep(stay)
                waiting = waiting[stay]
        return out, steps
