"""A signed value carried by a pair of neurons: its positive and its negative part."""

import math
from dataclasses import dataclass
from typing import ClassVar

import scipy
import torch
from torch import Tensor

from isospike.ir.ops.base import Map, Shape


@dataclass(frozen=True, eq=False)
class Mirror(Map):
    """x ↦ (x, −leak · x), one after the other along the first dimension."""

    leak: float = 1.0
    nonnegative: ClassVar = False

    def linear(self, x: Tensor) -> Tensor:
        return torch.cat((x, -self.leak * x), 1)

    def out_shape(self, *shapes: Shape) -> Shape:
        return 2 * shapes[0][0], *shapes[0][1:]

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        one = scipy.sparse.eye_array(math.prod(in_shape))
        return scipy.sparse.csr_array(scipy.sparse.hstack([one, -self.leak * one]))

    def abs(self) -> Map:
        return Twice(self.leak)

    def pattern(self) -> Map:
        return Twice()


@dataclass(frozen=True, eq=False)
class Twice(Map):
    """x ↦ (x, leak · x)."""

    leak: float = 1.0

    def linear(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.leak * x), 1)

    def out_shape(self, *shapes: Shape) -> Shape:
        return 2 * shapes[0][0], *shapes[0][1:]

    def pattern(self) -> Map:
        return Twice()


@dataclass(frozen=True, eq=False)
class Difference(Map):
    """(u, v) ↦ u − ratio · v: reads a mirrored pair back."""

    ratio: float = 1.0
    nonnegative: ClassVar = False

    def linear(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return x[:, :half] - self.ratio * x[:, half:]

    def out_shape(self, *shapes: Shape) -> Shape:
        return _halved(shapes[0])

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        one = scipy.sparse.eye_array(math.prod(in_shape) // 2)
        return scipy.sparse.csr_array(scipy.sparse.vstack([one, -self.ratio * one]))

    def abs(self) -> Map:
        return Total(self.ratio)

    def pattern(self) -> Map:
        return Total()


@dataclass(frozen=True, eq=False)
class Total(Map):
    """(u, v) ↦ u + ratio · v."""

    ratio: float = 1.0

    def linear(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return x[:, :half] + self.ratio * x[:, half:]

    def out_shape(self, *shapes: Shape) -> Shape:
        return _halved(shapes[0])

    def pattern(self) -> Map:
        return Total()


def _halved(shape: Shape) -> Shape:
    if shape[0] % 2:
        raise ValueError(f"pairs of {shape[0]} channels.")
    return shape[0] // 2, *shape[1:]
