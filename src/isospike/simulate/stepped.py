"""Stepped: networks whose neurons fire step by step, layer by layer over stretches of time."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from isospike.engine import Listen, SpikingNetwork, Watch, over_time, plain, refused, start, walked
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import through
from isospike.ir.typed import Seed
from isospike.network import Body, Stage
from isospike.simulate.base import Run, Simulator, Trace


@dataclass(frozen=True)
class Stepped(Simulator):
    """
    | field   | meaning                                                       |
    |---------|---------------------------------------------------------------|
    | `steps` | T; the network's own unless given                             |
    | `seed`  | of what is drawn, where the encoder draws                     |
    """

    steps: int | None = None
    seed: Seed = 0

    def check(self, network: SpikingNetwork) -> None:
        timed(network, self.steps)

    def prepare(self, network: SpikingNetwork) -> Run:
        body = timed(network, self.steps)
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(
            x: Tensor, watch: Watch | None = None, listen: Listen | None = None, tally: Watch | None = None
        ) -> Tensor:
            return walked(body, x, generator, watch, listen, tally)

        return simulation

    @torch.no_grad()
    def trace(self, network: SpikingNetwork, x: Tensor) -> Trace:
        codes: dict[str, Tensor] = {}
        trains: dict[str, list[Tensor]] = {}

        def listen(stage: Stage, train: Tensor) -> None:
            # Spikes are counts; what a read-out hears may be anything.
            trains.setdefault(stage.name, []).append(train if stage.neuron.hears else train.to(torch.int16))

        readout = self.prepare(network)(x, lambda stage, code: codes.update({stage.name: code}), listen)
        return Trace(network, readout, codes, {name: torch.cat(parts) for name, parts in trains.items()})


@dataclass(frozen=True)
class StepByStep(Stepped):
    """The same, as the equations are written: every layer at every step, in tensors.  Slow; what `Stepped` is held
    against."""

    def check(self, network: SpikingNetwork) -> None:
        body = timed(network, self.steps)
        if any(stage.neuron.whole for stage in body.stages):
            raise refused(body, "a pool that needs the whole window has no answer step by step.")

    def prepare(self, network: SpikingNetwork) -> Run:
        self.check(network)
        body = timed(network, self.steps)
        *hidden, read = body.stages
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(
            x: Tensor, watch: Watch | None = None, listen: Listen | None = None, tally: Watch | None = None
        ) -> Tensor:
            states: dict[str, Any] = {}
            drive, total = body.encoder.drive(x), torch.zeros(())
            for t in range(body.steps):
                spikes = {"input": body.encoder.train(drive, t, 1, generator)[0]}
                for stage in hidden:
                    current = arriving(stage, spikes)
                    state = states.setdefault(stage.name, start(stage.neuron, current))
                    once = plain(stage.neuron, current[None], state, 1)
                    spikes[stage.name] = once[0]
                    if listen is not None:
                        listen(stage, once)
                current = arriving(read, spikes)
                if read.neuron.hears:
                    heard = plain(
                        read.neuron, current[None], states.setdefault(read.name, start(read.neuron, current)), 1
                    )
                    if listen is not None:
                        listen(read, heard)
                else:
                    total = total + current
            for stage in hidden:
                if watch is not None:
                    watch(stage, states[stage.name].net / body.steps)
                if tally is not None:
                    tally(stage, states[stage.name].total)
            return read.neuron.scores(states[read.name]) if read.neuron.hears else total / body.steps

        return simulation


def arriving(stage: Stage, spikes: dict[str, Tensor]) -> Tensor:
    """What a stage's neurons receive in one step."""
    parts = [through(group.chain, spikes[group.source]) for group in stage.groups]
    total = sum(parts[1:], start=parts[0])
    return total if stage.neuron.current is None else total + stage.neuron.current


def timed(network: SpikingNetwork, steps: int | None) -> Body:
    """What the network is made of, with another number of steps if given.  Raises `InvalidSetting` if it does not fire
    step by step."""
    over_time(network.body, network.perturb)
    if steps is not None and steps < 1:
        raise InvalidSetting(f"{steps} time steps.", "At least one.", "64 are usual.")
    return replace(network.body, steps=steps or network.body.steps)
