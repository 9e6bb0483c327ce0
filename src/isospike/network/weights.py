"""Which weights of a stage are trained, and how they are exchanged."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from isospike.ir.ops.base import Map, Weighted
from isospike.network.body import Stage


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

    return replace(
        stage, groups=tuple(replace(group, chain=tuple(map(changed, group.chain))) for group in stage.groups)
    )
