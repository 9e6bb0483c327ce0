"""Early exit: a sample that has decided leaves, and the rest goes on.

A decision is held to be stable once the read-out's sum for the winner leads by a margin:  T (y₁ − y₂) ≥ margin.  What
is still to come can only turn it by late spikes, whose sum does not grow with T; `measure.early` says what the rule
costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, Walk, Watch, together
from isospike.errors import InvalidSetting
from isospike.ir.typed import Seed
from isospike.network import Body, Stage
from isospike.simulate.base import Run, Simulator, Trace
from isospike.simulate.stepped import timed

Leave = Callable[[Tensor, int], None]  # (which samples of the batch leave, after how many steps)


def lead(readout: Tensor, steps: int) -> Tensor:
    """T (y₁ − y₂), (batch,).  readout: (batch, classes)."""
    best = readout.topk(2, dim=1).values
    return steps * (best[:, 0] - best[:, 1])


def looks(body: Body, every: int) -> list[int]:
    """The steps at which decisions are looked at.  Raises `InvalidSetting` if there is nothing to decide between, or
    not before the end."""
    if every < 1:
        raise InvalidSetting(f"a look every {every} steps.", "From 1 on.", "4 is usual.")
    if any(stage.neuron.whole for stage in body.stages):
        raise InvalidSetting(
            "a pool that needs the whole window has no answer before its end.",
            "Rate(pool='online'); or Stepped().",
            "Convert it so, or take Stepped().",
        )
    if body.stages[-1].neuron.hears:
        raise InvalidSetting(
            "the read-out compares whole patterns: a lead in its scores is no rate.",
            "Stepped(); accuracy by time: curve.",
            "Take Stepped().",
        )
    shape = body.stages[-1].shape
    if len(shape) != 1 or shape[0] < 2:
        what = f"outputs of shape {shape} are no decision between classes."
        raise InvalidSetting(
            what, "One number a class, two classes or more; or Stepped().", "Run all time steps: Stepped()."
        )
    return [*range(every, body.steps, every), body.steps]


@dataclass(frozen=True)
class EarlyExit(Simulator):
    """Its traces have the steps that each sample took, and its rates are over these steps.

    | field    | unit               | meaning                                                      |
    |----------|--------------------|--------------------------------------------------------------|
    | `margin` | output · steps     | by how much the winner's sum must lead                       |
    | `every`  | steps              | how often it is looked at                                    |
    | `seed`   |                    | of what is drawn, where the encoder draws                    |
    """

    margin: float = 50.0
    every: int = 4
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.margin > 0:
            raise InvalidSetting(
                f"EarlyExit(margin={self.margin}).", "Above 0.", "See what several cost: measure.early."
            )

    def check(self, network: SpikingNetwork) -> None:
        looks(timed(network, None), self.every)

    def prepare(self, network: SpikingNetwork) -> Run:
        body = timed(network, None)
        times = looks(body, self.every)
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None, leave: Leave | None = None) -> Tensor:
            order, outs, rates = [], [], list[dict[str, Tensor]]()
            for part in torch.arange(len(x), device=x.device).split(together(body)):
                for rows, end, out, own in self._leaving(body, x[part], times, generator):
                    order.append(part[rows])
                    outs.append(out)
                    if watch is not None:
                        rates.append(own)
                    if leave is not None:
                        leave(part[rows], end)
            back = torch.cat(order).argsort()
            if watch is not None:
                for stage in body.stages[:-1]:
                    watch(stage, torch.cat([own[stage.name] for own in rates])[back])
            return torch.cat(outs)[back]

        return simulation

    def trace(self, network: SpikingNetwork, x: Tensor) -> Trace:
        codes: dict[str, Tensor] = {}
        steps = torch.zeros(len(x), dtype=torch.long, device=x.device)

        def watch(stage: Stage, rates: Tensor) -> None:
            codes[stage.name] = rates

        def leave(rows: Tensor, after: int) -> None:
            steps[rows] = after

        return Trace(network, self.prepare(network)(x, watch, leave), codes, steps=steps)

    def _leaving(
        self, body: Body, x: Tensor, times: list[int], generator: torch.Generator
    ) -> Iterator[tuple[Tensor, int, Tensor, dict[str, Tensor]]]:
        """Those that leave at each look: which, when, their read-outs and their rates by stage."""
        walk, waiting = Walk(body, x, generator), torch.arange(len(x), device=x.device)
        for end in times:
            out = walk.until(end)
            left = (lead(out, end) >= self.margin) | (end == times[-1])
            if bool(left.any() | left.all()):  # of no sample at all, all leave at the first look
                yield (
                    waiting[left],
                    end,
                    out[left],
                    {stage.name: walk.states[stage.name].net[left] / end for stage in body.stages[:-1]},
                )
            if bool(left.all()):
                return
            walk.keep(~left)
            waiting = waiting[~left]
