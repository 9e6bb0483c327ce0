"""One pass through a network in which every stage has one code: how networks that answer once are run."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from isospike.ir.ops.affine import through
from isospike.network.body import Body, Stage
from isospike.neurons.base import Drive

CACHE = 1 << 20  # numbers of the largest layer
Step = Callable[[Stage, Drive, dict[str, Tensor]], Tensor]  # (stage, its drive, the codes it may read) ↦ its code
Watch = Callable[[Stage, Tensor], None]
Perturb = Callable[[Stage, Tensor], Tensor]


def run(body: Body, encoded: Tensor, step: Step, watch: Watch | None = None, perturb: Perturb | None = None) -> Tensor:
    """The read-out for a batch of encoded inputs: every stage in turn, each code kept no longer than it is read.

    `watch(stage, code)` sees each stage's code once; `perturb(stage, code)` may change a code before it is handed on.
    """
    last = {group.source: i for i, stage in enumerate(body.stages) for group in stage.groups}
    if encoded.ndim == 4:
        encoded = encoded.contiguous(memory_format=torch.channels_last)  # convolutions are up to twice as fast
    codes = {"input": encoded}
    for i, stage in enumerate(body.stages):
        code = step(stage, _drive(stage, codes), codes)
        if perturb is not None and i + 1 < len(body.stages):
            code = perturb(stage, code)
        if watch is not None:
            watch(stage, code)
        codes[stage.name] = code
        for name in [name for name in codes if last.get(name, i) <= i and name != stage.name]:
            del codes[name]
    return codes[body.stages[-1].name]


def in_blocks(body: Body, encoded: Tensor, step: Step, perturb: Perturb | None = None) -> Tensor:
    """The same, so many samples at a time that the largest layer's codes fit the cache; what disturbs spikes draws
    once for the whole batch."""
    largest = max(math.prod(stage.shape) for stage in body.stages)
    parts = (encoded,) if perturb is not None else encoded.split(max(1, CACHE // largest))
    return torch.cat([run(body, part, step, perturb=perturb) for part in parts])


def _drive(stage: Stage, codes: dict[str, Tensor]) -> Drive:
    def drive(bias: Tensor | None) -> Tensor:
        first, *others = stage.groups
        total = through(first.chain, codes[first.source], bias)
        for group in others:
            part = through(group.chain, codes[group.source])
            total = total + part if bias is None else total.add_(part)  # with a bias, total is a tensor of its own
        return total

    return drive
