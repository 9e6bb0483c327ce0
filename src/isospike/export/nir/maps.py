"""Which map and constant each of NIR's stateless nodes is; a node of another kind has no form here."""

import math
import re
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidSetting, UnsupportedOperation
from isospike.ir.ops.base import Map, Shape
from isospike.ir.ops.conv import Conv, ones_per_channel, spread
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.pool import AveragePool
from isospike.ir.ops.route import Reshape
from isospike.ir.ops.scale import Scale

STATELESS = "Affine", "Linear", "Conv1d", "Conv2d", "Scale", "SumPool2d", "AvgPool2d", "Flatten"
KEY = "isospike"  # of metadata


def nir_module() -> Any:
    """The package `nir`.  Raises `InvalidSetting` where it is not installed."""
    try:
        import nir
    except ImportError as error:
        raise InvalidSetting(
            "NIR graphs need the package `nir`.", "nir 1.0.8.", "Install it: pip install 'isospike[nir]'."
        ) from error
    return nir


def node_name(stage: str, taken: Collection[str]) -> str:
    """A name that every reader takes: it begins with a letter and has no dots."""
    plain = "s_" + re.sub(r"\W", "_", stage, flags=re.ASCII)
    while plain in taken:
        plain += "_"
    return plain


def tensor(value: Any) -> Tensor:
    """A node's numbers, in double precision."""
    return torch.as_tensor(np.asarray(value), dtype=torch.float64)


def map_of(name: str, node: Any, shape: Shape) -> tuple[Map, Tensor | None]:
    """The map of a node, and what it adds.  shape: of one sample's input.  Raises `UnsupportedOperation`."""
    match type(node).__name__:
        case "Affine":
            return Dense(tensor(node.weight)), tensor(node.bias)
        case "Linear":
            return Dense(tensor(node.weight)), None
        case "Conv1d" | "Conv2d":
            return _conv(name, node), tensor(node.bias).reshape(-1, *(1,) * (np.ndim(node.weight) - 2))
        case "Scale":
            return Scale(tensor(node.scale)), None
        case "SumPool2d":
            kernel = _pair(node.kernel_size)
            weight = ones_per_channel(shape[0], kernel, torch.float64)
            return Conv(weight, _pair(node.stride), _pair(node.padding), (1, 1), shape[0]), None
        case "AvgPool2d":
            return AveragePool(
                _pair(node.kernel_size), _pair(node.stride), _pair(node.padding), False, True, None
            ), None
        case "Flatten":
            first, last = (int(dim) % len(shape) for dim in (node.start_dim, node.end_dim))
            flat = math.prod(shape[first : last + 1])
            return Reshape((*shape[:first], flat, *shape[last + 1 :])), None
    raise refused(name, node)


def refused(name: str, node: Any, why: str = "") -> UnsupportedOperation:
    """The error for a node that has no form here."""
    return UnsupportedOperation(
        f"node `{name}` is of kind {type(node).__name__}{why}, which has no form here.",
        f"Input, Output, IF, LIF, {', '.join(STATELESS)}.",
        "Export the network without it.",
    )


def _conv(name: str, node: Any) -> Conv:
    weight = tensor(node.weight)
    n = weight.ndim - 2
    padding = node.padding
    if isinstance(padding, str):
        if padding == "same" and any(size % 2 == 0 for size in weight.shape[2:]):
            raise refused(name, node, " with uneven padding")
        dilation = spread(_list(node.dilation), n)
        same = [d * (size - 1) // 2 for d, size in zip(dilation, weight.shape[2:], strict=True)]
        padding = same if padding == "same" else 0
    stride, sides, dilation = (spread(_list(value), n) for value in (node.stride, padding, node.dilation))
    return Conv(weight, stride, sides, dilation, int(node.groups))


def _list(value: Any) -> list[int]:
    return [int(one) for one in np.atleast_1d(np.asarray(value))]


def _pair(value: Any) -> tuple[int, int]:
    first, second = spread(_list(value), 2)
    return first, second
