"""Element-wise constant factors and shifts: batch normalisation, and arithmetic with constants."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy
import torch
from torch import Tensor

from isospike.ir.ops.base import Map, Shape, Unsupported, single


def _batch_norm(
    build: Any,
    x: Any,
    gamma: Tensor | None,
    beta: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    *_: Any,
) -> Any:
    if training or mean is None or var is None:
        raise Unsupported(
            "batch normalisation without running statistics; call model.eval() and train with track_running_stats"
        )
    per_channel = (-1,) + (1,) * (len(x.shape) - 1)
    kappa = (var.double() + eps).rsqrt() * (1.0 if gamma is None else gamma.double())
    shift = (0.0 if beta is None else beta.double()) - kappa * mean.double()
    return build.affine(x, Scale(kappa.reshape(per_channel)), bias=shift.reshape(per_channel))


def _onnx_batch_norm(
    build: Any,
    x: Any,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = single(1e-5),
    momentum: float = 0.9,
    training_mode: int = 0,
    spatial: int = 1,
    outputs: int = 1,
) -> Any:
    if not spatial:
        raise Unsupported("BatchNormalization with spatial=0")
    training = bool(training_mode) or outputs > 1  # before opset 14, five outputs mean training
    return _batch_norm(build, x, gamma, beta, mean, var, training, momentum, epsilon)


def _inference_batch_norm(
    build: Any, x: Any, gamma: Any, beta: Any, mean: Any, var: Any, momentum: float, eps: float
) -> Any:
    return (_batch_norm(build, x, gamma, beta, mean, var, False, momentum, eps),)


def of_a_sample(t: Tensor, ndim: int) -> Tensor:
    """A constant beside values of `ndim` dimensions a sample, without the batch's dimension."""
    if t.ndim != ndim + 1:
        return t
    if not bool((t == t[:1]).all()):
        raise Unsupported("a constant that differs from sample to sample of the batch")
    return t[0]


def constant(value: Any, x: Any) -> Tensor:
    """A constant operand of the sample `x` as a tensor with x's number of dimensions, each of size 1 or x's."""
    t = of_a_sample(torch.as_tensor(value, dtype=torch.float64), len(x.shape))
    t = t.reshape((1,) * (len(x.shape) - t.ndim) + tuple(t.shape))
    if t.ndim != len(x.shape) or any(a not in (1, b) for a, b in zip(t.shape, x.shape, strict=True)):
        raise Unsupported(f"a constant of shape {tuple(t.shape)} beside a value of shape {tuple(x.shape)}")
    return t


def _is_constant(value: Any) -> bool:
    return isinstance(value, Tensor | float | int)


def _mul(build: Any, a: Any, b: Any) -> Any:
    if _is_constant(a):
        a, b = b, a
    if not _is_constant(b):
        raise Unsupported("the product of two computed values")
    return build.affine(a, Scale(constant(b, a)))


def _div(build: Any, a: Any, b: Any) -> Any:
    if not _is_constant(b):
        raise Unsupported("division by a computed value")
    return build.affine(a, Scale(1.0 / constant(b, a)))


def _neg(build: Any, x: Any) -> Any:
    return build.affine(x, Scale(constant(-1.0, x)))


@dataclass(frozen=True, eq=False)
class Scale(Map):
    """y = s ⊙ x.  factor: broadcastable to the sample's shape."""

    factor: Tensor
    torch: ClassVar = {
        "aten.batch_norm.default": _batch_norm,
        "aten._native_batch_norm_legit_no_training.default": _inference_batch_norm,
        "aten.mul.Tensor": _mul,
        "aten.mul.Scalar": _mul,
        "aten.div.Tensor": _div,
        "aten.div.Scalar": _div,
        "aten.neg.default": _neg,
    }
    onnx: ClassVar = {"BatchNormalization": _onnx_batch_norm, "Mul": _mul, "Div": _div, "Neg": _neg}

    @property
    def nonnegative(self) -> bool:  # type: ignore[override]  # its factor says it, not its class
        return bool((self.factor >= 0).all())

    def linear(self, x: Tensor) -> Tensor:
        return x * self.factor

    def out_shape(self, *shapes: Shape) -> Shape:
        return tuple(np.broadcast_shapes(shapes[0], self.factor.shape))

    def abs(self) -> Map:
        return replace(self, factor=self.factor.abs())

    def pattern(self) -> Map:
        return replace(self, factor=(self.factor != 0).to(self.factor.dtype))

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        return scipy.sparse.csr_array(
            scipy.sparse.diags_array(self.factor.detach().double().expand(in_shape).reshape(-1).numpy())
        )

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        return s

    def scaled(self, s: Tensor) -> Map | None:
        return replace(self, factor=self.factor * s)

    def after(self, before: Map) -> Map | None:
        return before.scaled(self.factor)
