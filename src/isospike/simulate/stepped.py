"""Stepped: networks whose neurons fire step by step, layer by layer over stretches of time."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import through
from isospike.network import Body, Listen, SpikingNetwork, Stage, Watch, walked
from isospike.neurons.fused import plain
from isospike.neurons.stepping import Stepping
from isospike.simulate.base import Run, Simulator


@dataclass(frozen=True)
class Stepped(Simulator):
    """
    | field   | meaning                                                       |
    |---------|---------------------------------------------------------------|
    | `steps` | T; the network's own unless given                             |
    | `seed`  | of what is drawn, where the encoder draws                     |
    """

    steps: int | None = None
    seed: int = 0

    def prepare(self, network: SpikingNetwork) -> Run:
        unperturbed(network)
        body = timed(network.body, self.steps)
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None, listen: Listen | None = None) -> Tensor:
            return walked(body, x, generator, watch, listen)

        return simulation


@dataclass(frozen=True)
class StepByStep(Stepped):
    """The same, as the equations are written: every layer at every step, in tensors.  Slow; what `Stepped` is held against."""

    def prepare(self, network: SpikingNetwork) -> Run:
        unperturbed(network)
        body = timed(network.body, self.steps)
        generator = torch.Generator().manual_seed(self.seed)

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None, listen: Listen | None = None) -> Tensor:
            *hidden, read = body.stages
            if any(stage.neuron.whole for stage in hidden):
                raise InvalidSetting("a pool that needs the whole window has no answer step by step.", "Stepped.", "Leave the simulator out.")
            states: dict[str, Any] = {}
            drive, total = body.encoder.drive(x), torch.zeros(())
            for t in range(body.steps):
                spikes = {"input": body.encoder.train(drive, t, 1, generator)[0]}
                for stage in hidden:
                    current = arriving(stage, spikes)
                    state = states.setdefault(stage.name, stage.neuron.start(current))
                    once = plain(stage.neuron, current[None], state, 1) if isinstance(stage.neuron, Stepping) else stage.neuron.advance(current[None], state, 1)
                    spikes[stage.name] = once[0]
                    if listen is not None:
                        listen(stage, once)
                total = total + arriving(read, spikes)
            if watch is not None:
                for stage in hidden:
                    watch(stage, states[stage.name].net / body.steps)
            return total / body.steps

        return simulation


def arriving(stage: Stage, spikes: dict[str, Tensor]) -> Tensor:
    """What a stage's neurons receive in one step."""
    parts = [through(group.chain, spikes[group.source]) for group in stage.groups]
    total = sum(parts[1:], start=parts[0])
    return total if stage.neuron.current is None else total + stage.neuron.current


def unperturbed(network: SpikingNetwork) -> None:
    """Raises `InvalidSetting` if hardware disturbs the network's spikes."""
    if network.perturb is not None:
        raise InvalidSetting("a perturbation of spike times, in a network that sends trains of spikes.", "TTFS networks.", "Leave `perturb` out.")


def timed(body: Body, steps: int | None) -> Body:
    """The network with another number of steps, if given.  Raises `InvalidSetting` if it has none at all."""
    if not body.steps:
        raise InvalidSetting("this network has no time steps: each of its layers answers once.", "Networks made by Rate.", "Leave the simulator out.")
    if steps is not None and steps < 1:
        raise InvalidSetting(f"{steps} time steps.", "At least one.", "64 are usual.")
    return replace(body, steps=steps or body.steps)
