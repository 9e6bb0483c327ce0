"""Convolutions in one, two or three dimensions, transposed ones included."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.base import Map, Rows, Shape, Unsupported, Weighted, constant_beyond
from isospike.ir.ops.route import Pad
from isospike.ir.ops.scale import Scale

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def spread(value: Any, n: int) -> tuple[int, ...]:
    """One number, or one for each of n spatial dimensions, as n numbers."""
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return tuple(values * n if len(values) == 1 else values)


def _conv(
    build: Any,
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    if not isinstance(weight, Tensor):
        raise Unsupported("a convolution with computed weights")
    n = weight.ndim - 2
    dilation = spread(dilation, n)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        sides = tuple((t // 2, t - t // 2) for t in total)
    else:
        sides = tuple((p, p) for p in (spread(padding, n) if padding != "valid" else (0,) * n))
    return _padded_conv(build, x, weight, bias, spread(stride, n), sides, dilation, groups)


def _padded_conv(
    build: Any, x: Any, weight: Tensor, bias: Tensor | None, stride: Any, sides: Any, dilation: Any, groups: int
) -> Any:
    per_channel = None if bias is None else bias.reshape(-1, *(1,) * (weight.ndim - 2))
    if all(before == after for before, after in sides):
        return build.affine(
            x, Conv(weight, stride, tuple(before for before, _ in sides), dilation, groups), bias=per_channel
        )
    return build.affine(
        x, Pad(((0, 0), *sides)), Conv(weight, stride, (0,) * len(sides), dilation, groups), bias=per_channel
    )


def onnx_sides(
    sizes: Any, kernel: Any, stride: Any, dilation: Any, pads: Any, auto_pad: Any
) -> tuple[tuple[int, int], ...]:
    """What is padded before and after each of these spatial sizes."""
    n = len(kernel)
    mode = auto_pad.decode() if isinstance(auto_pad, bytes) else auto_pad
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        if any(d != 1 for d in dilation):
            raise Unsupported("auto_pad with dilations, of which ONNX and onnxruntime make different padding,")
        total = [max((-(-size // s) - 1) * s + k - size, 0) for size, s, k in zip(sizes, stride, kernel, strict=True)]
        return tuple((t // 2, t - t // 2) if mode == "SAME_UPPER" else (t - t // 2, t // 2) for t in total)
    pads = [0] * 2 * n if pads is None or mode == "VALID" else [int(p) for p in pads]
    return tuple((pads[i], pads[i + n]) for i in range(n))


def _onnx_conv(
    build: Any,
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: Any = None,
    strides: Any = 1,
    pads: Any = None,
    dilations: Any = 1,
    group: int = 1,
    auto_pad: Any = "NOTSET",
) -> Any:
    if not isinstance(weight, Tensor):
        raise Unsupported("a convolution with computed weights")
    n = weight.ndim - 2
    stride, dilation = spread(strides, n), spread(dilations, n)
    return _padded_conv(
        build,
        x,
        weight,
        bias,
        stride,
        onnx_sides(x.shape[1:], weight.shape[2:], stride, dilation, pads, auto_pad),
        dilation,
        group,
    )


@dataclass(frozen=True, eq=False)
class Conv(Weighted):
    """Convolution with zero padding, the same on both sides.  weight: (out, in / groups, *kernel)."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    torch: ClassVar = {f"aten.conv{n}d.{kind}": _conv for n in (1, 2, 3) for kind in ("default", "padding")}
    onnx: ClassVar = {"Conv": _onnx_conv}

    def linear(self, x: Tensor) -> Tensor:
        return self(x)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:  # type: ignore[override]  # a map reads one value
        if any(p > d * (k - 1) for p, d, k in zip(self.padding, self.dilation, self.weight.shape[2:], strict=True)):
            # oneDNN crashes on channels-last inputs with more padding than kernel
            x = x.clone(memory_format=torch.contiguous_format)
        per_channel = bias is not None and constant_beyond(bias, 0)
        fused = (
            bias.expand(self.weight.shape[0], *bias.shape[1:]).reshape(-1)
            if bias is not None and per_channel
            else None
        )
        y = _CONV[self.weight.ndim - 2](x, self.weight, fused, self.stride, self.padding, self.dilation, self.groups)
        return y if bias is None or per_channel else y + bias

    def out_shape(self, *shapes: Shape) -> Shape:
        (channels, *sizes), (out, per_group, *kernel) = shapes[0], self.weight.shape
        fits = len(sizes) == len(kernel) and channels == per_group * self.groups and not out % self.groups
        if not fits or min(*self.stride, *self.dilation) < 1 or min(self.padding) < 0 or min(self._reach(sizes)) < 1:
            raise ValueError(f"{type(self).__name__}: weights {tuple(self.weight.shape)}, input {shapes[0]}.")
        return out, *self._reach(sizes)

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        """As any map's.  Every channel has the same synapses in space, so that only these are listed and then
        repeated."""
        sizes = in_shape[1:]
        out, per_group, *kernel = self.weight.shape
        reach = self._reach(sizes)
        source, target, tap = self._in_space(sizes, reach, kernel)
        own = out // self.groups  # outputs of an input channel
        weight = self.weight.detach().double().reshape(self.groups, own, per_group, -1).permute(0, 2, 3, 1).numpy()
        small = in_shape[0] * len(source) * own < 2**31 and out * math.prod(reach) < 2**31
        number = np.int32 if small else np.int64
        targets = np.empty((in_shape[0], len(source), own), number)
        values = np.empty(targets.shape)
        for channel in range(in_shape[0]):
            group, within = divmod(channel, per_group)
            values[channel] = weight[group, within][tap]
            targets[channel] = target[:, None] + (group * own + np.arange(own)) * math.prod(reach)
        counts = np.tile(np.bincount(source, minlength=math.prod(sizes)) * own, in_shape[0])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(number)
        return scipy.sparse.csr_array(
            (values.reshape(-1), targets.reshape(-1), starts), shape=(math.prod(in_shape), out * math.prod(reach))
        )

    def _in_space(
        self, sizes: Shape, reach: list[int], kernel: list[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which place of the input meets which of the output, and by which tap of the kernel; in the order of the
        input's places."""
        sources, targets, taps = [], [], []
        for number, tap in enumerate(np.ndindex(*kernel)):
            # Along each dimension: the outputs whose tap falls on a real input, and those inputs.
            places = [np.arange(n) for n in reach]
            read = [
                n * s - p + d * t
                for n, s, p, d, t in zip(places, self.stride, self.padding, self.dilation, tap, strict=True)
            ]
            real = [(i >= 0) & (i < size) for i, size in zip(read, sizes, strict=True)]
            sources.append(_flat([i[r] for i, r in zip(read, real, strict=True)], sizes))
            targets.append(_flat([n[r] for n, r in zip(places, real, strict=True)], reach))
            taps.append(np.full(len(sources[-1]), number))
        source = np.concatenate(sources)
        order = np.argsort(source, kind="stable")
        return source[order], np.concatenate(targets)[order], np.concatenate(taps)[order]

    def counted(self) -> Map:
        return replace(self, weight=self.weight.unflatten(0, (self.groups, -1)).count_nonzero(1).double())

    def synapses(self, in_shape: Shape) -> int:
        real = self._real(in_shape[1:])
        taps = self.weight.detach().count_nonzero((0, 1)).cpu().numpy()
        return sum(
            int(taps[tap]) * math.prod(int(of[t].sum()) for of, t in zip(real, tap, strict=True))
            for tap in np.ndindex(*taps.shape)
        )

    def _reach(self, sizes: Sequence[int]) -> list[int]:
        """The output's size in space."""
        dims = zip(sizes, self.padding, self.dilation, self.weight.shape[2:], self.stride, strict=True)
        return [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, p, d, k, s in dims]

    def _real(self, sizes: Shape) -> list[list[np.ndarray]]:
        """Along each dimension and for each tap, which outputs' tap falls on a real input."""
        dims = zip(
            sizes, self._reach(sizes), self.stride, self.padding, self.dilation, self.weight.shape[2:], strict=True
        )
        read = ((size, [np.arange(n) * s - p + d * t for t in range(k)]) for size, n, s, p, d, k in dims)
        return [[(at >= 0) & (at < size) for at in taps] for size, taps in read]

    def part(self, first: int, last: int, in_shape: Shape) -> Map | None:
        return replace(self, weight=self.weight[first:last]) if self.groups == 1 else None

    def rows(self) -> Rows | None:
        if self.weight.ndim != 4 or {*self.dilation, self.groups} != {1}:
            return None
        return Rows(self.weight.detach(), (self.stride[0], self.stride[1]), (self.padding[0], self.padding[1]))

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        # A padded pixel is the value 0, a spike at t_min: it belongs to the sum, or the slope would change
        # at the border.
        if not constant_beyond(s, 0):
            return super().row_sum(s, in_shape)
        taps = self.weight.flatten(2).sum(2).unsqueeze(2)
        ones = (1,) * (self.weight.ndim - 2)
        return F.conv1d(s.expand(in_shape[0], *ones).reshape(1, -1, 1), taps, groups=self.groups).reshape(-1, *ones)

    def scaled(self, s: Tensor) -> Map | None:
        return (
            replace(self, weight=self.weight * s.reshape(-1, 1, *(1,) * (self.weight.ndim - 2)))
            if constant_beyond(s, 0)
            else None
        )

    def after(self, before: Map) -> Map | None:
        if isinstance(before, Scale) and constant_beyond(before.factor, 0):
            out, per_group, *kernel = self.weight.shape
            factor = (
                before.factor.reshape(-1)
                .expand(per_group * self.groups)
                .reshape(self.groups, 1, per_group)
                .expand(-1, out // self.groups, -1)
            )
            return replace(self, weight=self.weight * factor.reshape(out, per_group, *(1,) * len(kernel)))
        if isinstance(before, Pad) and self.groups == 1 and before.only(0):
            first, last = before.widths[0]
            return replace(self, weight=self.weight[:, first : self.weight.shape[1] - last])
        if isinstance(before, Pad) and before.widths[0] == (0, 0) and all(a == b for a, b in before.widths):
            return replace(
                self, padding=tuple(p + a for p, (a, _) in zip(self.padding, before.widths[1:], strict=True))
            )
        return None


def _transposed(
    build: Any,
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    n = weight.ndim - 2
    per_channel = None if bias is None else bias.reshape(-1, *(1,) * n)
    return build.affine(
        x,
        ConvTranspose(
            weight, spread(stride, n), spread(padding, n), spread(output_padding, n), spread(dilation, n), groups
        ),
        bias=per_channel,
    )


def _onnx_transposed(
    build: Any,
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: Any = None,
    strides: Any = 1,
    pads: Any = None,
    dilations: Any = 1,
    group: int = 1,
    output_padding: Any = 0,
    auto_pad: Any = "NOTSET",
    output_shape: Any = None,
) -> Any:
    n = weight.ndim - 2
    sides = onnx_sides(x.shape[1:], weight.shape[2:], (1,) * n, (1,) * n, pads, "NOTSET")
    if output_shape is not None or auto_pad not in ("NOTSET", b"NOTSET") or any(a != b for a, b in sides):
        raise Unsupported("ConvTranspose with output_shape, auto_pad or uneven pads")
    return _transposed(build, x, weight, bias, strides, [a for a, _ in sides], output_padding, group, dilations)


@dataclass(frozen=True, eq=False)
class ConvTranspose(Weighted):
    """Transposed convolution.  weight: (in, out / groups, *kernel)."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    torch: ClassVar = {
        "aten.conv_transpose1d.default": _transposed,
        "aten.conv_transpose2d.input": _transposed,
        "aten.conv_transpose3d.input": _transposed,
    }
    onnx: ClassVar = {"ConvTranspose": _onnx_transposed}

    def linear(self, x: Tensor) -> Tensor:
        return _TRANSPOSED[self.weight.ndim - 2](
            x, self.weight, None, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )

    def matrix(self, in_shape: Shape) -> "scipy.sparse.csr_array":
        # What an input reaches here is what an output reads there.
        back = Conv(self.weight, self.stride, self.padding, self.dilation, self.groups)
        return scipy.sparse.csr_array(back.matrix(self.out_shape(in_shape)).T)

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        # The zeros between the inputs count like padded pixels: every tap belongs to the sum.
        if not constant_beyond(s, 0):
            return super().row_sum(s, in_shape)
        ones = (1,) * (self.weight.ndim - 2)
        taps = self.weight.flatten(2).sum(2).unsqueeze(2)
        return F.conv_transpose1d(s.expand(in_shape[0], *ones).reshape(1, -1, 1), taps, groups=self.groups).reshape(
            -1, *ones
        )

    def _by_group(self, factor: Tensor, size: int) -> Tensor:
        return factor.reshape(-1).expand(size * self.groups).reshape(self.groups, size)

    def scaled(self, s: Tensor) -> Map | None:
        if not constant_beyond(s, 0):
            return None
        inputs, per_group, *kernel = self.weight.shape
        factor = self._by_group(s, per_group).repeat_interleave(inputs // self.groups, 0)
        return replace(self, weight=self.weight * factor.reshape(inputs, per_group, *(1,) * len(kernel)))

    def after(self, before: Map) -> Map | None:
        if isinstance(before, Scale) and constant_beyond(before.factor, 0):
            factor = before.factor.reshape(-1).expand(self.weight.shape[0])
            return replace(self, weight=self.weight * factor.reshape(-1, *(1,) * (self.weight.ndim - 1)))
        return None


def _flat(places: list[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """Flat positions of every combination of places along each dimension."""
    total = np.zeros(1, np.int64)
    for at, size in zip(places, sizes, strict=True):
        total = (total[:, None] * size + at).ravel()
    return total


def ones_per_channel(channels: int, kernel: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Weights of a depthwise convolution that adds up each patch."""
    return torch.ones((channels, 1, *kernel), dtype=dtype)
