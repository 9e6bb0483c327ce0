r"""Integrate-and-fire neuron that may fire before all of its inputs have arrived, once or not at all.

    dV/dt = α + Σ_j w_j H(t − x_j),   V(0) = 0;   fires at the first t with V ≥ θ, unless the observation time is over:
    t > t_obs

Between two arrivals V is a straight line, so the spike follows from the causal set J, the smallest prefix of the
sorted arrivals whose solution precedes the next arrival on a positive slope m:

    t = (θ + Σ_J w_j x_j) / m,   m = α + Σ_J w_j;      dt/dw_j = (x_j − t) / m,   dt/dx_j = w_j / m   for j in J

A layer's clock starts ε before the first spike that reaches it, R:  x_j = t_j − R + ε.  A neuron that stays silent has
t = +∞; the source writes 0, which its loss (eq. A.7) would take for the earliest spike.  Source: Stanojevic 2023, eqs.
A.2–A.6."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Shape
from isospike.kernels.causal import gradients, integrate, solve
from isospike.neurons.base import Neuron, Synapses, flat


@dataclass(frozen=True, eq=False)
class CausalIF(Neuron):
    """Its code is the lead window − t on the layer's own clock, zero for a silent neuron.

    | field       | shape         | unit   | meaning                                                              |
    |-------------|---------------|--------|----------------------------------------------------------------------|
    | `ramp`      | broadcastable | 1/time | α                                                                    |
    | `threshold` | broadcastable | 1      | θ                                                                    |
    | `observed`  | broadcastable | time   | t_obs; infinite in the output layer                                  |
    | `lag`       | ()            | time   | ε                                                                    |
    | `window`    | ()            | time   | how long the clocks of this layer and of those that it reads run     |
    """

    ramp: Tensor
    threshold: Tensor
    observed: Tensor
    lag: Tensor
    window: Tensor
    endless: ClassVar = ("observed",)

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        window = float(self.window)
        arrivals = on_clock(torch.from_numpy(np.where(codes > 0, window - codes, np.inf)), self.lag.double()).numpy()
        ramp, threshold, observed = (flat(t, shape) for t in (self.ramp, self.threshold, self.observed))
        times = integrate(arrivals, synapses.indptr, synapses.targets, synapses.weights, ramp, threshold)
        return np.where(times <= np.minimum(observed, window), window - times, 0.0)

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "CausalIF":
        if not bool((window == self.window) & (span == self.window)):
            raise InvalidSetting(
                f"CausalIF cannot wait {float(window):g} instead of {float(self.window):g}: what it answers depends "
                "on when its inputs come.",
                "The window that it was trained with.",
                "Train it with another window.",
            )
        return self

    def value(self, code: Tensor) -> Tensor:
        return code


def on_clock(times: Float[Tensor, "batch inputs"], lag: Tensor) -> Float[Tensor, "batch inputs"]:
    """Spike times of a layer on the clock of the next, which starts `lag` before the first of them (eq. A.2)."""
    first = times.amin(1, keepdim=True)
    return torch.where(torch.isfinite(first), times - first + lag, torch.inf)


def causal_times(
    times: Float[Tensor, "batch inputs"],
    weight: Float[Tensor, "neurons inputs"],
    ramp: Float[Tensor, " neurons"],
    threshold: Float[Tensor, " neurons"],
) -> Float[Tensor, "batch neurons"]:
    """When each neuron first reaches its threshold, +∞ where it never does; differentiable in all arguments (eq.
    A.4)."""
    # The ramp is an input like others: a spike of weight α at time 0.
    arrivals = torch.cat([times.new_zeros(len(times), 1), times], 1)
    rows = torch.cat([ramp[None], weight.T])
    fired = (
        _Causal.apply(arrivals, rows, threshold)
        if times.device.type == "cpu"
        else sorted_sums(arrivals, rows, threshold)
    )
    # Without a first spike the clock does not start
    return torch.where(torch.isfinite(times).any(1, keepdim=True), fired, torch.inf)


def sorted_sums(times: Tensor, rows: Tensor, threshold: Tensor) -> Tensor:
    """The solution written in whole tensors: sort, cumulative sums, first prefix that holds; (batch, inputs, neurons)
    numbers in memory.

    times: (batch, inputs); rows: (inputs, neurons); threshold: (neurons,).
    """
    times, order = times.sort(1)
    heard = torch.isfinite(times)
    weights = rows[order] * heard[:, :, None]
    slope = weights.cumsum(1)
    level = threshold + (weights * torch.where(heard, times, 0.0)[:, :, None]).cumsum(1)
    following = torch.cat([times[:, 1:], torch.full_like(times[:, :1], torch.inf)], 1)[:, :, None]
    holds = (slope > 0) & (level <= slope * following)
    fires, first = holds.any(1), holds.int().argmax(1, keepdim=True)
    slope = torch.where(fires, slope.gather(1, first)[:, 0], 1.0)
    return torch.where(fires, level.gather(1, first)[:, 0] / slope, torch.inf)


class _Causal(torch.autograd.Function):
    """`sorted_sums` that goes no further than the causal sets, and keeps nothing but their solutions."""

    @staticmethod
    def forward(ctx: Any, times: Tensor, rows: Tensor, threshold: Tensor) -> Tensor:
        times, rows = times.contiguous(), rows.contiguous()
        fired = times.new_full((len(times), rows.shape[1]), torch.inf)
        slope = torch.ones_like(fired)
        arrays = (t.detach().numpy() for t in (times, times.argsort(1), rows, threshold.contiguous(), fired, slope))
        solve(*arrays)
        ctx.save_for_backward(times, rows, fired, slope)
        return fired

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        times, rows, fired, slope = ctx.saved_tensors
        fires = torch.isfinite(fired)
        share = torch.where(fires, grad[0] / slope, 0.0)
        by_time, by_row = torch.zeros_like(times), torch.zeros_like(rows)
        # A silent neuron has an empty causal set: no input precedes −∞.
        gradients(
            *(
                t.numpy()
                for t in (times.T.contiguous(), rows, torch.where(fires, fired, -torch.inf), share, by_time, by_row)
            )
        )
        return by_time, by_row, share.sum(0)
