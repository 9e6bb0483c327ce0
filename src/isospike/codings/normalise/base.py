"""What a normalisation is: a frozen dataclass that gives every population the activation that a rate of one spike a
step stands for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.ir.graph import Graph
from isospike.ir.typed import typed
from isospike.ranges import Ranges

Made = Callable[[Ranges], SpikingNetwork]


@dataclass(frozen=True)
class Normalise(ABC):
    """Base of the normalisations; the fields of each are its settings."""

    def __post_init__(self) -> None:
        typed(self)

    @abstractmethod
    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        """The range of every population, broadcastable to its shape and the same all over a channel.

        calibration: (batch, *input shape) each.  made: the coding's network with given ranges.
        """
