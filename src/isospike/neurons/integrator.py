r"""Read-out neuron: integrates its inputs and never fires; its potential at the end is the answer.

    τ_c dV/dt = α H(t − t_min) + Σ_j J_j H(t − t_j),   read at t_max of the last hidden window

With leads x = t_max − t and ρ = t_max − t_min: V = (Σ_j J_j x_j + α ρ) / τ_c.  Source: Stanojevic 2023, eqs.
2.34–2.35."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from isospike.ir.ops.base import Shape
from isospike.kernels.membrane import potential
from isospike.neurons.base import Drive, Neuron, Synapses, flat


@dataclass(frozen=True, eq=False)
class Integrator(Neuron):
    """
    | field   | shape         | unit | meaning                                   |
    |---------|---------------|------|-------------------------------------------|
    | `ramp`  | broadcastable | 1    | α                                         |
    | `onset` | ()            | time | ρ, from the start of the ramp to the end  |
    | `tau`   | ()            | time | τ_c                                       |
    """

    ramp: Tensor
    onset: Tensor
    tau: Tensor

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "Integrator":
        return replace(self, ramp=self.ramp * self.onset / span, onset=span)

    def closed_form(self, drive: Drive) -> Tensor:
        return drive(self.ramp * self.onset) / self.tau

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        return self.closed_form(drive)

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        ramp = flat(self.ramp, shape)
        return potential(
            codes, synapses.indptr, synapses.targets, synapses.weights, ramp, float(self.onset), float(self.tau)
        )

    def value(self, code: Tensor) -> Tensor:
        return code

    def spikes(self, code: Tensor) -> Tensor:
        return code.new_zeros(())
