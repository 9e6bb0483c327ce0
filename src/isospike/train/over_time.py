r"""A network of units, trained by backpropagation through time to answer with its class's target pattern.

    L = −1/n Σ Σ_o Σ_t ω X*(t) log X(t) + (1 − X*(t)) log(1 − X(t))

X: what the sigmoids of the output neurons say, X*: the target of the sample's class, n samples.  Weights and
thresholds are learned, the decay is not; where a unit fires the derivative is a surrogate's (train/surrogates.py).
Source: Stanojevic 2023, eq. A.13, whose bracket is misprinted."""

import math
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.encoders import PatternEncoder
from isospike.engine import SpikingNetwork, of_units
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.route import Reshape
from isospike.network import Body, Stage, reweighted, trained_maps
from isospike.neurons import SNU, NearestPattern
from isospike.train.base import Peers, Trainee
from isospike.train.surrogates import SURROGATES
from isospike.train.unrolled import InParts, Spread, Trains, fired

PART = 1 << 21  # potentials of the widest layer that are held at a time


class OverTime(Trainee[SpikingNetwork]):
    """Trains the weights and thresholds of a network that `units` made.

    weight: ω, of the steps at which a target spikes.  dropout: share of the hidden neurons that are silent for a
    sample.  surrogate: one of `SURROGATES`, of the potential's distance from the threshold over `width`.  Raises
    `InvalidSetting` for networks of other neurons."""

    def __init__(
        self,
        network: SpikingNetwork,
        weight: float = 10.0,
        dropout: float = 0.0,
        surrogate: str = "tanh",
        width: float = 0.5,
    ) -> None:
        super().__init__()
        of_units(network, "OverTime")
        if weight < 1 or not 0 <= dropout < 1 or surrogate not in SURROGATES or not width > 0:
            raise InvalidSetting(
                f"OverTime(weight={weight}, dropout={dropout}, surrogate={surrogate!r}, width={width}).",
                f"weight from 1, dropout from 0 to below 1, surrogate one of {', '.join(SURROGATES)}, width above 0.",
            )
        self.weight, self.dropout, self.surrogate, self.width = weight, dropout, surrogate, width
        self._body = network.body.map_tensors(lambda _, t: t.detach().clone())
        self.synapses, self.thresholds = nn.ParameterDict(), nn.ParameterDict()
        for i, stage in enumerate(self._body.stages):
            for number, step in enumerate(trained_maps(stage)):
                self.synapses[f"{i}/{number}"] = nn.Parameter(step.weight)
            self.thresholds[str(i)] = nn.Parameter(_level(stage))
        encoder = self._body.encoder
        self._trains = Trains.of(encoder) if isinstance(encoder, PatternEncoder) else None
        self._noise = torch.Generator()

    def body(self) -> Body:
        """The network over the current parameters."""

        def stage(i: int, old: Stage) -> Stage:
            neuron: Any = old.neuron
            return replace(
                reweighted(old, lambda number, _: self.synapses[f"{i}/{number}"]),
                neuron=replace(neuron, threshold=self.thresholds[str(i)]),
            )

        return replace(self._body, stages=tuple(stage(i, old) for i, old in enumerate(self._body.stages)))

    def _apply(self, fn: Any, recurse: bool = True) -> "OverTime":
        super()._apply(fn, recurse)
        self._body = self._body.map_tensors(lambda _, t: fn(t.detach()))
        return self

    def outputs(self, x: Tensor) -> Tensor:
        """Drives of the output neurons, (batch, steps, outputs)."""
        body = self.body()
        sent: dict[str, Tensor] = {}
        for stage in body.stages:
            drive = sum(
                (self._drive(body, group.chain, group.source, x, sent) for group in stage.groups[1:]),
                start=self._drive(body, stage.groups[0].chain, stage.groups[0].source, x, sent),
            )
            neuron = stage.neuron
            if not isinstance(neuron, SNU):
                return drive
            shape = drive.shape
            level = neuron.threshold if neuron.threshold.ndim == 0 else neuron.threshold.flatten()
            spikes = fired(drive.flatten(2), level, float(neuron.decay), self._slope).view(shape)
            if self.training and self.dropout:
                kept = torch.rand((len(x), 1, *stage.shape), device=x.device) >= self.dropout
                spikes = spikes * (kept / (1 - self.dropout))
            sent[stage.name] = spikes
        raise AssertionError("a network ends in its read-out")

    def _slope(self, a: Tensor) -> Tensor:
        return SURROGATES[self.surrogate](a / self.width)

    def _drive(self, body: Body, chain: Chain, source: str, x: Tensor, sent: dict[str, Tensor]) -> Tensor:
        """What a group of synapses delivers, (batch, steps, *shape)."""
        encoder = body.encoder
        if source == "input":
            drive, dense = encoder.drive(x), _only_dense(chain)
            if isinstance(encoder, PatternEncoder) and dense is not None and x.device.type == "cpu":
                out: Tensor = Spread.apply(dense.weight, encoder.chosen(drive), self._trains)
                return out
            if "input" not in sent:
                sent["input"] = encoder.train(drive, 0, body.steps, self._noise).movedim(0, 1)
        train = sent[source]
        found = through(chain, train.flatten(0, 1)).unflatten(0, train.shape[:2])
        # Units write over what drives them, which must not be the spikes of others.
        return found if any(step.weighted for step in chain) else found.clone()

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Minus the distances from the targets, (batch, classes)."""
        body = self.body()
        read = body.stages[-1].neuron
        assert isinstance(read, NearestPattern)
        drive = self.outputs(x).movedim(1, 0)
        state = read.start(drive[0])
        read.advance(drive, state, len(drive))
        return read.scores(state)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy of the output pattern, with spikes weighed by ω."""
        widest = max(math.prod(stage.shape) for stage in self._body.stages) * self._body.steps
        part = len(x) if x.device.type != "cpu" else max(1, PART // widest)
        total: Tensor = InParts.apply(self._summed, part, x, y, *(p for p in self.parameters() if p.requires_grad))
        return total / len(x)

    def _summed(self, x: Tensor, y: Tensor) -> Tensor:
        read = self._body.stages[-1].neuron
        assert isinstance(read, NearestPattern)
        z = self.outputs(x) - self.thresholds[str(len(self._body.stages) - 1)]
        weight = torch.full((), self.weight, dtype=z.dtype, device=z.device)
        return F.binary_cross_entropy_with_logits(z, read.targets[y].to(z.dtype), pos_weight=weight, reduction="sum")

    def about(self) -> dict[str, Any]:
        own = {"weight": self.weight, "dropout": self.dropout, "surrogate": self.surrogate, "width": self.width}
        return own | {"coding": self._body.coding}

    def generators(self) -> list[torch.Generator]:
        return [self._noise]

    def agree(self, peers: Peers) -> None:
        """Nothing is measured in a step."""

    @torch.no_grad()
    def result(self) -> SpikingNetwork:
        body = self.body().map_tensors(lambda _, t: t.detach())
        return SpikingNetwork(replace(body, coding=f"{body.coding.removesuffix(', trained')}, trained"))


def _level(stage: Stage) -> Tensor:
    neuron = stage.neuron
    assert isinstance(neuron, SNU | NearestPattern)
    return neuron.threshold


def _only_dense(chain: Chain) -> Dense | None:
    """The matrix of a chain that flattens and multiplies, and does nothing else."""
    *before, last = chain
    flat = all(isinstance(step, Reshape) for step in before)
    return last if flat and isinstance(last, Dense) else None
