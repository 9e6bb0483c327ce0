"""The immutable graph of a network.  Calling it runs the network: it is the oracle of everything made from it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isospike.ir.ops.affine import Affine, Population, count
from isospike.ir.ops.base import Map, Op, Shape
from isospike.ir.ops.clip import Clip
from isospike.ir.ops.input import Input, UnitInput
from isospike.ir.ops.pool import Pool
from isospike.ir.record import Record

Observer = Callable[[str, Tensor], None]


@dataclass(frozen=True, eq=False)
class Node(Record):
    """One operation: its name, its inputs' names, one sample's shape, and the path in the user's model it came
    from."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape
    path: str


@dataclass(frozen=True, eq=False)
class Graph(Record):
    """Nodes in topological order, the first being the input; `notes` say what the import left out, `macs` what the
    original computes a sample."""

    nodes: tuple[Node, ...]
    output: str
    notes: tuple[str, ...] = ()
    macs: int = 0

    def __call__(self, x: Float[Tensor, "batch *shape"], observe: Observer | None = None) -> Tensor:
        """Output for a batch.  x: (batch, *input shape).  `observe(name, value)` sees every node's value once."""
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)  # convolutions are up to twice as fast
        values: dict[str, Tensor] = {}
        for i, node in enumerate(self.nodes):
            values[node.name] = node.op(*(values[name] for name in node.inputs)) if node.inputs else node.op(x)
            if observe is not None:
                observe(node.name, values[node.name])
            for name in {*node.inputs, node.name}:  # a value lives no longer than its last use
                if self.last.get(name, i) <= i:
                    del values[name]
        return values[self.output]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def last(self) -> dict[str, int]:
        """The place of the node that reads a value last, by the value's name; the output is read after all."""
        read = {name: i for i, node in enumerate(self.nodes) for name in node.inputs}
        return read | {self.output: len(self.nodes)}

    @property
    def input(self) -> Node:
        """The input node."""
        return self.nodes[0]

    @property
    def input_op(self) -> Input:
        """The input's operation, which declares the range."""
        assert isinstance(self.nodes[0].op, Input)
        return self.nodes[0].op

    def to(self, dtype: torch.dtype) -> "Graph":
        """The same graph in another precision."""
        return self.map_tensors(lambda _, t: t.to(dtype))

    def users(self, name: str) -> list[Node]:
        """The nodes that read `name`."""
        return [node for node in self.nodes if name in node.inputs]

    def with_range(self, low: Tensor | float, high: Tensor | float) -> "Graph":
        """The same graph with the input declared to lie in [low, high]."""
        one = (1,) * len(self.input.shape)
        ends = (torch.as_tensor(end, dtype=torch.float64) for end in (low, high))
        low, high = (t.reshape(one[t.ndim :] + tuple(t.shape)) for t in ends)
        return self.edited({self.input.name: [replace(self.input, op=Input(low, high))]})

    def edited(self, changes: Mapping[str, Sequence[Node]], rename: dict[str, str] | None = None) -> "Graph":
        """The graph with each node named in `changes` replaced by those nodes, and inputs renamed by `rename`; dead
        nodes go."""
        rename = rename or {}

        def final(name: str) -> str:
            while name in rename:
                name = rename[name]
            return name

        nodes = [new for node in self.nodes for new in changes.get(node.name, (node,))]
        nodes = [replace(n, inputs=tuple(map(final, n.inputs))) for n in nodes]
        return replace(self, nodes=tuple(_alive(nodes, final(self.output))), output=final(self.output))


def _alive(nodes: Iterable[Node], output: str) -> list[Node]:
    """The input and the nodes that the output depends on, in topological order."""
    by_name = {node.name: node for node in nodes}
    first = next(iter(by_name))
    order: list[Node] = []
    done: set[str] = set()
    stack = [(output, False), (first, False)]
    while stack:
        name, expanded = stack.pop()
        if name in done:
            continue
        if expanded:
            done.add(name)
            order.append(by_name[name])
        else:
            stack.append((name, True))
            stack.extend((source, False) for source in reversed(by_name[name].inputs))
    return order


@dataclass(frozen=True)
class Value:
    """A handle on a node while a graph is built: its name and one sample's shape."""

    name: str
    shape: Shape


@dataclass
class Builder:
    """Grows a graph node by node; what an import rule is handed."""

    nodes: list[Node] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    path: str = ""  # the user's place that the nodes now being made come from
    last: bool = False  # whether the node being imported is the model's output

    def input(self, shape: Shape) -> Value:
        """The network's input, its range not yet declared."""
        infinite = torch.full((1,) * len(shape), math.inf, dtype=torch.float64)
        self.nodes.append(Node("input", Input(-infinite, infinite), (), shape, "input"))
        return Value("input", shape)

    def emit(self, op: Op, *inputs: Value) -> Value:
        """A node with this operation, reading these values."""
        stem = self.path or type(op).__name__.lower()
        names = {node.name for node in self.nodes}
        name = next(n for n in (stem if i == 0 else f"{stem}:{i}" for i in range(len(names) + 1)) if n not in names)
        op = op.map_tensors(lambda _, t: t.detach().to(torch.float64))
        shape = op.out_shape(*(v.shape for v in inputs))
        self.nodes.append(Node(name, op, tuple(v.name for v in inputs), shape, self.path))
        return Value(name, shape)

    def affine(self, x: Value, *maps: Map, bias: Tensor | None = None) -> Value:
        """A chain of maps of one value, and a bias (broadcastable to the result from its last dimension on)."""
        if bias is None:
            return self.emit(Affine((tuple(maps),), None), x)
        out_shape = Affine((tuple(maps),), None).out_shape(x.shape)
        aligned = bias.detach().double().reshape((1,) * (len(out_shape) - bias.ndim) + tuple(bias.shape))
        return self.emit(Affine((tuple(maps),), aligned), x)

    def never_negative(self, x: Value) -> bool:
        """Whether x is certainly ≥ 0: a rectified value, or a pool or route of one."""
        return never_negative({node.name: node for node in self.nodes}, x.name)

    def is_output(self) -> bool:
        """Whether the node being imported is the model's output."""
        return self.last

    def note(self, text: str) -> None:
        """Something that the person should be told about the import."""
        self.notes.append(text)

    def graph(self, output: Value) -> Graph:
        """The finished graph."""
        nodes = tuple(_alive(self.nodes, output.name))
        return Graph(nodes, output.name, tuple(self.notes), _macs({node.name: node for node in nodes}))


def _macs(nodes: dict[str, Node]) -> int:
    """Multiply-accumulates of one sample: the synapses of the maps with trained weights, padding excluded."""
    total = 0
    for node in nodes.values():
        if isinstance(node.op, Affine):
            for chain, name in zip(node.op.groups, node.inputs, strict=True):
                shape = nodes[name].shape
                for step in chain:
                    total += count((step,), shape) if step.weighted else 0
                    shape = step.out_shape(shape)
    return total


def never_negative(nodes: dict[str, Node], name: str) -> bool:
    """Whether a node's values are certainly ≥ 0 (sufficient, not necessary)."""
    node: Any = nodes.get(name)
    if node is None:  # it stands for an operation that is unsupported
        return False
    match node.op:
        case UnitInput():
            return True
        case Input(low=low):
            return bool((low >= 0).all())
        case Clip(low=low) | Population(low=low):
            return low >= 0
        case Affine(groups=groups, bias=bias):
            maps_positive = all(step.nonnegative for chain in groups for step in chain)
            return (
                maps_positive
                and (bias is None or bool((bias >= 0).all()))
                and all(never_negative(nodes, n) for n in node.inputs)
            )
        case Pool():
            return never_negative(nodes, node.inputs[0])
    return False
