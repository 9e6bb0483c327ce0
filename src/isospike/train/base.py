"""What the training loop asks of anything that is trained."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

Made = TypeVar("Made", covariant=True)


class Trainee(nn.Module, ABC, Generic[Made]):
    """Something under training: its parameters are what is learned, its buffers what training measures; `result` is
    what comes of it."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes, (batch, classes): the largest is the answer.  x: (batch, *input shape)."""

    @abstractmethod
    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """What is minimised over a batch.  y: (batch,) class numbers."""

    @abstractmethod
    def result(self) -> Made:
        """What was trained.  Called after the last epoch; random numbers are seeded before it as before an epoch."""

    def begin(self, inputs: Iterable[Tensor]) -> None:
        """Called once before the optimizer takes the parameters, with some inputs of the training set."""

    def about(self) -> dict[str, Any]:
        """What a run is known by, in plain values: a checkpoint of another run is not gone on from."""
        return {}

    def generators(self) -> list[torch.Generator]:
        """Every source of noise, to be seeded anew at the start of each epoch so that training can be resumed
        there."""
        return []
