"""Pools: the largest or smallest of each patch (a neuron's choice), and the average (an affine map)."""

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import scipy
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.base import Map, Op, Shape, Unsupported
from isospike.ir.ops.conv import Conv, ones_per_channel, onnx_sides, spread
from isospike.ir.ops.dense import Along
from isospike.ir.ops.route import Pad, cut

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _max_pool(
    build: Any, x: Any, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    n = len(x.shape) - 1
    kernel = spread(kernel, n)
    stride = spread(stride, n) if isinstance(stride, int) or len(stride) else kernel
    pool = Pool(
        kernel,
        stride,
        spread(padding, n),
        spread(dilation, n),
        bool(ceil_mode),
        torch.ones((1,) * (n + 1), dtype=torch.float64),
    )
    if not bool(torch.isfinite(pool(torch.zeros((1, *x.shape), dtype=torch.float64))).all()):
        raise Unsupported("a max pool with a patch that sees padding only")
    return build.emit(pool, x)


def _onnx_max_pool(
    build: Any,
    x: Any,
    *,
    kernel_shape: Any,
    strides: Any = 1,
    pads: Any = None,
    dilations: Any = 1,
    ceil_mode: int = 0,
    auto_pad: Any = "NOTSET",
    storage_order: int = 0,
) -> Any:
    n = len(kernel_shape)
    stride, dilation = spread(strides, n), spread(dilations, n)
    sides = onnx_sides(x.shape[1:], kernel_shape, stride, dilation, pads, auto_pad)
    places = [-(-(before + size) // s) for size, s, (before, _) in zip(x.shape[1:], stride, sides, strict=True)]
    if any(a != b for a, b in sides):
        if not build.never_negative(x):
            raise Unsupported("uneven padding of a max pool whose input may be negative")
        x, sides = build.affine(x, Pad(((0, 0), *sides))), ((0, 0),) * n
    out = _max_pool(build, x, list(kernel_shape), list(stride), [a for a, _ in sides], list(dilation), bool(ceil_mode))
    for dim, most in enumerate(places, start=2):
        out = cut(build, out, dim, 0, most)  # no patch begins behind the image
    return out


def _adaptive_max(build: Any, x: Any, size: Any) -> Any:
    n = len(x.shape) - 1
    sizes = spread(size, n)
    if any(have % want for have, want in zip(x.shape[1:], sizes, strict=True)):
        raise Unsupported("an adaptive max pool whose patches differ in size")
    return _max_pool(build, x, [have // want for have, want in zip(x.shape[1:], sizes, strict=True)])


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """The largest value of each patch where `sign` ≥ 0, the smallest where it is negative.  sign: (channels or 1, 1,
    …)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool
    sign: Tensor
    torch: ClassVar = {
        **{f"aten.max_pool{n}d.default": _max_pool for n in (1, 2, 3)},
        **{
            f"aten.adaptive_max_pool{n}d.default": lambda build, x, size: (_adaptive_max(build, x, size), None)
            for n in (1, 2)
        },
    }
    onnx: ClassVar = {"MaxPool": _onnx_max_pool, "GlobalMaxPool": lambda build, x: _adaptive_max(build, x, 1)}

    def __call__(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return self.largest(x) if bool((self.sign >= 0).all()) else self.sign * self.largest(self.sign * x)

    def out_shape(self, *shapes: Shape) -> Shape:
        return _places(self, self.dilation, shapes[0])

    def largest(self, x: Tensor) -> Tensor:
        """The largest value of each patch, whatever the sign."""
        if x.requires_grad or x.device.type != "cpu":
            return _MAX[len(self.kernel)](
                x, self.kernel, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
            )
        # One dimension after the other, by whole slices: two to ten times as fast on a CPU where values fit the cache,
        # as blocks of samples do; but its gradient would be slower
        sizes = self.out_shape(tuple(x.shape[1:]))[1:]
        widths = _widths(self, self.dilation, tuple(x.shape[1:]), sizes)
        if any(map(any, widths)):
            x = F.pad(x, [width for side in reversed(widths) for width in side], value=-math.inf)
        for dim, (size, k, s, d) in enumerate(zip(sizes, self.kernel, self.stride, self.dilation, strict=True), 2):
            starts = (x.narrow(dim, i * d, (size - 1) * s + 1) for i in range(k))
            x = reduce(torch.maximum, (part[(slice(None),) * dim + (slice(None, None, s),)] for part in starts))
        return x

    def winner(self, x: Tensor) -> Tensor:
        """Where in its channel the value that the pool chooses lies, as one number.  Returns the output's shape."""
        pool = _MAX[len(self.kernel)]
        where: Tensor = pool(
            self.sign * x,
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=True,
        )[1]
        return where

    def patches(self, in_shape: Shape) -> tuple[Map, ...]:
        """The map that adds up each patch: its synapses say which inputs a pooling neuron sees."""
        return _patches(self, self.dilation, in_shape, self.out_shape(in_shape), self.sign.dtype)


def _patches(
    pool: "Pool | AveragePool", dilation: tuple[int, ...], in_shape: Shape, out: Shape, dtype: torch.dtype
) -> tuple[Map, ...]:
    """The map that adds up each patch of a pool: what is padded, and a convolution with ones."""
    widths = _widths(pool, dilation, in_shape, out[1:])
    ones = ones_per_channel(in_shape[0], pool.kernel, dtype)
    return Pad(((0, 0), *widths)), Conv(ones, pool.stride, (0,) * len(pool.kernel), dilation, in_shape[0])


def _places(pool: "Pool | AveragePool", dilation: tuple[int, ...], in_shape: Shape) -> Shape:
    """The channels, and how many patches there are along each dimension."""
    counts = []
    for size, k, s, p, d in zip(in_shape[1:], pool.kernel, pool.stride, pool.padding, dilation, strict=True):
        steps = size + 2 * p - d * (k - 1) - 1
        count = (-(-steps // s) if pool.ceil_mode else steps // s) + 1
        count -= pool.ceil_mode and (count - 1) * s >= size + p  # none begins behind the image
        if count < 1 or min(k, s, d) < 1 or not 0 <= p <= k // 2:
            raise ValueError(
                f"{type(pool).__name__}: patches {pool.kernel}, padded by {pool.padding}, input {in_shape}."
            )
        counts.append(count)
    return in_shape[0], *counts


def _widths(
    pool: "Pool | AveragePool", dilation: tuple[int, ...], in_shape: Shape, sizes: Shape
) -> tuple[tuple[int, int], ...]:
    """What is padded before and behind each dimension, so that `sizes` patches fit."""
    reach = [
        (o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(sizes, pool.stride, dilation, pool.kernel, strict=True)
    ]
    return tuple((p, max(r - p - size, 0)) for r, p, size in zip(reach, pool.padding, in_shape[1:], strict=True))


def _average_pool(
    build: Any,
    x: Any,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> Any:
    n = len(x.shape) - 1
    kernel = spread(kernel, n)
    stride = spread(stride, n) if isinstance(stride, int) or len(stride) else kernel
    return build.affine(
        x, AveragePool(kernel, stride, spread(padding, n), bool(ceil_mode), bool(count_include_pad), divisor)
    )


def _onnx_average(
    build: Any,
    x: Any,
    *,
    kernel_shape: Any,
    strides: Any = 1,
    pads: Any = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    auto_pad: Any = "NOTSET",
    dilations: Any = 1,
) -> Any:
    n = len(kernel_shape)
    sides = onnx_sides(x.shape[1:], kernel_shape, spread(strides, n), (1,) * n, pads, auto_pad)
    if set(spread(dilations, n)) != {1}:
        raise Unsupported("an average pool with dilation")
    if any(a != b for a, b in sides):
        if not count_include_pad or ceil_mode:
            raise Unsupported("an average pool with uneven padding that is not counted, or with ceil_mode,")
        x, sides = build.affine(x, Pad(((0, 0), *sides))), ((0, 0),) * n
    return _average_pool(
        build,
        x,
        list(kernel_shape),
        list(spread(strides, n)),
        [a for a, _ in sides],
        bool(ceil_mode),
        bool(count_include_pad),
    )


def _adaptive_average(build: Any, x: Any, size: Any) -> Any:
    n = len(x.shape) - 1
    have, want = (
        x.shape[1:],
        tuple(
            h if w is None else int(w)
            for h, w in zip(x.shape[1:], list(size) * n if len(list(size)) == 1 else size, strict=True)
        ),
    )
    if all(h % w == 0 for h, w in zip(have, want, strict=True)):
        return _average_pool(build, x, [h // w for h, w in zip(have, want, strict=True)])
    maps = []
    for dim, (h, w) in enumerate(zip(have, want, strict=True), start=1):
        matrix = torch.zeros(w, h, dtype=torch.float64)
        for i in range(w):
            first, last = i * h // w, -(-(i + 1) * h // w)
            matrix[i, first:last] = 1.0 / (last - first)
        maps.append(Along(matrix, dim))
    return build.affine(x, *maps)


@dataclass(frozen=True, eq=False)
class AveragePool(Map):
    """Mean of each patch, padding counted or not."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    ceil_mode: bool
    count_include_pad: bool
    divisor: int | None
    torch: ClassVar = {
        **{f"aten.avg_pool{n}d.default": _average_pool for n in (1, 2, 3)},
        **{f"aten.adaptive_avg_pool{n}d.default": _adaptive_average for n in (1, 2, 3)},
    }
    onnx: ClassVar = {
        "AveragePool": _onnx_average,
        "GlobalAveragePool": lambda build, x: _adaptive_average(build, x, [1] * (len(x.shape) - 1)),
    }

    def linear(self, x: Tensor) -> Tensor:
        if len(self.kernel) == 1:  # one dimension has no divisor of its own: a plane of height one does
            flat = AveragePool(
                (1, *self.kernel),
                (1, *self.stride),
                (0, *self.padding),
                self.ceil_mode,
                self.count_include_pad,
                self.divisor,
            )
            return flat.linear(x.unsqueeze(2)).squeeze(2)
        pool = F.avg_pool2d if len(self.kernel) == 2 else F.avg_pool3d
        return pool(x, self.kernel, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor)

    def out_shape(self, *shapes: Shape) -> Shape:
        # PyTorch takes no image that is smaller than a patch in three dimensions, whatever the padding
        small = len(self.kernel) == 3 and any(n < k for n, k in zip(shapes[0][1:], self.kernel, strict=True))
        if small or (self.divisor is not None and self.divisor < 1):
            raise ValueError(f"AveragePool: patches {self.kernel}, divisor {self.divisor}, input {shapes[0]}.")
        return _places(self, (1,) * len(self.kernel), shapes[0])

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        pad, add = _patches(self, (1,) * len(self.kernel), in_shape, self.out_shape(in_shape), torch.float64)
        patches = scipy.sparse.csr_array(pad.matrix(in_shape) @ add.matrix(pad.out_shape(in_shape)))
        # A patch of ones has the number of its inputs over the divisor as its mean.
        means = self.linear(torch.ones(1, *in_shape, dtype=torch.float64)).flatten().numpy()
        patches.data = (means / np.bincount(patches.indices, minlength=len(means)).clip(1))[patches.indices]
        return patches

    def pattern(self) -> Map:
        return replace(self, divisor=1)

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        if all(size == 1 for size in s.shape[1:]):
            return s if self.divisor is None else s * math.prod(self.kernel) / self.divisor
        return super().row_sum(s, in_shape)

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor | None:
        return s if all(size == 1 for size in s.shape[1:]) else None
