"""Event-driven: each membrane integrated spike by spike.  It knows synapses and neurons, and nothing of the original
network."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, Step, refused
from isospike.errors import InvalidSetting
from isospike.network import Body, Stage
from isospike.neurons.base import Drive, Neuron
from isospike.simulate.base import OnePass
from isospike.simulate.wiring import parts, whole, wired


@dataclass(frozen=True)
class EventDriven(OnePass):
    """Integrates the membrane equation in double precision; time grows with the number of spikes times their synapses.

    | field    | unit           | meaning |
    |----------|----------------|--------------------|
    | `memory` | GB (10⁹ bytes) | the most that synapses may take, with copies made while they are listed; of larger
    |          |                | networks those of some channels are listed at a time, for each batch |
    """

    memory: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.memory > 0:
            raise InvalidSetting(f"EventDriven(memory={self.memory}).", "GB, above 0.", "1 is usual.")

    def check(self, network: SpikingNetwork) -> None:
        body = network.body
        if body.steps:
            raise refused(body, "this network fires step by step: its neurons are not integrated event by event.")
        if network.device.type != "cpu":
            raise InvalidSetting(
                f"the network is on {network.device}; event by event it runs on the CPU only.",
                "A network on the CPU; on other devices ClosedForm().",
                "Move it, network.cpu(); or take the closed form alone, --simulator closed-form.",
            )
        if other := [stage for stage in body.stages if type(stage.neuron).event_driven is Neuron.event_driven]:
            raise InvalidSetting(
                f"stage `{other[0].name}` ({type(other[0].neuron).__name__}) has no event-driven face.",
                "Neurons that define `event_driven`; ClosedForm() for those that define `closed_form`.",
                "Take ClosedForm().",
            )
        for stage in body.stages:
            parts(stage, body.shapes, self.memory)

    def step(self, body: Body) -> Step:
        of = {stage.name: parts(stage, body.shapes, self.memory) for stage in body.stages}
        kept = {}
        if whole(body)[1] <= self.memory:
            kept = {stage.name: list(wired(stage, body.shapes, of[stage.name])) for stage in body.stages}
        late = {stage.name: _late(stage, body) for stage in body.stages}

        def step(stage: Stage, drive: Drive, codes: dict[str, Tensor]) -> Tensor:
            first = codes[stage.groups[0].source]
            arriving = np.concatenate(
                [_arriving(codes[group.source], by) for group, by in zip(stage.groups, late[stage.name], strict=True)],
                1,
            )
            code = np.concatenate(
                [
                    part.neuron.event_driven(arriving, listed, part.shape)
                    for part, listed in kept.get(stage.name) or wired(stage, body.shapes, of[stage.name])
                ],
                1,
            )
            return torch.from_numpy(code).to(first.dtype).reshape(len(first), *stage.shape)

        return step


def _late(stage: Stage, body: Body) -> list[float]:
    """By how much each group's spikes miss the stage's window on the common clock, after their axonal delay [time]."""
    ends = {"input": body.encoder.end} | {other.name: float(other.end) for other in body.stages}
    due = float(stage.end if stage.neuron.relays else stage.begin)
    # What the network's precision can tell apart on the clock.
    resolution = 64 * torch.finfo(stage.begin.dtype).eps * max(map(abs, ends.values()))
    missed = [ends[group.source] + float(group.delay) - due for group in stage.groups]
    return [0.0 if abs(by) <= resolution else by for by in missed]


def _arriving(code: Tensor, late: float) -> np.ndarray:
    """Leads of arriving spikes, (batch, presynaptic), zero for silent."""
    lead = code.reshape(len(code), math.prod(code.shape[1:])).double().numpy()
    return lead if not late else np.where(lead != 0, lead - late, 0.0)
