"""Operations that change nothing in a trained network: dropout, identity, contiguous, a cast, soft-max at the output."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.ir.ops.base import Op, Unsupported


def _same(build: Any, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _copied(build: Any, x: Any, *_: Any, **__: Any) -> Any:
    return replace(x)  # another handle on the same node: what is written into the copy does not reach the original


def _dropout(build: Any, x: Any, p: Any, train: bool) -> Any:
    if train:
        raise Unsupported("dropout in training mode; call model.eval()")
    return x


def _onnx_dropout(build: Any, x: Any, ratio: Any = None, training: Any = None, **_: Any) -> Any:
    return _dropout(build, x, ratio, training is not None and bool(training))


def _cast(build: Any, x: Any, dtype: torch.dtype, *_: Any, **__: Any) -> Any:
    if not dtype.is_floating_point:
        raise Unsupported(f"a cast to {dtype}")
    return x


def _onnx_cast(build: Any, x: Any, *, to: int, **_: Any) -> Any:
    if to not in (1, 10, 11, 16):  # float32, float16, float64, bfloat16
        raise Unsupported("a cast to a type that is not floating-point")
    return x


def _at_output(build: Any, x: Any, dim: int = -1, *_: Any, axis: int | None = None, **__: Any) -> Any:
    if not build.is_output():
        raise Unsupported("a soft-max before the output")
    if (dim if axis is None else axis) % (len(x.shape) + 1) != 1:
        raise Unsupported("a soft-max at the output over another dimension than the classes', the first of a sample")
    build.note("the soft-max at the output was taken off: the read-out gives the logits")
    return x


@dataclass(frozen=True, eq=False)
class Identity(Op):
    """y = x; no node is made of it."""

    torch: ClassVar = {
        "aten.dropout.default": _dropout,
        "aten.dropout_.default": _dropout,
        "aten.feature_dropout.default": _dropout,
        "aten.alias.default": _same,
        "aten.clone.default": _copied,
        "aten.detach.default": _same,
        "aten.detach_.default": _same,
        "aten.contiguous.default": _same,
        "aten.to.dtype": _cast,
        "aten._to_copy.default": _copied,
        "aten.softmax.int": _at_output,
        "aten.log_softmax.int": _at_output,
        "aten._softmax.default": _at_output,
        "aten._log_softmax.default": _at_output,
    }
    onnx: ClassVar = {"Identity": _same, "Dropout": _onnx_dropout, "Cast": _onnx_cast, "Softmax": _at_output, "LogSoftmax": _at_output}

    def __call__(self, *inputs: Tensor) -> Tensor:
        return inputs[0]
