"""What a coding is: a frozen dataclass whose fields are the configuration and whose methods make the network."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.ir.graph import Graph
from isospike.ir.typed import typed
from isospike.network import Body
from isospike.ranges import Ranges, calibrate


@dataclass(frozen=True)
class Coding(ABC):
    """Base of the codings; the fields of each are its settings."""

    def __post_init__(self) -> None:
        typed(self)

    def ranges(self, graph: Graph, calibration: Iterable[Tensor]) -> Ranges:
        """The activation ranges that this coding needs; on data unless the coding says otherwise."""
        return calibrate(graph, calibration)

    @property
    def signed(self) -> bool:
        """Whether its neurons carry negative activations."""
        return False

    def corrected(self, body: Body, graph: Graph, calibration: Iterable[Tensor]) -> Body:
        """The network after what the coding measures in it and mends; nothing, unless the coding says otherwise."""
        return body

    @abstractmethod
    def body(self, graph: Graph, ranges: Ranges) -> Body:
        """The spiking network of a canonical graph, as a record in float64."""

    def network(self, graph: Graph, ranges: Ranges) -> SpikingNetwork:
        """The same as a module."""
        return SpikingNetwork(self.body(graph, ranges))
