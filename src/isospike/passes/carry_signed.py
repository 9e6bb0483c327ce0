"""Give neurons to every value that is used without having been rectified.

    x = [x]₊ − [−x]₊,      max(x) = max([x]₊) − min([−x]₊)

A value that may be negative is carried by a pair of neurons, its positive and its negative part; one that cannot be,
by one. Before: an affine value read by another affine map, by a pool, or by the output and something else. After:
rectified values only, read through their difference.   Exact."""

import math
from dataclasses import replace

import torch

from isospike.ir.graph import Graph, Node, never_negative
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.base import Shape
from isospike.ir.ops.clip import Clip
from isospike.ir.ops.mirror import Difference, Mirror
from isospike.ir.ops.pool import Pool
from isospike.ir.ops.route import Reshape
from isospike.passes.base import everywhere


@everywhere
def carry_signed(graph: Graph) -> Graph | None:
    for node in graph:
        if (
            isinstance(node.op, Affine)
            and not isinstance(node.op, Population)
            and not _pair_reader(node, graph)
            and _used_unrectified(graph, node)
        ):
            return _carried(graph, node)
        if isinstance(node.op, Pool) and _pair_reader(graph[node.inputs[0]], graph):
            return _pooled_pair(graph, node)
    return None


def _used_unrectified(graph: Graph, node: Node) -> bool:
    users = graph.users(node.name)
    return any(not isinstance(user.op, Clip) for user in users) or (graph.output == node.name and bool(users))


def _pair_reader(node: Node, graph: Graph) -> bool:
    """Whether the node only reads a pair: the difference itself."""
    own = [Difference] if node.shape else [Difference, Reshape]
    return (
        isinstance(node.op, Affine)
        and node.op.bias is None
        and [[type(step) for step in chain] for chain in node.op.groups] == [own]
    )


def _carried(graph: Graph, node: Node) -> Graph:
    assert isinstance(node.op, Affine)
    op = node.op
    if never_negative(graph.by_name, node.name):
        return graph.edited({node.name: [replace(node, op=Population(op.groups, op.bias, 0.0, math.inf))]})
    # A sample of one number without a dimension gets one, along which the two parts lie.
    shape, there, back = (node.shape, (), ()) if node.shape else ((1,), (Reshape((1,)),), (Reshape(()),))
    bias = (
        None
        if op.bias is None
        else Mirror().linear(
            (op.bias if node.shape else op.bias.reshape(1)).expand(shape[0], *op.bias.shape[1:])[None]
        )[0]
    )
    pair = Population(tuple((*chain, *there, Mirror()) for chain in op.groups), bias, 0.0, math.inf)
    both = Node(f"{node.name}:signed", pair, node.inputs, _twice(shape), node.path)
    return graph.edited(
        {
            node.name: [
                both,
                Node(node.name, Affine(((Difference(), *back),), None), (both.name,), node.shape, node.path),
            ]
        }
    )


def _pooled_pair(graph: Graph, node: Node) -> Graph:
    assert isinstance(node.op, Pool)
    reader = graph[node.inputs[0]]
    (pair,) = reader.inputs
    channels = node.shape[0]
    sign = node.op.sign.expand(channels, *node.op.sign.shape[1:])
    pools = Node(
        f"{node.name}:signed", replace(node.op, sign=torch.cat((sign, -sign))), (pair,), _twice(node.shape), node.path
    )
    return graph.edited({node.name: [pools, Node(node.name, reader.op, (pools.name,), node.shape, node.path)]})


def _twice(shape: Shape) -> Shape:
    return (2 * shape[0], *shape[1:])
