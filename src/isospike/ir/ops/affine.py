"""The n-ary affine operation: a sum of chains of maps, one chain an input, and a bias.  Sums and concatenations are
such."""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from isospike.ir.ops.base import Map, Op, Shape, Unsupported
from isospike.ir.ops.clip import rectify
from isospike.ir.ops.route import Expand, Pad, Place, Reshape, endless
from isospike.ir.ops.scale import Scale, constant, of_a_sample

Chain = tuple[Map, ...]


def through(chain: Chain, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """A_n … A_2 A_1 x + bias for a batch of x."""
    if not chain:
        return x if bias is None else x + bias
    for step in chain[:-1]:
        x = step(x)
    return chain[-1](x, bias)


def row_sum(chain: Chain, shape: Shape) -> Tensor:
    """S_i = Σ_j A_ij over the full kernel: what a chain makes of a constant 1, on the CPU.  shape: of one sample's
    input."""
    s = torch.ones((1,) * len(shape), dtype=torch.float64)
    for step in chain:
        s, shape = step.map_tensors(lambda _, t: t.cpu().double()).row_sum(s, shape), step.out_shape(shape)
    return s


def fan_out(chain: Chain, shape: Shape) -> Tensor:
    """Number of outgoing synapses of each presynaptic neuron: the transposed 0/1 map, applied to ones.  Returns
    `shape`, on the CPU."""
    # Gradients need tensors that were not made in inference mode.
    with torch.inference_mode(False), torch.enable_grad():
        # All outputs are summed up: the last map need not tell them apart.
        maps = (*(step.pattern() for step in chain[:-1]), *(step.counted() for step in chain[-1:]))
        pattern = tuple(
            step.map_tensors(lambda _, t: t.detach().to("cpu", torch.float64, copy=t.is_inference())) for step in maps
        )
        x = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
        total = through(pattern, x).sum()
    return torch.autograd.grad(total, x)[0][0] if pattern else torch.ones(shape, dtype=torch.float64)


def count(chain: Chain, shape: Shape) -> int:
    """How many synapses a chain has; those of a composition count once a path."""
    known = chain[0].synapses(shape) if len(chain) == 1 else None
    return int(fan_out(chain, shape).sum()) if known is None else known


def _add(build: Any, a: Any, b: Any, *, alpha: float = 1) -> Any:
    return _sum(build, a, b, alpha)


def _sub(build: Any, a: Any, b: Any, *, alpha: float = 1) -> Any:
    return _sum(build, a, b, -alpha)


def _rsub(build: Any, a: Any, b: Any, alpha: float = 1) -> Any:
    return _sum(build, b, a, -alpha)


def _sum(build: Any, a: Any, b: Any, factor: float) -> Any:
    """a + factor · b."""
    if isinstance(b, Tensor | float | int):
        return build.affine(a, bias=factor * constant(b, a))
    if isinstance(a, Tensor | float | int):
        return build.affine(b, *_times(factor, b), bias=constant(a, b))
    if len(a.shape) != len(b.shape):
        raise Unsupported(f"a sum of shapes {a.shape} and {b.shape}")
    shape = tuple(np.broadcast_shapes(a.shape, b.shape))
    return build.emit(Affine((_grown(a, shape), _times(factor, b) + _grown(b, shape)), None), a, b)


def _grown(x: Any, shape: Shape) -> Chain:
    return () if x.shape == shape else (Expand(shape),)


def _times(factor: float, x: Any) -> Chain:
    return () if factor == 1 else (Scale(torch.full((1,) * len(x.shape), float(factor), dtype=torch.float64)),)


def _cat(build: Any, parts: Any, dim: int = 0) -> Any:
    parts = [p for p in parts if not (isinstance(p, Tensor) and p.shape == (0,))]  # PyTorch skips an empty list
    ndim = next(len(p.shape) for p in parts if not isinstance(p, Tensor))
    dim = dim % (ndim + 1) - 1
    if dim < 0:
        raise Unsupported("a concatenation along the batch")
    parts = [of_a_sample(p, ndim) if isinstance(p, Tensor) else p for p in parts]
    sizes = [p.shape[dim] for p in parts]
    chains, constants, at = [], [], 0
    for part, size in zip(parts, sizes, strict=True):
        widths = [(0, 0)] * ndim
        widths[dim] = (at, sum(sizes) - at - size)
        padded = Pad(tuple(widths))
        if isinstance(part, Tensor):
            constants.append(padded(part.double()[None])[0])
        else:
            chains.append((padded,))
        at += size
    bias = torch.stack(constants).sum(0) if constants else None
    return build.emit(Affine(tuple(chains), bias), *(p for p in parts if not isinstance(p, Tensor)))


def _copy(build: Any, x: Any, source: Any, *_: Any) -> Any:
    """What x holds once `source` was written over it."""
    if isinstance(x, Tensor):  # a constant of the batch's size, which the exporter made
        return build.affine(source, Expand(tuple(x.shape[1:])))
    if isinstance(source, Tensor | float | int):
        return build.affine(x, Scale(constant(0.0, x)), bias=constant(source, x).expand(x.shape))
    return source if source.shape == x.shape else build.affine(source, *_grown(source, x.shape))


def _slice_scatter(
    build: Any, x: Any, source: Any, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Any:
    """x with `source` written into a slice: the rest of x, and the source at its places."""
    shape = tuple(x.shape[1:]) if isinstance(x, Tensor) else tuple(x.shape)
    if dim % (len(shape) + 1) == 0:
        if (start or 0) == 0 and endless(stop) and step == 1 and not isinstance(source, Tensor):
            return source  # the whole of the batch
        raise Unsupported("a write into part of the batch")
    dim = dim % (len(shape) + 1) - 1
    start, stop, step = slice(start, stop, step).indices(shape[dim])
    place = Place(dim, start, stop, step, shape[dim])
    written = tuple(size if i != dim else len(range(start, stop, step)) for i, size in enumerate(shape))
    kept = 1.0 - place(torch.ones(1, *written, dtype=torch.float64))[0]
    if isinstance(source, Tensor | float | int):
        new = place(of_a_sample(torch.as_tensor(source, dtype=torch.float64), len(shape)).expand(written)[None])[0]
        return build.affine(x, Scale(kept), bias=new)
    if isinstance(x, Tensor):
        return build.affine(source, place, bias=kept * of_a_sample(x.double(), len(shape)))
    return build.emit(Affine(((Scale(kept),), (place,)), None), x, source)


def _select_scatter(build: Any, x: Any, source: Any, dim: int, index: int) -> Any:
    rank = x.ndim if isinstance(x, Tensor) else len(x.shape) + 1
    size = x.shape[dim % rank] if isinstance(x, Tensor) else x.shape[dim % rank - 1]
    if isinstance(source, Tensor):
        source = source.unsqueeze(dim % rank) if source.ndim == rank - 1 else source
    else:
        shape = list(source.shape)
        shape.insert(dim % rank - 1, 1)
        source = build.affine(source, Reshape(tuple(shape)))
    return _slice_scatter(build, x, source, dim % rank, index % size, index % size + 1)


@dataclass(frozen=True, eq=False)
class Affine(Op):
    """Σ_k A_k x_k + bias.  groups: one chain of maps an input; bias: broadcastable to the output."""

    groups: tuple[Chain, ...]
    bias: Tensor | None
    torch: ClassVar = {
        "aten.add.Tensor": _add,
        "aten.add_.Tensor": _add,
        "aten.add.Scalar": _add,
        "aten.sub.Tensor": _sub,
        "aten.sub_.Tensor": _sub,
        "aten.sub.Scalar": _sub,
        "aten.rsub.Scalar": _rsub,
        "aten.rsub.Tensor": _rsub,
        "aten.cat.default": _cat,
        "aten.copy.default": _copy,
        "aten.fill.Scalar": _copy,
        "aten.zero.default": lambda build, x: _copy(build, x, 0.0),
        "aten.fill.Tensor": _copy,
        "aten.slice_scatter.default": _slice_scatter,
        "aten.select_scatter.default": _select_scatter,
    }
    onnx: ClassVar = {
        "Add": lambda build, a, b: _sum(build, a, b, 1),
        "Sub": lambda build, a, b: _sum(build, a, b, -1),
        "Sum": lambda build, *parts: functools.reduce(lambda a, b: _sum(build, a, b, 1), parts),
        "Concat": lambda build, *parts, axis: _cat(build, parts, axis),
    }

    def __call__(self, *inputs: Tensor) -> Tensor:
        total = through(self.groups[0], inputs[0], self.bias)
        for chain, x in zip(self.groups[1:], inputs[1:], strict=True):
            total = total + through(chain, x)
        return total

    def out_shape(self, *shapes: Shape) -> Shape:
        parts = [
            functools.reduce(lambda shape, step: step.out_shape(shape), chain, shape)
            for chain, shape in zip(self.groups, shapes, strict=True)
        ]
        return tuple(np.broadcast_shapes(*parts, () if self.bias is None else self.bias.shape))


@dataclass(frozen=True, eq=False)
class Population(Affine):
    """A rectified sum, one neuron an element: clip(f(Σ_k A_k x_k + bias), low, high), with f and the levels of
    `Clip`."""

    low: float
    high: float
    leak: float = 1.0
    levels: int = 0
    offset: float = 0.0
    torch: ClassVar = {}
    onnx: ClassVar = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.rectified(super().__call__(*inputs))

    def rectified(self, x: Tensor) -> Tensor:
        """The activation of a sum x."""
        return rectify(x, self.low, self.high, self.leak, self.levels, self.offset)
