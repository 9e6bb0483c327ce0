"""Operations that move values: reshape, transpose, slice, zero padding, broadcast, and what is written as one of
them."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.base import Map, Route, Shape, Unsupported


def _ints(value: Any) -> list[int]:
    return [int(v) for v in (value.tolist() if isinstance(value, Tensor) else value)]


def _reshaped(build: Any, x: Any, shape: Shape) -> Any:
    return x if tuple(shape) == tuple(x.shape) else build.affine(x, Reshape(tuple(shape)))


def _dim(x: Any, dim: int) -> int:
    """A dimension of the sample, from one of the batch."""
    sample = dim % (len(x.shape) + 1) - 1
    if sample < 0:
        raise Unsupported("an operation on the batch dimension")
    return sample


def _reshape(build: Any, x: Any, shape: Any, *, allowzero: int = 0) -> Any:
    # The first size is the batch, whatever number the exporter wrote there.
    rest = _ints(shape)[1:]
    rest = [x.shape[i] if s == 0 and not allowzero else s for i, s in enumerate(rest)]
    if -1 in rest:
        known = math.prod(s for s in rest if s != -1)
        rest[rest.index(-1)] = math.prod(x.shape) // max(known, 1)
    if math.prod(rest) != math.prod(x.shape):
        raise Unsupported(f"a reshape of {tuple(x.shape)} to {tuple(rest)} that mixes samples of the batch")
    return _reshaped(build, x, tuple(rest))


def _flatten(build: Any, x: Any, start: int = 0, end: int = -1) -> Any:
    first, last = _dim(x, start), _dim(x, end)
    return _reshaped(build, x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def _onnx_flatten(build: Any, x: Any, *, axis: int = 1) -> Any:
    if axis % (len(x.shape) + 1) != 1:
        raise Unsupported(f"Flatten with axis={axis}")
    return _reshaped(build, x, (math.prod(x.shape),))


def _squeeze(build: Any, x: Any, dims: Any = None, *, axes: Any = None) -> Any:
    dims = axes if dims is None else dims
    wanted = range(1, len(x.shape) + 1) if dims is None else [dims] if isinstance(dims, int) else _ints(dims)
    gone = [_dim(x, d) for d in wanted]
    return _reshaped(build, x, tuple(s for i, s in enumerate(x.shape) if i not in gone or s != 1))


def _unsqueeze(build: Any, x: Any, dims: Any = None, *, axes: Any = None) -> Any:
    dims = axes if dims is None else dims
    places = [dims] if isinstance(dims, int) else _ints(dims)
    shape: list[int] = [-1, *x.shape]
    total = len(shape) + len(places)
    for place in sorted(p % total for p in places):
        shape.insert(place, 1)
    if shape[0] != -1:
        raise Unsupported("a new dimension before the batch")
    return _reshaped(build, x, tuple(shape[1:]))


@dataclass(frozen=True, eq=False)
class Reshape(Route):
    """The same values, in order, in another shape."""

    shape: Shape
    torch: ClassVar = {
        "aten.view.default": _reshape,
        "aten._unsafe_view.default": _reshape,
        "aten.reshape.default": _reshape,
        "aten.flatten.using_ints": _flatten,
        "aten.unflatten.int": lambda build, x, dim, sizes: _reshape(
            build, x, [-1, *x.shape[: _dim(x, dim)], *sizes, *x.shape[_dim(x, dim) + 1 :]]
        ),
        "aten.squeeze.default": _squeeze,
        "aten.squeeze.dim": _squeeze,
        "aten.squeeze.dims": _squeeze,
        "aten.unsqueeze.default": _unsqueeze,
    }
    onnx: ClassVar = {"Reshape": _reshape, "Flatten": _onnx_flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze}

    def linear(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)

    def after(self, before: Map) -> Map | None:
        return self if isinstance(before, Reshape) else None


def _permute(build: Any, x: Any, dims: Any) -> Any:
    order = [d % (len(x.shape) + 1) for d in _ints(dims)]
    if order[0] != 0:
        raise Unsupported("a transpose that moves the batch dimension")
    return build.affine(x, Permute(tuple(d - 1 for d in order[1:])))


def _transpose(build: Any, x: Any, a: int, b: int) -> Any:
    order = list(range(len(x.shape)))
    a, b = _dim(x, a), _dim(x, b)
    order[a], order[b] = order[b], order[a]
    return build.affine(x, Permute(tuple(order)))


def _onnx_transpose(build: Any, x: Any, *, perm: Any = None) -> Any:
    return _permute(build, x, perm if perm is not None else list(range(len(x.shape) + 1))[::-1])


@dataclass(frozen=True, eq=False)
class Permute(Route):
    """Transpose of the sample's dimensions: output dimension i is input dimension dims[i]."""

    dims: tuple[int, ...]
    torch: ClassVar = {
        "aten.permute.default": _permute,
        "aten.transpose.int": _transpose,
        "aten.swapaxes.default": _transpose,
        "aten.swapdims.default": _transpose,
    }
    onnx: ClassVar = {"Transpose": _onnx_transpose}

    def linear(self, x: Tensor) -> Tensor:
        return x.permute(0, *(d + 1 for d in self.dims))

    def after(self, before: Map) -> Map | None:
        return Permute(tuple(before.dims[d] for d in self.dims)) if isinstance(before, Permute) else None


def endless(stop: int | None) -> bool:
    """Whether a slice ends nowhere: a number, however large, is a part of a larger batch, unless it is how exporters
    write that there is none."""
    return stop is None or stop >= 2**31 - 1


def cut(build: Any, x: Any, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1) -> Any:
    """x[start:stop:step] along one dimension of the batch."""
    if dim % (len(x.shape) + 1) == 0:
        if (start or 0) == 0 and endless(stop) and step == 1:
            return x  # x[:] over the batch
        raise Unsupported("a slice of the batch")
    dim = _dim(x, dim)
    start, stop, step = slice(start, stop, step).indices(x.shape[dim])
    if step < 0 or start >= stop:
        raise Unsupported("a slice that is empty or runs backwards")
    if (start, step) == (0, 1) and stop >= x.shape[dim]:
        return x
    return build.affine(x, Slice(dim, start, stop, step))


def _onnx_slice(
    build: Any,
    x: Any,
    starts: Any = None,
    ends: Any = None,
    axes: Any = None,
    steps: Any = None,
    *,
    batch: int | None = None,
    **attributes: Any,
) -> Any:
    starts = attributes.get("starts", starts)
    ends = attributes.get("ends", ends)
    axes = attributes.get("axes", axes)
    if any(v is not None and not isinstance(v, Tensor | list | tuple) for v in (starts, ends, axes, steps)):
        raise Unsupported("a slice with computed bounds")
    starts, ends = _ints(starts), _ints(ends)
    axes = _ints(axes) if axes is not None else list(range(len(starts)))
    for dim, start, stop, step in zip(
        axes, starts, ends, _ints(steps) if steps is not None else [1] * len(starts), strict=True
    ):
        # A file made for batches of this size writes the end of the batch as a number.
        whole = batch is not None and stop >= batch and dim % (len(x.shape) + 1) == 0
        x = cut(build, x, dim, start, None if whole else stop, step)
    return x


def _select(build: Any, x: Any, dim: int, index: int) -> Any:
    dim, size = _dim(x, dim), x.shape[_dim(x, dim)]
    out = build.affine(x, Slice(dim, index % size, index % size + 1, 1))
    return _reshaped(build, out, (*x.shape[:dim], *x.shape[dim + 1 :]))


def _gather(build: Any, x: Any, index: Any, *, axis: int = 0) -> Any:
    if isinstance(x, Tensor) or not isinstance(index, Tensor) or index.ndim:
        raise Unsupported("Gather other than of one constant index")
    return _select(build, x, axis, int(index))


def _split(build: Any, x: Any, sizes: Any, dim: int = 0) -> Any:
    total = x.shape[_dim(x, dim)]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - at) for at in range(0, total, sizes)]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [cut(build, x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _unbind(build: Any, x: Any, dim: int = 0) -> Any:
    return [_select(build, x, dim, i) for i in range(x.shape[_dim(x, dim)])]


def _chunk(build: Any, x: Any, chunks: int, dim: int = 0) -> Any:
    return _split(build, x, -(-x.shape[_dim(x, dim)] // chunks), dim)


def _onnx_split(
    build: Any,
    x: Any,
    sizes: Any = None,
    *,
    axis: int = 0,
    split: Any = None,
    num_outputs: int | None = None,
    outputs: int = 1,
) -> Any:
    sizes = split if sizes is None else sizes
    return (
        _split(build, x, _ints(sizes), axis) if sizes is not None else _chunk(build, x, num_outputs or outputs, axis)
    )


@dataclass(frozen=True, eq=False)
class Slice(Route):
    """Every step-th value from start up to stop along one dimension."""

    dim: int
    start: int
    stop: int
    step: int
    torch: ClassVar = {
        "aten.slice.Tensor": cut,
        "aten.select.int": _select,
        "aten.unbind.int": _unbind,
        "aten.chunk.default": _chunk,
        "aten.split.Tensor": _split,
        "aten.split_with_sizes.default": _split,
        "aten.split.sizes": _split,
        "<built-in function getitem>": lambda build, parts, index: parts[index],
    }
    onnx: ClassVar = {"Slice": _onnx_slice, "Split": _onnx_split, "Gather": _gather}

    def linear(self, x: Tensor) -> Tensor:
        return x[(slice(None),) * (self.dim + 1) + (slice(self.start, self.stop, self.step),)]


@dataclass(frozen=True, eq=False)
class Place(Route):
    """The values at every step-th place from start up to stop along one dimension of `size`, zeros elsewhere."""

    dim: int
    start: int
    stop: int
    step: int
    size: int

    def linear(self, x: Tensor) -> Tensor:
        return self._among(x, 0.0)

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor:
        return self._among(s.expand(1, *in_shape), 1.0)[0]  # what stands beside a zero does not matter

    def _among(self, x: Tensor, rest: float) -> Tensor:
        shape = list(x.shape)
        shape[self.dim + 1] = self.size
        out = x.new_full(shape, rest)
        out[(slice(None),) * (self.dim + 1) + (slice(self.start, self.stop, self.step),)] = x
        return out


def _pad(build: Any, x: Any, pads: Any, mode: Any = "constant", value: float | None = 0.0) -> Any:
    pads = _ints(pads)
    if (isinstance(mode, str) and mode != "constant") or value not in (None, 0, 0.0):
        raise Unsupported(f"padding other than with zeros (mode={mode}, value={value})")
    widths = [(0, 0)] * len(x.shape)
    for i in range(len(pads) // 2):
        widths[-1 - i] = (pads[2 * i], pads[2 * i + 1])
    return _padded(build, x, widths)


def _constant_pad(build: Any, x: Any, pads: Any, value: float = 0.0) -> Any:
    return _pad(build, x, pads, "constant", value)


def _padded(build: Any, x: Any, widths: Any) -> Any:
    if any(w < 0 for pair in widths for w in pair):
        raise Unsupported("negative padding; slice instead")
    return x if not any(w for pair in widths for w in pair) else build.affine(x, Pad(tuple(map(tuple, widths))))


def _onnx_pad(
    build: Any,
    x: Any,
    pads: Any = None,
    value: Any = None,
    axes: Any = None,
    *,
    mode: Any = "constant",
    **attributes: Any,
) -> Any:
    pads = _ints(attributes.get("pads", pads))
    value = attributes.get("value", value)
    if mode not in ("constant", b"constant") or (value is not None and float(value) != 0):
        raise Unsupported(
            f"padding other than with zeros (mode={mode}, value={0 if value is None else float(value):g})"
        )
    places = [a % (len(x.shape) + 1) for a in _ints(axes)] if axes is not None else list(range(len(x.shape) + 1))
    widths = [(0, 0)] * (len(x.shape) + 1)
    for i, place in enumerate(places):
        widths[place] = (pads[i], pads[i + len(places)])
    if widths[0] != (0, 0):
        raise Unsupported("padding of the batch")
    return _padded(build, x, widths[1:])


@dataclass(frozen=True, eq=False)
class Pad(Route):
    """Zeros around the sample: widths[i] = (before, after) along dimension i."""

    widths: tuple[tuple[int, int], ...]
    torch: ClassVar = {"aten.pad.default": _pad, "aten.constant_pad_nd.default": _constant_pad}
    onnx: ClassVar = {"Pad": _onnx_pad}

    def linear(self, x: Tensor) -> Tensor:
        return F.pad(x, [w for pair in reversed(self.widths) for w in pair])

    def carry(self, s: Tensor, in_shape: Shape) -> Tensor:
        # What stands beside a padded zero does not matter; a one keeps per-channel factors per channel.
        kept = [w if have > 1 else (0, 0) for w, have in zip(self.widths, s.shape, strict=True)]
        return F.pad(s, [v for pair in reversed(kept) for v in pair], value=1.0)

    def row_sum(self, s: Tensor, in_shape: Shape) -> Tensor:
        return self.carry(s, in_shape)

    def only(self, dim: int) -> bool:
        """Whether zeros are added along `dim` alone."""
        return all(pair == (0, 0) for i, pair in enumerate(self.widths) if i != dim % len(self.widths))


def _expand(build: Any, x: Any, sizes: Any, *, implicit: bool = False) -> Any:
    sizes = _ints(sizes)[1:]
    if len(sizes) != len(x.shape):
        raise Unsupported("a broadcast that adds dimensions")
    shape = tuple(have if want in (-1, 1) else want for want, have in zip(sizes, x.shape, strict=True))
    return x if shape == tuple(x.shape) else build.affine(x, Expand(shape))


@dataclass(frozen=True, eq=False)
class Expand(Route):
    """Broadcast of dimensions of size one."""

    shape: Shape
    torch: ClassVar = {"aten.expand.default": _expand}
    onnx: ClassVar = {"Expand": _expand}

    def linear(self, x: Tensor) -> Tensor:
        return x.expand(x.shape[0], *self.shape)
