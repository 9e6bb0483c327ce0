"""Let every pool read rectified values: rectifiers move before it, per-channel scales behind it (Stanojevic 2023, Fig.
2.2c).

    clip(max(x)) = max(clip(x)),      max(s ⊙ x + t) = s ⊙ max_σ(x) + t,   σ = sign(s)

where max_σ is the largest of the patch in channels with σ ≥ 0 and the smallest in the others: batch normalisation with
a negative factor turns a channel's max pool into a min pool. Before: pool → clip, or per-channel affine →
pool.   After: neither.   Exact."""

from dataclasses import replace

import torch

from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.base import constant_beyond
from isospike.ir.ops.clip import Clip
from isospike.ir.ops.pool import Pool
from isospike.ir.ops.scale import Scale
from isospike.passes.base import everywhere


@everywhere
def sign_pools(graph: Graph) -> Graph | None:
    for node in graph:
        if isinstance(node.op, Clip) and isinstance(graph[node.inputs[0]].op, Pool):
            return _clip_first(graph, graph[node.inputs[0]], node)
        if isinstance(node.op, Pool) and _per_channel(graph[node.inputs[0]]):
            return _scale_after(graph, graph[node.inputs[0]], node)
    return None


def _clip_first(graph: Graph, pool: Node, clip: Node) -> Graph:
    before = Node(f"{clip.name}:{pool.name}", clip.op, pool.inputs, graph[pool.inputs[0]].shape, clip.path)
    after = Node(clip.name, pool.op, (before.name,), clip.shape, pool.path)
    return graph.edited({clip.name: [before, after]})


def _per_channel(node: Node) -> bool:
    if not isinstance(node.op, Affine) or isinstance(node.op, Population) or len(node.op.groups) != 1:
        return False
    (chain,) = node.op.groups
    scales = all(isinstance(step, Scale) and constant_beyond(step.factor, 0) for step in chain)
    return scales and (node.op.bias is None or constant_beyond(node.op.bias, 0))


def _scale_after(graph: Graph, affine: Node, pool: Node) -> Graph:
    assert isinstance(affine.op, Affine) and isinstance(pool.op, Pool)
    sign = pool.op.sign
    for step in affine.op.groups[0]:
        assert isinstance(step, Scale)
        sign = sign * torch.where(step.factor < 0, -1.0, 1.0).to(sign.dtype)
    before = Node(f"{pool.name}:{affine.name}", replace(pool.op, sign=sign), affine.inputs, pool.shape, pool.path)
    after = Node(pool.name, affine.op, (before.name,), pool.shape, affine.path)
    return graph.edited({pool.name: [before, after]})
