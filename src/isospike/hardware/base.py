"""What hardware does to a network: a constraint acts on it once, on its parameters, and on its spikes, in training as in simulation."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.ops.base import Map, Weighted
from isospike.network import Body, Perturb, SpikingNetwork, Stage, balanced, run
from isospike.neurons import FirstSpikeIF, Integrator

MOST = 1 << 22  # numbers that a quantile is taken over: of twice as many and more only every second, third, … counts
Reached = Callable[[float], dict[str, Tensor]]  # share of the activations ↦ by stage, the lead [time] that they stay within


@dataclass(frozen=True)
class Constraint:
    """Base of the constraints; one whose parameter is at its ideal limit changes nothing.

    Random ones draw anew each time they act.  Several act in the order that they are given: noise on weights before they are rounded is not
    noise on rounded weights.
    """

    windowed: ClassVar[bool] = False  # its effect grows with the windows, so that training must not lengthen them
    lasting: ClassVar[bool] = False  # a network that was trained under it keeps what it did to the parameters

    def placed(self, body: Body, reached: Reached) -> tuple["Constraint", Body]:
        """Itself with what it had to measure, and the network with what is changed for good, such as its windows."""
        return self, body

    def parameters(self, body: Body) -> Body:
        """The network with the parameters that the hardware makes of its own; slopes are what the neurons say, ramps follow."""
        return body

    def spikes(self, stage: Stage, lead: Tensor) -> Tensor:
        """The leads of a stage's spikes as the hardware sends them."""
        return lead


@dataclass(frozen=True)
class Noise(Constraint):
    """A random constraint.  sd: standard deviation; generator: where it comes from."""

    sd: float
    generator: torch.Generator = field(default_factory=torch.Generator, compare=False, repr=False)

    def __post_init__(self) -> None:
        check(self, 0 <= self.sd < math.inf, "A standard deviation of 0 or more.")

    def draw(self, like: Tensor) -> Tensor:
        """Independent normal numbers, as many as `like` has."""
        return self.sd * torch.randn(like.shape, generator=self.generator, dtype=like.dtype, device=self.generator.device).to(like.device)


def trained_maps(stage: Stage) -> list[Weighted]:
    """The maps of a stage whose weights are trained."""
    return [step for group in stage.groups for step in group.chain if isinstance(step, Weighted) and step.weighted]


def reweighted(stage: Stage, change: Callable[[int, Weighted], Tensor]) -> Stage:
    """The stage with the weights of its trained maps replaced by `change(number of the map among them, map)`."""
    number = 0

    def changed(step: Map) -> Map:
        nonlocal number
        if not (isinstance(step, Weighted) and step.weighted):
            return step
        number += 1
        return replace(step, weight=change(number - 1, step))

    return replace(stage, groups=tuple(replace(group, chain=tuple(map(changed, group.chain))) for group in stage.groups))


def check(constraint: Constraint, within: bool, supported: str) -> None:
    """Raise `InvalidSetting` unless `within`."""
    if not within:
        raise InvalidSetting(f"{constraint}.", supported, "Choose a value within.")


def place(body: Body, constraints: Sequence[Constraint], calibration: Iterable[Tensor]) -> tuple[tuple[Constraint, ...], Body]:
    """The constraints, fitted to a network and a set of inputs, and the network as they change it for good, whatever their order."""
    if body.steps:
        raise InvalidSetting("the network fires step by step.", "Networks of first spikes: TTFS().", "Convert the model with --coding ttfs.")
    if other := [s.name for s in body.stages if not (s.neuron.relays or isinstance(s.neuron, FirstSpikeIF | Integrator))]:
        raise InvalidSetting(
            f"stage `{other[0]}` has neurons that constraints do not know.", "Networks made by TTFS().", "Constrain it before its membranes are exchanged."
        )
    measured: list[tuple[dict[str, list[Tensor]], dict[str, Tensor]]] = []

    def reached(share: float) -> dict[str, Tensor]:
        if not measured:
            measured.append(_leads(body, calibration))
        leads, largest = measured[0]
        return largest if share == 1 else {name: torch.quantile(torch.cat(parts), share) for name, parts in leads.items()}

    placed, result = [], body
    for constraint in constraints:
        fitted, result = constraint.placed(result, reached)
        placed.append(fitted)
    return tuple(placed), result


def _leads(body: Body, calibration: Iterable[Tensor]) -> tuple[dict[str, list[Tensor]], dict[str, Tensor]]:
    """Leads, not all of them if they are many, and the largest, of every stage whose window may still be chosen.

    A window that clips already, as of ReLU6 or a network that was tuned before, is kept.
    """
    free = {stage.name for stage in body.stages if isinstance(stage.neuron, FirstSpikeIF) and not stage.neuron.clipped}
    found: dict[str, list[Tensor]] = {name: [] for name in free}
    largest: dict[str, Tensor] = {}

    def watch(stage: Stage, code: Tensor) -> None:
        if stage.name in free:
            kept = code.flatten()
            found[stage.name].append(kept[:: max(1, len(kept) * len(batches) // MOST)])
            largest[stage.name] = torch.maximum(largest.get(stage.name, kept[0]), kept.amax())

    batches = list(calibration)
    if not batches:
        raise InvalidData(
            "there is no sample to measure windows on.", "At least one; a few hundred of the training set are usual.", "Pass some: calibration=…."
        )
    with torch.no_grad():
        for x in batches:
            run(body, body.encoder.encode(x), lambda stage, drive, _: stage.neuron.closed_form(drive), watch)
    return found, largest


def constrained(body: Body, constraints: Iterable[Constraint]) -> Body:
    """The network with the parameters that the hardware makes of its own."""
    for constraint in constraints:
        body = constraint.parameters(body)
    return body


def constrain(network: SpikingNetwork, constraints: Sequence[Constraint] | Constraint, calibration: Tensor | Iterable[Tensor] = ()) -> SpikingNetwork:
    """The network as it is on such hardware, besides what it is on already, in every simulator.

    Random constraints draw once for parameters, and for every spike.
    calibration: samples (n, *input shape), or batches of them, to measure windows on, for those that need it.  Raises `InvalidData`, `InvalidSetting`.
    """
    constraints = [constraints] if isinstance(constraints, Constraint) else constraints
    batches = calibration.split(256) if isinstance(calibration, Tensor) and len(calibration) else calibration
    placed, body = place(network.body, constraints, batches)
    before, after = network.perturb, perturbation(placed)
    if before and after:
        return SpikingNetwork(balanced(constrained(body, placed)), lambda stage, lead: after(stage, before(stage, lead)))
    return SpikingNetwork(balanced(constrained(body, placed)), before or after)


def perturbation(constraints: Iterable[Constraint]) -> Perturb | None:
    """What constraints do to spikes, one after the other, if any does; relays such as pools add nothing of their own."""
    acting = [c for c in constraints if type(c).spikes is not Constraint.spikes]
    if not acting:
        return None

    def perturb(stage: Stage, lead: Tensor) -> Tensor:
        for constraint in () if stage.neuron.relays else acting:
            lead = constraint.spikes(stage, lead)
        return lead

    return perturb
