r"""Read-out of networks that answer over time: adds up its inputs and never fires.

y(T) = 1/T Σ_t Σ_j w_j s_j(t) + b
"""

from dataclasses import dataclass

from torch import Tensor

from isospike.neurons.base import Drive, Neuron


@dataclass(frozen=True, eq=False)
class Accumulator(Neuron):
    """`bias`: b, broadcastable [activation]."""

    bias: Tensor

    @property
    def current(self) -> Tensor:
        return self.bias

    def ideal(self, drive: Drive) -> Tensor:
        return drive(self.bias)

    def closed_form(self, drive: Drive) -> Tensor:
        return self.ideal(drive)

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        return drive(self.bias)

    def value(self, code: Tensor) -> Tensor:
        return code

    def spikes(self, code: Tensor) -> Tensor:
        return code.new_zeros(())
