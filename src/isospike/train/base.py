"""What the training loop asks of anything that is trained."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from isospike.errors import InvalidSetting

Made = TypeVar("Made", covariant=True)


class Peers(ABC):
    """The other processes of a training, which take their parts of the same batches."""

    @abstractmethod
    def largest(self, found: Tensor) -> Tensor:
        """Element by element, over all processes."""

    @abstractmethod
    def mean(self, found: Tensor) -> Tensor:
        """Over the samples of a batch, of what each process has as a mean over its own."""


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

    def agree(self, peers: Peers) -> None:
        """Called after each step of several processes: what this one measured of its part of the batch becomes what
        was measured of all of it.  Raises `InvalidSetting` where one process alone can train."""
        raise InvalidSetting(
            f"{type(self).__name__} does not say how several processes agree on what they measure.",
            "SpikeTimes (prepare), OverTime, Classifier without batch norm; trainees that define `agree`.",
            "Train in one process: devices=1.",
        )
