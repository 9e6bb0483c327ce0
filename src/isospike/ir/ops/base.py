"""What every operation offers, and what is derived for every linear map from `linear` alone."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import scipy
import torch
from torch import Tensor

from isospike.ir.record import Record

CHUNK = 1 << 22  # numbers of a batch of units that are held at a time
Shape = tuple[int, ...]
Rule = Callable[..., Any]  # (builder, *inputs, **attributes) -> Value


def single(number: float) -> float:
    """A number as an ONNX file holds it, and ONNX its defaults: in single precision."""
    return float(np.float32(number))


class Unsupported(Exception):
    """Raised by an import rule for an argument value that it does not cover; the importer adds the place."""


@dataclass(frozen=True, eq=False)
class Op(Record):
    """An operation on batched tensors.  `torch` and `onnx` say which nodes of a user's model become it, and how."""

    torch: ClassVar[Mapping[str, Rule]] = {}
    onnx: ClassVar[Mapping[str, Rule]] = {}

    @abstractmethod
    def __call__(self, *inputs: Tensor) -> Tensor:
        """Value of the operation; the first dimension of every tensor is the batch."""

    def out_shape(self, *shapes: Shape) -> Shape:
        """Shape of one sample's output, given one sample's inputs."""
        # On the meta device shapes are worked out and nothing is computed.  Arithmetic is slow there and imports
        # PyTorch's compiler, so operations that add or multiply say their shape themselves.
        shapeless = self.map_tensors(lambda _, t: t.to("meta", torch.float64))
        return tuple(
            shapeless(*(torch.empty(1, *shape, dtype=torch.float64, device="meta") for shape in shapes)).shape[1:]
        )


@dataclass(frozen=True, eq=False)
class Map(Op):
    """A linear map A of one sample's values.  Non-negative unless it says otherwise; a route moves values and is such
    a map."""

    nonnegative: ClassVar[bool] = True
    weighted: ClassVar[bool] = False  # mixes values with trained weights: two of them in a row need neurons between

    @abstractmethod
    def linear(self, x: Tensor) -> Tensor:
        """A x for a batch of x."""

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:  # type: ignore[override]  # a map reads one value
        """A x + bias."""
        return self.linear(x) if bias is None else self.linear(x) + bias

    def abs(self) -> "Map":
        """|A|, entry by entry."""
        return self

    def within(self, radius: Tensor) -> Tensor:
        """|A| r, by how much A x differs at most where x differs by r.  radius: (batch, *shape)."""
        return self.abs()(radius)

    def pattern(self) -> "Map":
        """The 0/1 map of A's synapses."""
        return self

    def counted(self) -> "Map":
        """A map to fewer outputs, where there is one, whose sum over the outputs is that of `pattern`."""
        return self.pattern()

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        """A s for a constant s (broadcastable to `in_shape`); maps with padding leave out nothing at the border."""
        return collapse(self.linear(s.expand(1, *in_shape))[0])

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        """A's synapses, transposed: row j holds those of input j.  Found by sending a unit through A from each input
        in turn."""
        inputs = math.prod(in_shape)
        chunk = max(1, CHUNK // max(inputs, math.prod(self.out_shape(in_shape)), 1))
        rows = []
        for first in range(0, inputs, chunk):
            units = torch.zeros(min(chunk, inputs - first), inputs, dtype=torch.float64)
            units.diagonal(first).fill_(1.0)
            rows.append(
                scipy.sparse.csr_array(self.linear(units.reshape(-1, *in_shape)).reshape(len(units), -1).numpy())
            )
        return scipy.sparse.csr_array(scipy.sparse.vstack(rows))

    def synapses(self, in_shape: Shape) -> int | None:
        """How many entries of A are not zero, where that is known without A."""
        return None

    def part(self, first: int, last: int, in_shape: Shape) -> "Map | None":
        """The map to some of the outputs along their first dimension, where there is one that is smaller."""
        return None

    def rows(self) -> "Rows | None":
        """A's weights as rows to be added up, one for each spike that an output sees, where they lie so."""
        return None

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        """s' with A (s ⊙ x) = s' ⊙ (A x) for every x, where there is one."""
        return None

    def scaled(self, s: Tensor) -> "Map | None":
        """The map x ↦ s ⊙ (A x) where it is one of the same kind."""
        return None

    def after(self, before: "Map") -> "Map | None":
        """The single map equal to this one after `before`, where there is one."""
        return None


@dataclass(frozen=True)
class Rows:
    """A map's weights: of a convolution in the plane, (out, in, height, width), or of a dense map, (out, in)."""

    weights: Tensor
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Route(Map):
    """A map that moves values, each output being one input or zero."""

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        # Sending the inputs' numbers through, from 1 on, shows where each value goes; 0 is a padded zero.
        moved = (
            self.linear(torch.arange(1, math.prod(in_shape) + 1, dtype=torch.float64).reshape(1, *in_shape))
            .flatten()
            .long()
            .numpy()
        )
        outputs = np.flatnonzero(moved)
        return scipy.sparse.csr_array(
            (np.ones(len(outputs)), (moved[outputs] - 1, outputs)), shape=(math.prod(in_shape), len(moved))
        )

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        return collapse(self.linear(s.expand(1, *in_shape))[0])


@dataclass(frozen=True, eq=False)
class Weighted(Map):
    """A map with a tensor of weights of either sign."""

    weight: Tensor
    nonnegative: ClassVar[bool] = False
    weighted: ClassVar[bool] = True

    def abs(self) -> Self:
        return replace(self, weight=self.weight.abs())

    def pattern(self) -> Self:
        return replace(self, weight=(self.weight != 0).to(self.weight.dtype))


def collapse(t: Tensor) -> Tensor:
    """`t` with every dimension of size 1 along which it is constant (to 12 digits): broadcasting restores it."""
    if t.requires_grad:
        return t  # a gradient is to reach every number
    limit = 1e-12 * t.abs().max() if t.numel() else t.new_zeros(())
    for dim in range(t.ndim):
        first = t.narrow(dim, 0, 1)
        if t.shape[dim] > 1 and bool(((t - first).abs() <= limit).all()):
            t = first
    return t


def constant_beyond(t: Tensor, dim: int) -> bool:
    """Whether `t`, broadcast, is constant along every dimension but `dim`."""
    return all(size == 1 for i, size in enumerate(t.shape) if i != dim % t.ndim)
