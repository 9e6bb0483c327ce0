"""What the hardware that a network is on does to its spikes, from seeds."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from isospike.engine.once import Perturb
from isospike.network.body import Constraint, Stage


def generators(constraints: Iterable[Constraint], first: int = 0) -> list[torch.Generator]:
    """A source of random numbers for each, which its seed and its place begin: two that have one seed draw
    apart.  first: place of the first."""
    return [
        torch.Generator().manual_seed(constraint.seed * 64 + place)
        for place, constraint in enumerate(constraints, first)
    ]


def perturbation(constraints: Sequence[Constraint], drawn: Sequence[torch.Generator] | None = None) -> Perturb | None:
    """What constraints do to spikes, one after the other, if any does; relays such as pools add nothing of their own.

    drawn: their generators; else new ones.
    """
    acting = [
        pair
        for pair in zip(constraints, drawn or generators(constraints), strict=True)
        if type(pair[0]).spikes is not Constraint.spikes
    ]
    if not acting:
        return None

    def perturb(stage: Stage, lead: Tensor) -> Tensor:
        for constraint, generator in () if stage.neuron.relays else acting:
            lead = constraint.spikes(stage, lead, generator)
        return lead

    return perturb
