"""Units over all time steps at once, with their gradients: the first product spike by spike, the loop over time fused;
and the same as it is written, step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.encoders import PatternEncoder
from isospike.kernels.patterns import by_step, collect
from isospike.kernels.threads import in_threads
from isospike.kernels.unit import backward, fire

PART = 4  # samples whose surrogate derivatives are held at a time, in the cache
Surrogate = Callable[[Tensor], Tensor]


@dataclass
class Trains:
    """The trains of an encoder as lists: the spikes of train n come at times[starts[n] : starts[n + 1]]."""

    starts: np.ndarray
    times: np.ndarray
    steps: int

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each train."""
        return np.diff(self.starts)

    @classmethod
    def of(cls, encoder: PatternEncoder) -> "Trains":
        """Of all its bins, in the order of `PatternEncoder.chosen`."""
        table = encoder.patterns.flatten(0, 1) != 0
        starts = torch.cat([torch.zeros(1, dtype=torch.long), table.sum(1).cumsum(0)])
        return cls(starts.numpy(), table.nonzero()[:, 1].to(torch.int32).numpy(), encoder.steps)


class Spread(torch.autograd.Function):
    """drive(t) = Σ_(j: spike at t) w_j.  weight: (neurons, inputs); chosen: (batch, inputs), a train each.  Returns
    (batch, steps, neurons)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, chosen: Tensor, trains: Trains) -> Tensor:
        ctx.sent = chosen.numpy(), trains.starts, trains.times
        sources = np.empty(trains.counts[chosen.numpy()].sum(), np.int32)
        offsets = np.empty(len(chosen) * trains.steps, np.int32)
        by_step(chosen.numpy(), trains.starts, trains.times, sources, offsets)
        rows, at = weight.detach().t().contiguous(), (torch.from_numpy(sources), torch.from_numpy(offsets))
        return F.embedding_bag(at[0], rows, at[1], mode="sum").unflatten(0, (len(chosen), trains.steps))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        chosen, starts, times = ctx.sent
        gradient, rows = gradient.contiguous(), gradient.new_empty(chosen.shape[1], gradient.shape[2])

        def part(of: slice) -> None:
            collect(chosen, starts, times, gradient.numpy(), rows.numpy(), of.start, of.stop)

        in_threads(part, gradient.shape[2], gradient.numel())
        return rows.t(), None, None


class Fire(torch.autograd.Function):
    """The spikes of units with a hard reset (neurons/snu.py).  drive: (batch, steps, neurons), which is written over;
    threshold: () or (neurons,)."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, threshold: Tensor, decay: float, surrogate: Surrogate) -> Tensor:
        spikes, level = torch.empty_like(drive), threshold.detach().expand(drive.shape[2]).contiguous()
        states = drive.detach()
        factor = states.numpy().dtype.type(decay)

        def part(of: slice) -> None:
            fire(states[of].numpy(), factor, level.numpy(), spikes[of].numpy())

        in_threads(part, len(drive), drive.numel())
        ctx.states, ctx.level, ctx.own, ctx.decay, ctx.surrogate = states, level, threshold.shape, decay, surrogate
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        gradient, out = gradient.contiguous(), torch.empty_like(gradient)
        decay = out.numpy().dtype.type(ctx.decay)

        def part(of: slice) -> Tensor:
            shift = torch.zeros_like(ctx.level)
            for states, given, found in zip(*(t[of].split(PART) for t in (ctx.states, gradient, out)), strict=True):
                slopes = ctx.surrogate(states - ctx.level)
                own = backward(states.numpy(), slopes.numpy(), decay, ctx.level.numpy(), given.numpy(), found.numpy())
                shift += torch.from_numpy(own).sum(0)
            return shift

        shift = torch.stack(in_threads(part, len(out), out.numel())).sum(0)
        return out, shift.sum_to_size(ctx.own), None, None


class InParts(torch.autograd.Function):
    """What `run` makes of a batch, summed over parts of it, with the gradients of the parameters that it depends on.

    run: (x, y) → a number.  Only gradients are kept from one part to the next: it saves memory, and the time in which
    the system hands it out."""

    @staticmethod
    def forward(
        ctx: Any, run: Callable[[Tensor, Tensor], Tensor], part: int, x: Tensor, y: Tensor, *of: Tensor
    ) -> Tensor:
        ctx.found, total = [torch.zeros_like(p) for p in of], []
        for batch in zip(x.split(part), y.split(part), strict=True):
            with torch.enable_grad():
                total.append(run(*batch))
            for found, own in zip(ctx.found, torch.autograd.grad(total[-1], of), strict=True):
                found += own
        return torch.stack([one.detach() for one in total]).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return None, None, None, None, *(gradients[0] * found for found in ctx.found)


class Step(torch.autograd.Function):
    """1 where a > 0, with the surrogate's derivative."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(a)
        ctx.surrogate = surrogate
        return (a > 0).to(a.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (a,) = ctx.saved_tensors
        return gradients[0] * ctx.surrogate(a), None


def fired(drive: Tensor, threshold: Tensor, decay: float, surrogate: Surrogate) -> Tensor:
    """Spikes of units over all steps, (batch, steps, neurons): fused on a CPU, else step by step."""
    if drive.device.type == "cpu":
        spikes: Tensor = Fire.apply(drive, threshold, decay, surrogate)
        return spikes
    return stepped(drive, threshold, decay, surrogate)


def stepped(drive: Tensor, threshold: Tensor, decay: float, surrogate: Surrogate) -> Tensor:
    """The same as eqs. A.11 and A.12 are written."""
    left, spikes = torch.zeros_like(drive[:, 0]), []
    for x in drive.unbind(1):
        s = x + decay * left
        spikes.append(Step.apply(s - threshold, surrogate))
        left = s * (1 - spikes[-1])
    return torch.stack(spikes, 1)
