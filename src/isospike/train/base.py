"""What the trainer asks of anything that is trained in spike times."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from isospike.network import SpikingNetwork


class Trainee(nn.Module, ABC):
    """A spiking network under training: its parameters are what is learned, its buffers what training measures."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes, (batch, classes): the largest is the answer.  x: (batch, *input shape)."""

    @abstractmethod
    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """What is minimised over a batch.  y: (batch,) class numbers."""

    def place(self, calibration: Iterable[Tensor]) -> None:
        """Called once before the first epoch, with some inputs: what must be measured before training is."""

    def finish(self, calibration: Iterable[Tensor]) -> None:
        """Called after the last epoch, with the same inputs."""

    def stepped(self) -> None:
        """Called after every step of the optimizer, such as to move windows."""

    def about(self) -> dict[str, Any]:
        """What a run is known by, in plain values: a checkpoint of another run is not gone on from."""
        return {}

    def generators(self) -> list[torch.Generator]:
        """Every source of noise, to be seeded anew at the start of each epoch so that training can be resumed there."""
        return []

    @abstractmethod
    def network(self) -> SpikingNetwork:
        """The spiking network as it has been trained so far."""
