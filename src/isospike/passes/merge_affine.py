"""Chains of affine maps become one; a constant goes through the later map as a whole map of constants.

    A_2 (A_1 x + b_1) + b_2  =  (A_2 A_1) x + (A_2 b_1 + b_2)

A_2 b_1 is computed with A_2's own zero padding, so the bias near a border differs from the bias inside (Stanojevic
2023, eqs. 2.11, 2.14, for every kernel, stride and dilation).  Two maps with trained weights are not chained, nor is a
weighted map or a sum computed twice: such a value gets neurons of its own (`carry_signed`). Before: affine →
affine.   After: only where neurons must come between.   Exact."""

from dataclasses import replace

from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Chain, Population, through
from isospike.ir.ops.base import collapse
from isospike.passes.base import everywhere


@everywhere
def merge_affine(graph: Graph) -> Graph | None:
    for node in graph:
        if not isinstance(node.op, Affine):
            continue
        for k, name in enumerate(node.inputs):
            source = graph[name]
            if (
                isinstance(source.op, Affine)
                and not isinstance(source.op, Population)
                and _mergeable(graph, source, node.op.groups[k])
            ):
                return graph.edited({node.name: [_merged(node, k, source)]})
    return None


def _weighted(chain: Chain) -> bool:
    return any(step.weighted for step in chain)


def _mergeable(graph: Graph, source: Node, chain: Chain) -> bool:
    assert isinstance(source.op, Affine)
    used_once = sum(user.inputs.count(source.name) for user in graph) + (graph.output == source.name) == 1
    if any(map(_weighted, source.op.groups)):
        return used_once and not _weighted(chain)
    return used_once or len(source.op.groups) == 1


def _merged(node: Node, k: int, source: Node) -> Node:
    assert isinstance(node.op, Affine) and isinstance(source.op, Affine)
    chain = node.op.groups[k]
    groups = (*node.op.groups[:k], *(before + chain for before in source.op.groups), *node.op.groups[k + 1 :])
    inputs = (*node.inputs[:k], *source.inputs, *node.inputs[k + 1 :])
    bias = node.op.bias
    if source.op.bias is not None:
        constant = collapse(through(chain, source.op.bias.expand(1, *source.shape))[0])
        bias = constant if bias is None else collapse(constant + bias)
    path = source.path if any(map(_weighted, source.op.groups)) else node.path
    return replace(node, op=replace(node.op, groups=groups, bias=bias), inputs=inputs, path=path)
