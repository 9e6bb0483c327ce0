r"""Neurons that pass on the first or the last spike of a patch: max and min pooling in spike times.

    dV/dt = Σ_j K δ(t − t_j)      first: K > θ;   last: θ / Q < K < θ / (Q − 1) for Q inputs

A neuron that waits for the last spike stays silent if one of its inputs does: a silent input counts as t_max.
Source: Stanojevic 2023, eqs. 2.32–2.33.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Shape
from isospike.ir.ops.pool import Pool
from isospike.kernels.pools import nth_spike
from isospike.neurons.base import Drive, Neuron, Synapses, flat


@dataclass(frozen=True, eq=False)
class SpikePool(Neuron):
    """First spike of each patch where `pool.sign` ≥ 0, last spike where it is negative.

    | field    | shape         | unit   | meaning                                     |
    |----------|---------------|--------|---------------------------------------------|
    | `pool`   |               |        | the patches and each channel's sign         |
    | `window` | ()            | time   | of the neurons it reads                     |
    | `unit`   | broadcastable | 1/time | activation that a lead of 1 stands for      |
    | `forced` |               |        | whether a silent neuron spikes at t_max     |
    """

    pool: Pool
    window: Tensor
    unit: Tensor
    forced: bool
    relays: ClassVar = True

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "SpikePool":
        return replace(self, window=span)

    def closed_form(self, drive: Drive) -> Tensor:
        return self.pool(drive(None))

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        return self.pool(drive(None))

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        neurons = int(np.prod(shape))
        inputs = np.bincount(synapses.targets, minlength=neurons)
        needed = np.where(flat(self.pool.sign, shape) >= 0, 1, inputs)
        return nth_spike(codes, synapses.indptr, synapses.targets, needed)

    def connections(self, chain: Chain, shape: Shape) -> Chain:
        return self.pool.patches(shape)

    def value(self, code: Tensor) -> Tensor:
        return code * self.unit

    def spikes(self, code: Tensor) -> Tensor:
        return torch.ones_like(code) if self.forced else (code > 0).to(code.dtype)
