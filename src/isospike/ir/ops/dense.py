"""Matrix product along one dimension: `linear`, `matmul` and `Gemm` with constant weights, and means over a
dimension."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.base import Map, Rows, Shape, Unsupported, Weighted, constant_beyond
from isospike.ir.ops.identity import cast
from isospike.ir.ops.route import Pad, Permute, Reshape
from isospike.ir.ops.scale import Scale, of_a_sample

ROWS = 1 << 22  # weights that are copied at a time


def _linear(build: Any, x: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
    if isinstance(weight, Tensor) and weight.ndim == 2:
        return build.affine(x, Dense(weight), bias=bias)
    raise Unsupported("weights that are not a constant matrix")


def _matmul(build: Any, a: Any, b: Any) -> Any:
    if isinstance(b, Tensor) and b.ndim == 2:
        return build.affine(a, Dense(b.T.contiguous()))
    if isinstance(a, Tensor) and a.ndim == 2 and len(b.shape) >= 2:
        n = len(b.shape)
        swap = Permute((*range(n - 2), n - 1, n - 2))
        return build.affine(b, swap, Dense(a), swap)
    raise Unsupported("a product in which neither side is a constant matrix")


def _addmm(build: Any, bias: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    if not isinstance(bias, Tensor) or not isinstance(b, Tensor):
        raise Unsupported("addmm with computed bias or weights")
    return build.affine(a, Dense(b.T.contiguous() * alpha), bias=of_a_sample(bias * beta, len(a.shape)))


def _gemm(
    build: Any,
    a: Any,
    b: Any,
    c: Any = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Any:
    if transA or not isinstance(b, Tensor) or not (c is None or isinstance(c, Tensor)) or len(a.shape) != 1:
        raise Unsupported("Gemm with transA, or with computed weights or bias")
    weight = alpha * (b if transB else b.T)
    return build.affine(
        a,
        Dense(weight.contiguous()),
        bias=None if c is None else of_a_sample(beta * c, 1).reshape(-1).expand(weight.shape[0]),
    )


@dataclass(frozen=True, eq=False)
class Dense(Weighted):
    """y = W x along the last dimension.  weight: (out, in)."""

    torch: ClassVar = {
        "aten.linear.default": _linear,
        "aten.matmul.default": _matmul,
        "aten.mm.default": _matmul,
        "aten.addmm.default": _addmm,
    }
    onnx: ClassVar = {"MatMul": _matmul, "Gemm": _gemm}

    def rows(self) -> Rows | None:
        return Rows(self.weight.detach())

    def linear(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)

    def out_shape(self, *shapes: Shape) -> Shape:
        (*before, inputs), (out, width) = shapes[0], self.weight.shape
        if inputs != width:
            raise ValueError(f"{type(self).__name__}: weights {tuple(self.weight.shape)}, input {shapes[0]}.")
        return *before, out

    def within(self, radius: Tensor) -> Tensor:
        return torch.cat([F.linear(radius, part.abs()) for part in self._parts()], -1)

    def counted(self) -> Map:
        total = sum((part.count_nonzero(0) for part in self._parts()), torch.zeros(()))
        return replace(self, weight=total.double()[None])

    def _parts(self) -> tuple[Tensor, ...]:
        """The weights, some rows at a time: of the largest matrices there is no room for another."""
        return self.weight.split(max(1, ROWS // max(self.weight.shape[1], 1)))

    def synapses(self, in_shape: Shape) -> int:
        return int(self.weight.detach().count_nonzero()) * math.prod(in_shape[:-1])

    def part(self, first: int, last: int, in_shape: Shape) -> Map | None:
        return replace(self, weight=self.weight[first:last]) if len(in_shape) == 1 else None

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        out, inputs = self.weight.shape
        lines = math.prod(in_shape[:-1])
        # A copy, also of one row or column: whoever lists synapses takes out those of zero, in place.
        values = self.weight.detach().double().t().clone(memory_format=torch.contiguous_format).reshape(-1).numpy()
        values = np.tile(values, lines) if lines > 1 else values
        number = np.int32 if len(values) < 2**31 else np.int64
        targets = np.repeat(np.arange(lines * out, dtype=number).reshape(lines, 1, out), inputs, 1)
        return scipy.sparse.csr_array(
            (values, targets.reshape(-1), np.arange(0, len(values) + 1, out, dtype=number)),
            shape=(lines * inputs, lines * out),
        )

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:  # type: ignore[override]  # a map reads one value
        if bias is not None and bias.ndim == 1 and x.ndim == 2:
            outputs = self.weight.shape[0]
            return F.linear(x, self.weight, bias if len(bias) == outputs else bias.expand(outputs))
        return super().__call__(x, bias)

    def scaled(self, s: Tensor) -> Map | None:
        return replace(self, weight=self.weight * s.reshape(-1, 1)) if constant_beyond(s, -1) else None

    def after(self, before: Map) -> Map | None:
        if isinstance(before, Scale) and constant_beyond(before.factor, -1):
            return replace(self, weight=self.weight * before.factor.reshape(1, -1))
        if isinstance(before, Pad) and before.only(-1):
            left, right = before.widths[-1]
            return replace(self, weight=self.weight[:, left : self.weight.shape[1] - right])
        return None


def _mean(build: Any, x: Any, dims: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    places = sorted(int(d) % (len(x.shape) + 1) - 1 for d in (range(len(x.shape) + 1) if dims is None else dims))
    if places[0] < 0:
        raise Unsupported("a mean over the batch")
    out = build.affine(
        cast(build, x, dtype),
        *(Along(torch.full((1, x.shape[d]), 1.0 / x.shape[d], dtype=torch.float64), d) for d in places),
    )
    return (
        out
        if keepdim
        else build.affine(out, Reshape(tuple(size for d, size in enumerate(x.shape) if d not in places)))
    )


def _onnx_mean(
    build: Any, x: Any, dims: Any = None, *, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return _mean(build, x, axes if dims is None else dims, bool(keepdims))


@dataclass(frozen=True, eq=False)
class Along(Weighted):
    """A fixed, non-negative matrix along one dimension: means and uneven adaptive pools.  weight: (out, in)."""

    dim: int
    nonnegative: ClassVar = True
    weighted: ClassVar = False
    torch: ClassVar = {"aten.mean.dim": _mean, "aten.mean.default": _mean}
    onnx: ClassVar = {"ReduceMean": _onnx_mean}

    def linear(self, x: Tensor) -> Tensor:
        return F.linear(x.transpose(self.dim + 1, -1), self.weight).transpose(self.dim + 1, -1)

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        before, after = (
            scipy.sparse.eye_array(math.prod(in_shape[: self.dim])),
            scipy.sparse.eye_array(math.prod(in_shape[self.dim + 1 :])),
        )
        return scipy.sparse.csr_array(
            scipy.sparse.kron(before, scipy.sparse.kron(self.weight.detach().double().t().numpy(), after))
        )

    def carry(self, s: Tensor, in_shape: tuple[int, ...]) -> Tensor | None:
        return s if s.shape[self.dim] == 1 else None
