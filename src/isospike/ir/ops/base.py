"""What every operation offers, and what is derived for every linear map from `linear` alone."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from isospike.ir.record import Record

Shape = tuple[int, ...]
Rule = Callable[..., Any]  # (builder, *inputs, **attributes) -> Value


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
        tensors = list(self.tensors().values())
        probe = torch.zeros((), dtype=tensors[0].dtype if tensors else torch.float64)
        return tuple(self(*(probe.expand(1, *shape) for shape in shapes)).shape[1:])


@dataclass(frozen=True, eq=False)
class Map(Op):
    """A linear map A of one sample's values.  Non-negative unless it says otherwise; a route moves values and is such a map."""

    weighted: ClassVar[bool] = False  # mixes values with trained weights: two of them in a row need neurons between

    @abstractmethod
    def linear(self, x: Tensor) -> Tensor:
        """A x for a batch of x."""

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """A x + bias."""
        return self.linear(x) if bias is None else self.linear(x) + bias

    def abs(self) -> "Map":
        """|A|, entry by entry."""
        return self

    def pattern(self) -> "Map":
        """The 0/1 map of A's synapses."""
        return self

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        """A s for a constant s (broadcastable to `in_shape`); maps with padding leave out nothing at the border."""
        return collapse(self.linear(s.expand(1, *in_shape))[0])

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        """s' with A (s ⊙ x) = s' ⊙ (A x) for every x, where there is one."""
        return None

    def scaled(self, s: Tensor) -> "Map | None":
        """The map x ↦ s ⊙ (A x) where it is one of the same kind."""
        return None

    def after(self, before: "Map") -> "Map | None":
        """The single map equal to this one after `before`, where there is one."""
        return None


@dataclass(frozen=True, eq=False)
class Route(Map):
    """A map that moves values, each output being one input or zero."""

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        return collapse(self.linear(s.expand(1, *in_shape))[0])


@dataclass(frozen=True, eq=False)
class Weighted(Map):
    """A map with a tensor of weights of either sign."""

    weight: Tensor
    weighted: ClassVar[bool] = True

    def abs(self) -> Self:
        return replace(self, weight=self.weight.abs())

    def pattern(self) -> Self:
        return replace(self, weight=(self.weight != 0).to(self.weight.dtype))


def collapse(t: Tensor) -> Tensor:
    """`t` with every dimension of size 1 along which it is constant (to 12 digits): broadcasting restores it."""
    limit = 1e-12 * t.abs().max() if t.numel() else t.new_zeros(())
    for dim in range(t.ndim):
        first = t.narrow(dim, 0, 1)
        if t.shape[dim] > 1 and bool(((t - first).abs() <= limit).all()):
            t = first
    return t


def constant_beyond(t: Tensor, dim: int) -> bool:
    """Whether `t`, broadcast, is constant along every dimension but `dim`."""
    return all(size == 1 for i, size in enumerate(t.shape) if i != dim % t.ndim)
