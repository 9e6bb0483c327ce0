"""Operations that change nothing in a trained network: dropout, identity, contiguous, a cast, soft-max at the
output."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from isospike.ir.ops.base import Op, Unsupported


def _same(build: Any, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _dropout(build: Any, x: Any, p: Any, train: bool) -> Any:
    if train:
        raise Unsupported(
            "dropout in training mode, as of F.dropout(x) without training=self.training, or of a file exported "
            "before model.eval(),"
        )
    return x


def _onnx_dropout(build: Any, x: Any, ratio: Any = None, training: Any = None, **_: Any) -> Any:
    return _dropout(build, x, ratio, training is not None and bool(training))


def cast(build: Any, x: Any, *arguments: Any, **named: Any) -> Any:
    """The importer hands on the model's own precision as float64: a cast to a lower one rounds."""
    for dtype in (*arguments, *named.values()):
        if isinstance(dtype, torch.dtype) and dtype != torch.float64:
            raise Unsupported(f"rounding to {str(dtype).removeprefix('torch.')} by a cast")
    return x


def _onnx_cast(build: Any, x: Any, *, to: int, **_: Any) -> Any:
    if to != 11:  # DOUBLE, which stands for the model's own precision
        raise Unsupported(f"rounding to {_ONNX_TYPES.get(to, 'another type')} by a cast")
    return x


def _at_output(build: Any, x: Any, dim: int, *more: Any, **named: Any) -> Any:
    if not build.is_output():
        raise Unsupported("a soft-max before the output")
    if dim % (len(x.shape) + 1) != 1:
        raise Unsupported("a soft-max at the output over another dimension than the classes', the first of a sample")
    if x.shape[0] == 1:
        raise Unsupported("a soft-max of one class, which is the same whatever the input,")
    build.note("the soft-max at the output was taken off: the read-out gives the logits")
    return cast(build, x, *more, **named)


def _onnx_at_output(build: Any, x: Any, *, axis: int | None = None, opset: int = 13) -> Any:
    """Before opset 13 a soft-max is over all dimensions from `axis` on."""
    axis = (-1 if opset >= 13 else 1) if axis is None else axis
    if opset < 13 and axis % (len(x.shape) + 1) == 1 and any(size != 1 for size in x.shape[1:]):
        raise Unsupported(f"a soft-max of opset {opset} over classes and places at once")
    return _at_output(build, x, axis)


_ONNX_TYPES = {1: "float32", 10: "float16", 16: "bfloat16", 6: "int32", 7: "int64", 9: "bool"}


@dataclass(frozen=True, eq=False)
class Identity(Op):
    """y = x; no node is made of it."""

    torch: ClassVar = {
        "aten.dropout.default": _dropout,
        "aten.dropout_.default": _dropout,
        **{f"aten.{kind}dropout.default": _dropout for kind in ("feature_", "alpha_", "feature_alpha_")},
        "aten.alias.default": _same,
        "aten.clone.default": _same,
        "aten.detach.default": _same,
        "aten.detach_.default": _same,
        "aten.contiguous.default": _same,
        **{f"aten.to.{kind}": cast for kind in ("dtype", "dtype_layout", "device", "other")},
        "aten._to_copy.default": cast,
        "aten.type_as.default": cast,
        "aten.softmax.int": _at_output,
        "aten.log_softmax.int": _at_output,
        "aten._softmax.default": _at_output,
        "aten._log_softmax.default": _at_output,
    }
    onnx: ClassVar = {
        "Identity": _same,
        "Dropout": _onnx_dropout,
        "Cast": _onnx_cast,
        "Softmax": _onnx_at_output,
        "LogSoftmax": _onnx_at_output,
    }

    def __call__(self, *inputs: Tensor) -> Tensor:
        return inputs[0]
