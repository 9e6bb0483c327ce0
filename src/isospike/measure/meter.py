"""Meters that watch a simulation stage by stage and keep totals only, so that memory does not grow with the samples."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.measure.operations import MAC, SYNAPTIC_OPERATION, wiring
from isospike.network import Stage


@dataclass
class StageTotals:
    """Sums over samples and neurons of one stage."""

    spikes: float = 0.0
    active: float = 0.0
    early: float = 0.0


@dataclass
class Meter:
    """Counts spikes, active neurons, early spikes and synaptic operations; `watch`, or `tally`, is handed to a simulation."""

    network: SpikingNetwork
    samples: int = 0
    operations: float = 0.0
    outside: int = 0
    totals: dict[str, StageTotals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        body = self.network.body
        self.body, self.wiring = body, wiring(body)
        self.readers: dict[str, list[Tensor]] = {}
        for groups in self.wiring.groups.values():
            for source, fan in groups:
                self.readers.setdefault(source, []).append(fan)
        self.fan = {source: torch.stack(fans).sum(0).to(self.network.dtype) for source, fans in self.readers.items()}
        self.totals = {stage.name: StageTotals() for stage in body.stages[:-1]}

    def input(self, x: Tensor) -> None:
        """Count a batch and the spikes of its input neurons."""
        self.samples += len(x)
        self.outside += self.body.encoder.outside(x)
        spikes = (self.body.encoder.encode(x) > 0).to(self.network.dtype).sum(0)
        self.operations += float((spikes * self.fan["input"]).sum())

    def watch(self, stage: Stage, code: Tensor) -> None:
        """Count the spikes that a stage's code stands for."""
        self._count(stage, stage.neuron.spikes(code), code != 0, stage.neuron.early(code))

    def tally(self, stage: Stage, spikes: Tensor) -> None:
        """Count a stage's spikes where each neuron sends many.  spikes: (batch, *shape), of either sign."""
        self._count(stage, spikes, spikes != 0, spikes.new_zeros(()).bool())

    def _count(self, stage: Stage, spikes: Tensor, active: Tensor, early: Tensor) -> None:
        if stage.name not in self.totals:
            return  # the read-out does not spike
        totals, spikes = self.totals[stage.name], spikes.sum(0)
        totals.spikes += float(spikes.sum())
        totals.active += float(active.sum())
        totals.early += float(early.sum())
        if stage.name in self.fan:
            self.operations += float((spikes * self.fan[stage.name]).sum())

    def figures(self) -> dict[str, float]:
        """Spikes a neuron, operations and energy a sample, over the populations (pools pass spikes on and are no neurons of their own)."""
        own = [stage for stage in self.body.stages[:-1] if not stage.neuron.relays]
        neurons = max(sum(stage_size(stage) for stage in own) * self.samples, 1)
        return {
            "active_fraction": sum(self.totals[s.name].active for s in own) / neurons,
            "spikes_per_neuron": sum(self.totals[s.name].spikes for s in own) / neurons,
            "latency": self.network.latency,
            "early_spikes": int(sum(t.early for t in self.totals.values())),
            "inputs_outside_range": self.outside,
            "synaptic_operations": self.operations / max(self.samples, 1),
            "macs": self.body.macs,
            "energy_spiking_pj": self.operations / max(self.samples, 1) * SYNAPTIC_OPERATION.picojoule,
            "energy_original_pj": self.body.macs * MAC.picojoule,
        }


def stage_size(stage: Stage) -> int:
    """Number of neurons of a stage."""
    return int(torch.Size(stage.shape).numel())
