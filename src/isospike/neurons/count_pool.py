r"""Max and min pooling of rates: right because it compares evidence, never single spikes.

    online:   N(t) = max_j N_j(t),   s(t) = N(t) − N(t − 1)           N_j: spikes of input j so far
    window:   s(t) = s_w(t),   w = the input with most spikes in the whole window

Online, the pool's count is the largest of its inputs' counts at every step, and inputs of 0 and 1 make outputs of 0 and 1.  Taking the
largest spike of each step instead adds up the times at which any input fires: too much, however long one waits.
Sources: Lu 2022, eq. 18 and Fig. 15 (window).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Shape
from isospike.ir.ops.pool import Pool
from isospike.neurons.base import Drive, Neuron


@dataclass
class Counts:
    """Of the inputs and of the pool, so far.  total: all spikes, of either sign."""

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
        out = self.pool(torch.zeros_like(like))
        return Counts(torch.zeros_like(like), torch.zeros_like(out), torch.zeros_like(out))

    def advance(self, x: Tensor, state: Counts, steps: int) -> Tensor:
        x = x.expand(steps, *x.shape[1:])
        counts = x.cumsum(0) + state.inputs
        spikes = self.chosen(x, counts, state)
        state.inputs = counts[-1]
        state.net = state.net + spikes.sum(0)
        state.total = state.total + spikes.abs().sum(0)
        return spikes

    def chosen(self, x: Tensor, counts: Tensor, state: Counts) -> Tensor:
        """The spikes handed on."""
        largest = self.pool(counts.flatten(0, 1)).unflatten(0, counts.shape[:2])
        return torch.diff(largest, dim=0, prepend=state.net[None])

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

    def chosen(self, x: Tensor, counts: Tensor, state: Counts) -> Tensor:
        winner = self.pool.winner(counts[-1]).flatten(2)
        return x.flatten(3).gather(3, winner.expand(len(x), *winner.shape)).reshape(len(x), *state.net.shape)
