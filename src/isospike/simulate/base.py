"""What every simulator shares: it is prepared for a network once, then run on batches."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isospike.network import Body, SpikingNetwork, Stage, Step, Watch, run


@dataclass(frozen=True)
class Simulator:
    """Base of the simulators; the fields of each are its settings."""

    @property
    def name(self) -> str:
        """How reports call it."""
        return type(self).__name__

    def step(self, body: Body) -> Step:
        """How a stage's code follows from what it reads; made once for a network."""
        raise NotImplementedError

    def encode(self, body: Body, x: Tensor) -> Tensor:
        """The input neurons' codes."""
        return body.encoder.encode(x)

    def prepare(self, network: SpikingNetwork) -> "Run":
        """The simulation of one network, to be called on batches."""
        body = network.body
        step, perturb = self.step(body), network.perturb

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None) -> Tensor:
            return run(body, self.encode(body, x), step, watch, perturb)

        return simulation


Run = Callable[..., Tensor]  # (x, watch=None) -> read-out


@dataclass(frozen=True)
class Trace:
    """What a simulation leaves: the read-out, and every stage's spikes.

    readout: (batch, *output shape).  codes: by stage, (batch, *shape), as the neuron model defines them.  trains: by stage, the spikes of
    every time step, (steps, batch, *shape), where there are such.
    """

    network: SpikingNetwork
    readout: Tensor
    codes: dict[str, Tensor]
    trains: dict[str, Tensor] = field(default_factory=dict)

    def times(self, name: str) -> Tensor:
        """First spikes of a stage from the beginning of its window [time, or steps]; infinity where a neuron stayed silent."""
        stage = self.stage(name)
        if self.trains:
            sent = self.trains[name] != 0
            first = sent.int().argmax(0).to(self.readout.dtype)
            return torch.where(sent.any(0), first, torch.full_like(first, torch.inf))
        code = self.codes[name]
        fired = stage.neuron.spikes(code) > 0
        return torch.where(fired, (stage.end - stage.begin) - code, torch.full_like(code, torch.inf))

    def stage(self, name: str) -> Stage:
        """The stage of this name."""
        return next(s for s in self.network.stages if s.name == name)
