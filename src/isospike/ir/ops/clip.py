"""Rectifiers: ReLU in every spelling, ReLU6, hardtanh and clamp with low 0."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from isospike.ir.ops.base import Op, Unsupported


def _clip(build: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    low = -math.inf if low is None else float(low)
    high = math.inf if high is None else float(high)
    if low < 0.0 and build.never_negative(x):
        low = 0.0  # as in clamp(relu(x), max=6)
    if low != 0.0 or high <= 0.0:
        raise Unsupported(f"a clamp to [{low:g}, {high:g}]; the low side must be 0 and the high side above it")
    return build.emit(Clip(low, high), x)


_LARGEST = 3.4028234e38  # the largest float32: how exporters write that there is no upper limit


def _onnx_clip(build: Any, x: Any, low: Any = None, high: Any = None, **attributes: Any) -> Any:
    low, high = attributes.get("min", low), attributes.get("max", high)
    return _clip(build, x, low, None if high is None or float(high) >= _LARGEST else high)


def _relu(build: Any, x: Any) -> Any:
    return _clip(build, x, 0.0)


def _relu6(build: Any, x: Any) -> Any:
    return _clip(build, x, 0.0, 6.0)


def _hardtanh(build: Any, x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    return _clip(build, x, low, high)


def _threshold(build: Any, x: Any, threshold: float, value: float) -> Any:
    if threshold != 0 or value != 0:
        raise Unsupported(f"a threshold at {threshold:g} with value {value:g}")
    return _clip(build, x, 0.0)


def _minimum(build: Any, a: Any, b: Any) -> Any:
    if isinstance(a, Tensor):
        a, b = b, a
    if not isinstance(b, Tensor) or b.numel() != 1:
        raise Unsupported("a minimum other than with one number")
    return _clip(build, a, None, float(b))


def _maximum(build: Any, a: Any, b: Any) -> Any:
    if isinstance(a, Tensor):
        a, b = b, a
    if not isinstance(b, Tensor) or b.numel() != 1 or float(b) != 0:
        raise Unsupported("a maximum other than with 0")
    return _clip(build, a, 0.0)


@dataclass(frozen=True, eq=False)
class Clip(Op):
    """y = min(max(x, low), high)."""

    low: float
    high: float
    torch: ClassVar = {
        "aten.relu.default": _relu,
        "aten.relu_.default": _relu,
        "aten.relu6.default": _relu6,
        "aten.relu6_.default": _relu6,
        "aten.hardtanh.default": _hardtanh,
        "aten.hardtanh_.default": _hardtanh,
        "aten.clamp.default": _clip,
        "aten.clamp_.default": _clip,
        "aten.clamp_min.default": _clip,
        "aten.clamp_min_.default": _clip,
        "aten.clamp_max.default": lambda build, x, high: _clip(build, x, None, high),
        "aten.clamp_max_.default": lambda build, x, high: _clip(build, x, None, high),
        "aten.threshold.default": _threshold,
        "aten.threshold_.default": _threshold,
        "aten.maximum.default": _maximum,
        "aten.minimum.default": _minimum,
    }
    onnx: ClassVar = {"Relu": _relu, "Clip": _onnx_clip, "Max": _maximum, "Min": _minimum}

    def __call__(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return x.clamp(self.low, None if math.isinf(self.high) else self.high)
