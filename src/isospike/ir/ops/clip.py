"""Rectifiers: ReLU in every spelling, ReLU6, hardtanh, clamp, LeakyReLU, and the staircases of quantised
activations."""

import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.base import Op, Shape, Unsupported, single

_LARGEST = 3.4028234e38  # the largest float32: how exporters write that there is no limit
_SLOPE = single(0.01)  # ONNX's default


def _number(value: Any) -> float:
    if not isinstance(value, Tensor | float | int) or (isinstance(value, Tensor) and value.numel() != 1):
        raise Unsupported("a limit or slope other than one number")
    return float(value.detach()) if isinstance(value, Tensor) else float(value)


def _clip(build: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    low = -math.inf if low is None or _number(low) <= -_LARGEST else _number(low)
    high = math.inf if high is None or _number(high) >= _LARGEST else _number(high)
    if -low == high == math.inf:
        return x
    if low < 0.0 and build.never_negative(x):
        low = 0.0  # as in clamp(relu(x), max=6)
    if not low <= 0.0 < high:
        raise Unsupported(f"a clamp to [{low:g}, {high:g}]; the low side must be at most 0 and the high side above it")
    return build.emit(Clip(low, high), x)


def _onnx_clip(build: Any, x: Any, low: Any = None, high: Any = None, **attributes: Any) -> Any:
    return _clip(build, x, attributes.get("min", low), attributes.get("max", high))


def _leaky_relu(build: Any, x: Any, slope: Any = 0.01) -> Any:
    slope = _number(slope)
    if not 0.0 <= slope < math.inf:
        raise Unsupported(f"the slope {slope:g} on the negative side")
    leaks = slope > 0.0 and not build.never_negative(x)
    return build.emit(Clip(-math.inf, math.inf, slope) if leaks else Clip(0.0, math.inf), x)


def _staircase(build: Any, x: Any, high: Any, levels: int, offset: float) -> Any:
    high = _number(high)
    if not 0.0 < high < math.inf or levels < 1:
        raise Unsupported(f"a staircase of {levels} levels to {high:g}; both must be above 0")
    return build.emit(Clip(0.0, high, levels=levels, offset=offset), x)


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


def _minimum(build: Any, *parts: Any) -> Any:
    return _clip(build, _value(parts), None, _limit(parts, torch.minimum))


def _maximum(build: Any, *parts: Any) -> Any:
    return _clip(build, _value(parts), _limit(parts, torch.maximum))


def _value(parts: Any) -> Any:
    """The computed one among values and constants."""
    values = [part for part in parts if not isinstance(part, Tensor)]
    if len(values) != 1:
        raise Unsupported("the largest or smallest of several computed values")
    return values[0]


def _limit(parts: Any, choose: Any) -> Any:
    """The constants among them as one."""
    constants = [part for part in parts if isinstance(part, Tensor)]
    return functools.reduce(choose, constants) if constants else None


def stairs(x: Tensor, high: Tensor | float, levels: int, offset: float) -> Tensor:
    """high · clip(⌊L x / high + offset⌋ / L, 0, 1): the L ticks that all quantised activations have (Bu 2022)."""
    return high * ((x * levels / high + offset).floor() / levels).clamp(0.0, 1.0)


def rectify(x: Tensor, low: float, high: float, leak: float, levels: int, offset: float) -> Tensor:
    """The activation of `Clip` and of `Population`, element by element; it never falls."""
    if levels:
        return stairs(x, high, levels, offset)
    return (x if leak == 1.0 else F.leaky_relu(x, leak)).clamp(low, high)


@dataclass(frozen=True, eq=False)
class Clip(Op):
    """y = clip(f(x), low, high), f(x) = x for x ≥ 0, leak · x for x < 0;   low ≤ 0 < high, leak > 0.

    In `levels` L > 0, which need low = 0 and a finite high: y = high · clip(⌊L x / high + offset⌋ / L, 0, 1).
    """

    low: float
    high: float
    leak: float = 1.0
    levels: int = 0
    offset: float = 0.0
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
        "aten.clamp.Tensor": _clip,
        "aten.clamp_min.Tensor": _clip,
        "aten.clamp_max.Tensor": lambda build, x, high: _clip(build, x, None, high),
        "aten.leaky_relu.default": _leaky_relu,
        "aten.prelu.default": _leaky_relu,
        "isospike.staircase.default": _staircase,
        "aten.threshold.default": _threshold,
        "aten.threshold_.default": _threshold,
        "aten.maximum.default": _maximum,
        "aten.minimum.default": _minimum,
    }
    onnx: ClassVar = {
        "Relu": _relu,
        "LeakyRelu": lambda build, x, alpha=_SLOPE: _leaky_relu(build, x, alpha),
        "PRelu": _leaky_relu,
        "Clip": _onnx_clip,
        "Max": _maximum,
        "Min": _minimum,
    }

    def __call__(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return rectify(x, self.low, self.high, self.leak, self.levels, self.offset)

    def out_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]
