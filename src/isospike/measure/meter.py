"""One meter for windows and steps: it counts what a simulation sends, stage by stage, and keeps totals only, whatever
the number of samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.measure.operations import fans
from isospike.measure.prices import USUAL, Prices
from isospike.network import Body, Stage


@dataclass
class StageTotals:
    """Sums over samples and neurons of one stage."""

    spikes: float = 0.0
    active: float = 0.0
    early: float = 0.0


@dataclass
class Meter:
    """Counts spikes, active neurons, early spikes and synaptic operations.

    `watch` is handed to a simulation of windows, and `tally` to one of steps, where each neuron sends many spikes.

    | field        | meaning                                                          |
    |--------------|------------------------------------------------------------------|
    | `fan`        | by source, the synapses that each of its neurons' spikes reach   |
    | `operations` | synaptic operations                                              |
    | `outside`    | inputs outside the declared range                                |
    """

    body: Body
    fan: Mapping[str, Tensor]
    samples: int = 0
    operations: float = 0.0
    outside: int = 0
    totals: dict[str, StageTotals] = field(default_factory=dict)

    @classmethod
    def of(cls, network: SpikingNetwork) -> "Meter":
        """A meter for a network."""
        return cls(network.body, {source: network.own(fan) for source, fan in fans(network.body).items()}).again()

    def again(self) -> "Meter":
        """Another one for the same network, which has counted nothing."""
        totals = {stage.name: StageTotals() for stage in self.body.stages[:-1]}
        return replace(self, samples=0, operations=0.0, outside=0, totals=totals)

    def input(self, x: Tensor) -> None:
        """Count a batch and the spikes of its input neurons, which send one each at most."""
        self.outside += self.body.encoder.outside(x)
        self.sent((self.body.encoder.encode(x) > 0).to(self.fan["input"]))

    def sent(self, spikes: Tensor) -> None:
        """Count a batch and the spikes of its input neurons, (batch, *shape); a constant current is no spike."""
        self.samples += len(spikes)
        if not self.body.encoder.constant:
            self.operations += float((spikes.sum(0) * self.fan["input"]).sum())

    def watch(self, stage: Stage, code: Tensor) -> None:
        """Count the spikes that a stage's code stands for."""
        self._count(stage, stage.neuron.spikes(code), code != 0, stage.neuron.early(code))

    def tally(self, stage: Stage, spikes: Tensor) -> None:
        """Count a stage's spikes, (batch, *shape), of either sign."""
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

    def figures(self, prices: Prices = USUAL) -> dict[str, Any]:
        """Over the populations (pools pass spikes on and are no neurons of their own); operations and energies [nJ]
        are a sample's.

        macs: what an analog input costs, whose constant current is computed once.  energy_ratio: spiking to original,
        None where that costs nothing.
        """
        own = [stage for stage in self.body.stages[:-1] if not stage.neuron.relays]
        neurons = max(sum(map(stage_size, own)), 1) * max(self.samples, 1)
        operations = self.operations / max(self.samples, 1)
        macs = float(self.fan["input"].sum()) if self.body.encoder.constant else 0.0
        spiking, original = operations * prices.synaptic_operation + macs * prices.mac, self.body.macs * prices.mac
        return {
            "spikes_per_neuron": sum(self.totals[s.name].spikes for s in own) / neurons,
            "active_fraction": sum(self.totals[s.name].active for s in own) / neurons,
            "early_spikes": int(sum(t.early for t in self.totals.values())),
            "inputs_outside_range": self.outside,
            "synaptic_operations": operations,
            "macs": macs,
            "macs_original": self.body.macs,
            "energy_ratio": spiking / original if original else None,
            "energy_spiking_nj": spiking / 1000,
            "energy_original_nj": original / 1000,
        }


def stage_size(stage: Stage) -> int:
    """Number of neurons of a stage."""
    return int(torch.Size(stage.shape).numel())
