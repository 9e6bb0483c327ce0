r"""Max and min pooling of rates: right because it compares evidence, never single spikes.

    online:   N(t) = max_j N_j(t),   s(t) = N(t) − N(t − 1)           N_j: spikes of input j so far
    window:   s(t) = s_w(t),   w = the input with most spikes in the whole window

Online, the pool's count is the largest of its inputs' counts at every step, and inputs of 0 and 1 make outputs of 0
and 1.  Taking the largest spike of each step instead adds up the times at which any input fires: too much, however
long one waits. Sources: Lu 2022, eq. 18 and Fig. 15 (window)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.layout import blank, packed, rows
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Shape
from isospike.ir.ops.pool import Pool
from isospike.kernels.pools import largest
from isospike.neurons.base import Drive, Neuron


def _patches(pool: Pool, dims: tuple[int, ...], outs: tuple[int, ...]) -> np.ndarray:
    """The places in a channel that each pooled place sees, (places, taps); −1 where it sees padding."""
    n = len(dims)
    places, real = np.zeros((1,) * 2 * n, np.int64), np.ones((1,) * 2 * n, bool)
    for a, (size, out, k, s, p, d) in enumerate(
        zip(dims, outs, pool.kernel, pool.stride, pool.padding, pool.dilation, strict=True)
    ):
        at = (np.arange(out)[:, None] * s - p + np.arange(k) * d).reshape(
            [out if b == a else k if b == n + a else 1 for b in range(2 * n)]
        )
        places, real = places * size + at, real & (at >= 0) & (at < size)
    return np.where(real, places, -1).reshape(math.prod(outs), -1)


@dataclass
class Counts:
    """Of the inputs (negated for min pools) and of the pool, so far.  total: all spikes, of either sign."""

    inputs: Tensor
    net: Tensor
    total: Tensor

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        self.inputs, self.net, self.total = self.inputs[rows], self.net[rows], self.total[rows]


@dataclass(frozen=True, eq=False)
class CountPool(Neuron):
    """
    | field  | shape         | unit       | meaning                                    |
    |--------|---------------|------------|--------------------------------------------|
    | `pool` |               |            | the patches and each channel's sign        |
    | `unit` | broadcastable | activation | what a rate of one spike a step stands for |
    """

    pool: Pool
    unit: Tensor
    relays: ClassVar = True

    def start(self, like: Tensor) -> Counts:
        if like.device.type != "cpu":
            raise InvalidSetting(
                f"{type(self).__name__} on {like.device}: spikes are pooled by their counts on the CPU only.",
                "A network on the CPU, or one with average pools.",
                "Leave the device out: --device cpu, network.cpu().",
            )
        out = packed(self.pool(torch.zeros_like(like)))
        return Counts(torch.zeros_like(like), torch.zeros_like(out), torch.zeros_like(out))

    def advance(self, x: Tensor, state: Counts, steps: int) -> Tensor:
        batch, x = len(state.net), packed(x.expand(steps, *x.shape[1:]).flatten(0, 1))
        out = blank((len(x), *state.net.shape[1:]), x)
        channels, last = x.shape[1], x.ndim == 4  # images lie with their channels last
        table = _patches(self.pool, tuple(x.shape[2:]), tuple(out.shape[2:]))
        sign = self.pool.sign.to(x.dtype).expand(channels, *self.pool.sign.shape[1:]).reshape(channels).numpy()
        size = (1, channels) if last else (channels, 1)
        largest(
            rows(x).reshape(steps, batch, math.prod(x.shape[1:])),
            rows(state.inputs),
            rows(state.net),
            rows(state.total),
            sign,
            table,
            size,
            rows(out).reshape(steps, batch, math.prod(out.shape[1:])),
        )
        return out.unflatten(0, (steps, batch))

    def ideal(self, drive: Drive) -> Tensor:
        return self.pool(drive(None))

    def closed_form(self, drive: Drive) -> Tensor:
        return self.ideal(drive)

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        return self.pool(drive(None))

    def connections(self, chain: Chain, shape: Shape) -> Chain:
        return self.pool.patches(shape)

    def value(self, code: Tensor) -> Tensor:
        return code * self.unit


@dataclass(frozen=True, eq=False)
class WindowPool(CountPool):
    """The train of the input that has most spikes in the window, which must be seen whole."""

    whole: ClassVar = True

    def advance(self, x: Tensor, state: Counts, steps: int) -> Tensor:
        x = x.expand(steps, *x.shape[1:])
        spikes = self.chosen(x, x.sum(0), state)
        state.net, state.total = state.net + spikes.sum(0), state.total + spikes.abs().sum(0)
        return spikes

    def chosen(self, x: Tensor, counts: Tensor, state: Counts) -> Tensor:
        winner = self.pool.winner(counts).flatten(2)
        return x.flatten(3).gather(3, winner.expand(len(x), *winner.shape)).reshape(len(x), *state.net.shape)
