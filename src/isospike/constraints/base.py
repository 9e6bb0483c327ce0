"""What hardware does to a network: a constraint acts on it once, on its parameters, and on its spikes, in training as
in simulation."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from isospike.data import Samples, samples
from isospike.engine import SpikingNetwork, generators, run, spiking
from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.typed import Seed, expect, subclasses
from isospike.network import Body, Constraint, Stage, balanced
from isospike.neurons import FirstSpikeIF, Integrator

MOST = 1 << 22  # numbers that a quantile is taken over; of twice as many only every second is used, and so on


@dataclass(frozen=True, eq=False)
class Noise(Constraint):
    """A random constraint.  sd: standard deviation; seed: what its random numbers begin with."""

    sd: float
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, 0 <= self.sd < math.inf, "A standard deviation of 0 or more.")

    def draw(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Independent normal numbers, as many as `like` has."""
        return self.sd * torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device).to(
            like.device
        )


def reseeded(constraints: Iterable[Constraint], seed: int) -> list[Constraint]:
    """The constraints with another draw of what is random: of those that have a `seed`."""
    return [
        replace(constraint, **{"seed": seed}) if any(one.name == "seed" for one in fields(constraint)) else constraint
        for constraint in constraints
    ]


def check(constraint: Constraint, within: bool, supported: str) -> None:
    """Raise `InvalidSetting` unless `within`."""
    if not within:
        raise InvalidSetting(f"{constraint}.", supported, "Choose a value within.")


def several(constraints: Sequence[Constraint] | Constraint, caller: str) -> tuple[Constraint, ...]:
    """One constraint or several, as they are handed to a function.  Raises `InvalidSetting` for what is none."""
    given = constraints if isinstance(constraints, Sequence) else (constraints,)
    if other := [one for one in given if callable(one) and not isinstance(one, Constraint | type)]:
        what = f"{caller}: {other[0]} is no constraint, but makes one network of another."
        raise InvalidSetting(
            what,
            "Constraints: TimeSteps(…), SpikeJitter(…) and the like.",
            f"Call it, after other constraints: {other[0]}(network).",
        )
    expect(caller, "constraints", given, Sequence[Constraint])
    return tuple(given)


def place(
    body: Body, constraints: Sequence[Constraint], calibration: Iterable[Tensor]
) -> tuple[tuple[Constraint, ...], Body]:
    """The constraints, fitted to a network and a set of inputs, and the network as they change it for good, whatever
    their order."""
    if body.steps and (other := [type(one).__name__ for one in constraints if not one.stepwise]):
        raise InvalidSetting(
            f"{other[0]} has no meaning for a network that fires step by step.",
            f"Of the constraints, {' and '.join(one.__name__ for one in subclasses(Constraint) if one.stepwise)}.",
            "Leave it out, or convert the model to first spikes: TTFS(), --coding ttfs.",
        )
    known = FirstSpikeIF | Integrator
    if not body.steps and (
        other := [s.name for s in body.stages if not (s.neuron.relays or isinstance(s.neuron, known))]
    ):
        raise InvalidSetting(
            f"stage `{other[0]}` has neurons that constraints do not know.",
            "Networks made by TTFS().",
            "Constrain it before its membranes are exchanged.",
        )
    measured: list[tuple[dict[str, list[Tensor]], dict[str, Tensor]]] = []

    def reached(share: float) -> dict[str, Tensor]:
        if not measured:
            measured.append(_leads(body, calibration))
        leads, largest = measured[0]
        return (
            largest if share == 1 else {name: torch.quantile(torch.cat(parts), share) for name, parts in leads.items()}
        )

    placed, result = [], body
    for constraint in constraints:
        fitted, result = constraint.placed(result, reached)
        placed.append(fitted)
    return tuple(placed), result


def _leads(body: Body, calibration: Iterable[Tensor]) -> tuple[dict[str, list[Tensor]], dict[str, Tensor]]:
    """For every stage whose window may still be chosen: a sample of its leads, and the largest lead.

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
            "there is no sample to measure windows on.",
            "At least one; a few hundred of the training set are usual.",
            "Pass some: calibration=….",
        )
    with torch.no_grad():
        for x in batches:
            run(body, body.encoder.encode(x), lambda stage, drive, _: stage.neuron.closed_form(drive), watch)
    return found, largest


def constrained(body: Body, constraints: Sequence[Constraint], drawn: Sequence[torch.Generator]) -> Body:
    """The network with the parameters that the hardware makes of its own.  drawn: the constraints' sources of random
    numbers."""
    for constraint, generator in zip(constraints, drawn, strict=True):
        body = constraint.parameters(body, generator)
    return body


def constrain(
    network: SpikingNetwork, constraints: Sequence[Constraint] | Constraint, calibration: Samples = ()
) -> SpikingNetwork:
    """The network as it is on such hardware, besides what it is on already, in every simulator; its file keeps that.

    Random constraints draw once for parameters, and for every spike.  Every simulation draws the same from their
    seeds. calibration: samples (n, *input shape), or a loader of them, to measure windows on, for those that need
    it.  Raises `InvalidData`, `InvalidSetting`."""
    spiking(network, "constrain")
    placed, body = place(network.body, several(constraints, "constrain"), samples(calibration))
    body = balanced(constrained(body, placed, generators(placed, len(body.constraints))))
    return SpikingNetwork(replace(body, constraints=(*body.constraints, *placed)))
