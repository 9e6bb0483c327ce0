"""What an export is: a network in another form that proves itself against the one that it was made from."""

from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.simulate import Simulator


class Exported(ABC):
    """A spiking network in another form.

    `network`: the network that computes the same, in double precision; what the form needed to be changed is changed
    in it too."""

    network: SpikingNetwork

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.network!r}"

    @classmethod
    @abstractmethod
    def of(cls, network: SpikingNetwork) -> Self:
        """The export of a network.  Raises `InvalidSetting` for one that has no such form, and says where and why."""

    @abstractmethod
    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        """How many spike times and read-outs differ from those of `network`, run by a simulator.  x: (batch, *input
        shape)."""
