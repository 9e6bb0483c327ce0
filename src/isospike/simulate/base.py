"""What every simulator shares: it is prepared for a network once, then run on batches."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, Step, Watch, in_blocks, run
from isospike.errors import InvalidSetting
from isospike.ir.typed import typed
from isospike.network import Body, Stage
from isospike.shown import html, text

Run = Callable[..., Tensor]  # (x, watch=None) -> read-out


@dataclass(frozen=True, repr=False)
class Trace:
    """What a simulation leaves: the read-out, and every stage's spikes.

    readout: (batch, *output shape).  codes: by stage, (batch, *shape), as the neuron model defines them.  trains: by
    stage, the spikes of every time step, (steps, batch, *shape), where they are kept.  steps: (batch,), how many each
    sample took, where they differ."""

    network: SpikingNetwork
    readout: Tensor
    codes: dict[str, Tensor]
    trains: dict[str, Tensor] = field(default_factory=dict)
    steps: Tensor | None = None

    def _rows(self) -> list[dict[str, str | int | float]]:
        """Spikes of each stage that spikes, a sample's."""
        return [
            {
                "stage": stage.name,
                "neurons": int(torch.Size(stage.shape).numel()),
                "spikes": float(stage.neuron.spikes(self.codes[stage.name]).sum()) / max(len(self.readout), 1),
            }
            for stage in self.network.stages[:-1]
            if stage.name in self.codes
        ]

    def _line(self) -> str:
        when = f"T = {self.network.body.steps}" if self.network.body.steps else f"latency {self.network.latency:.4g}"
        return f"Trace({len(self.readout):,} samples, {when}; spikes of a sample by stage)"

    def __repr__(self) -> str:
        return text(self._rows(), self._line())

    def _repr_html_(self) -> str:
        return html(self._rows(), self._line())

    def times(self, name: str) -> Tensor:
        """First spikes of a stage from the beginning of its window [time, or steps]; infinity where a neuron stayed
        silent.

        Raises `InvalidSetting` for a network that fires step by step if its trains were not kept.
        """
        stage = self.stage(name)
        if self.trains:
            sent = self.trains[name] != 0
            first = sent.int().argmax(0).to(self.readout.dtype)
            return torch.where(sent.any(0), first, torch.full_like(first, torch.inf))
        if self.network.body.steps:
            raise InvalidSetting(
                "this trace has rates and no trains, so no spike has a time.",
                "Traces of Stepped().",
                "Simulate with Stepped().",
            )
        code = self.codes[name]
        fired = stage.neuron.spikes(code) > 0
        return torch.where(fired, (stage.end - stage.begin) - code, torch.full_like(code, torch.inf))

    def stage(self, name: str) -> Stage:
        """The stage of this name."""
        found = next((s for s in self.network.stages if s.name == name), None)
        if found is None:
            known = ", ".join(s.name for s in self.network.stages)
            raise InvalidSetting(
                f"the network has no stage `{name}`.",
                f"Its stages: {known}.",
                "Choose one of these: trace.times(name).",
            )
        return found


@dataclass(frozen=True)
class Simulator(ABC):
    """Base of the simulators; the fields of each are its settings."""

    def __post_init__(self) -> None:
        typed(self)

    @property
    def name(self) -> str:
        """How reports call it."""
        return type(self).__name__

    @abstractmethod
    def check(self, network: SpikingNetwork) -> None:
        """Raises `InvalidSetting` for a network that it would answer wrongly, or that is too large for it; makes
        nothing large itself."""

    @abstractmethod
    def prepare(self, network: SpikingNetwork) -> Run:
        """The simulation of one network, to be called on batches.  Raises what `check` raises."""

    def trace(self, network: SpikingNetwork, x: Tensor) -> Trace:
        """Run a network on a batch and keep every stage's spikes."""
        codes: dict[str, Tensor] = {}
        readout = self.prepare(network)(x, lambda stage, code: codes.update({stage.name: code}))
        return Trace(network, readout, codes)


@dataclass(frozen=True)
class OnePass(Simulator):
    """Base of the simulators that go through the stages once, each handing on one code; `blocks`: what nobody watches
    goes through in blocks that fit the cache."""

    blocks: ClassVar[bool] = False

    @abstractmethod
    def step(self, body: Body) -> Step:
        """How a stage's code follows from what it reads; made once for a network."""

    def encode(self, body: Body, x: Tensor) -> Tensor:
        """The input neurons' codes."""
        return body.encoder.encode(x)

    def prepare(self, network: SpikingNetwork) -> Run:
        self.check(network)
        body = network.body
        step, perturb = self.step(body), network.perturb  # one draw from its seeds for all batches

        @torch.no_grad()
        def simulation(x: Tensor, watch: Watch | None = None) -> Tensor:
            encoded = self.encode(body, x)
            if self.blocks and watch is None:
                return in_blocks(body, encoded, step, perturb)
            return run(body, encoded, step, watch, perturb)

        return simulation
