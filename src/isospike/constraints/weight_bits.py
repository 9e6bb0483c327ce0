"""Weights of few bits: whole multiples of a step, one step for each map of synapses.

    J ← d clip(⌊J / d + ½⌋, −2^(q−1), 2^(q−1) − 1),     d = max(−J_low / 2^(q−1), J_high / (2^(q−1) − 1))

J_low and J_high leave out a share of the weights on either side; slopes stay as they are, ramps follow.  The gradient
passes straight through the rounding.  Source: Stanojevic 2023, §3.6.3 iii, whose levels divide [J_low, J_high] equally
and need not have 0 among them."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from isospike.constraints.base import MOST, check
from isospike.ir.ops.base import Weighted
from isospike.network import Body, Constraint, Reached, Stage, reweighted, trained_maps
from isospike.neurons.base import through


@dataclass(frozen=True, eq=False)
class WeightBits(Constraint):
    """
    | field        | meaning |
    |--------------|--------------------|
    | `bits`       | q |
    | `percentile` | share left out on either side; 0.04 for up to four bits and 0.01 for more, unless given |
    | `steps`      | d of each map, by stage; found when the constraint is placed, and fixed from then on |
    """

    bits: int
    percentile: float | None = None
    steps: tuple[tuple[str, tuple[float, ...]], ...] = field(default=(), repr=False)
    stepwise: ClassVar[bool] = True
    lasting: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, 2 <= self.bits <= 24, "2 to 24 bits.")
        check(self, self.percentile is None or 0 <= self.percentile < 0.5, "A percentile of at least 0 and below 0.5.")

    def placed(self, body: Body, reached: Reached) -> tuple["WeightBits", Body]:
        return replace(
            self, steps=tuple((stage.name, tuple(map(self._step, trained_maps(stage)))) for stage in body.stages)
        ), body

    def parameters(self, body: Body, generator: torch.Generator) -> Body:
        found = dict(self.steps)
        return replace(body, stages=tuple(self._stage(stage, found[stage.name]) for stage in body.stages))

    def _stage(self, stage: Stage, steps: tuple[float, ...]) -> Stage:
        return reweighted(stage, lambda i, step: self._rounded(step.weight, steps[i]))

    def _rounded(self, weight: Tensor, step: float) -> Tensor:
        half = 2 ** (self.bits - 1)
        return through(weight, (weight.detach() / step).round().clamp(-half, half - 1) * step)

    def _step(self, step: Weighted) -> float:
        weight, half = step.weight.detach().double().flatten(), 2 ** (self.bits - 1)
        if (known := whole_step(weight, half)) is not None:
            return known  # such as a network that was tuned before
        out = (0.04 if self.bits <= 4 else 0.01) if self.percentile is None else self.percentile
        low, high = torch.quantile(
            weight[:: max(1, len(weight) // MOST)], torch.tensor([out, 1 - out], dtype=torch.float64)
        ).tolist()
        # If nearly all weights are zero, both quantiles are zero; the others are then no outliers, and the largest of
        # them sets the step.
        return max(-low / half, high / (half - 1)) or float(weight.abs().max()) / (half - 1) or 1.0


def whole_step(weight: Tensor, half: int) -> float | None:
    """The step that all of these weights are whole multiples of, within [−half, half − 1], if there is one."""

    def fits(step: float) -> bool:
        whole = (weight / step).round()
        return (
            bool(((weight / step - whole).abs() < 1e-3).all())
            and -half <= float(whole.min())
            and float(whole.max()) < half
        )

    weight = weight.double()
    if not bool(weight.any()):
        return None
    for step in (float(weight.max()) / (half - 1), -float(weight.min()) / half):  # whose whole range is used
        if step > 0 and fits(step):
            return step
    sizes = weight.abs().unique()
    sizes = sizes[sizes > 1e-6 * sizes.max()]  # equal but for rounding
    if len(sizes) > 4 * half:
        return None
    gaps = torch.cat([sizes[:1], sizes.diff()])
    gap = float(gaps[gaps > 1e-5 * sizes[-1] / half].min())
    for part in (1, 2, 3, 4, 5, 6, 7, 8):  # multiples such as 3 and 5 show the step only divided
        step = float(sizes[-1] / (sizes[-1] / gap * part).round())
        if fits(step):
            return step
    return None
