"""Give each side of a rectifier neurons of its own, for codings that cannot carry negative activations.

    clip(f(x), low, high) = clip(x, 0, high) − clip(−leak · x, 0, −low)
                          = u − r v,   (u, v) = clip((x, −(leak / r) x), 0, high),   r = −low / high

The second line is one pair of neurons an element, as in `carry_signed`, and is used where it can be: where both sides
end, or neither. Before: a rectifier with a negative side.   After: none.   Exact."""

import math
from dataclasses import replace

import torch

from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine
from isospike.ir.ops.clip import Clip
from isospike.ir.ops.mirror import Difference, Mirror
from isospike.ir.ops.scale import Scale


def split_signed(graph: Graph) -> Graph:
    return graph.edited(
        {node.name: _split(node, node.op) for node in graph if isinstance(node.op, Clip) and node.op.low < 0}
    )


def split_lopsided(graph: Graph) -> Graph:
    """The same, only where one threshold cannot be the limit of both sides: for neurons that carry negative
    activations."""
    lopsided = [node for node in graph if isinstance(node.op, Clip) and node.op.low < 0 and not _balanced(node.op)]
    return graph.edited({node.name: _split(node, node.op) for node in lopsided if isinstance(node.op, Clip)})


def _balanced(op: Clip) -> bool:
    # The second: a rectifier as steep as Han 2023's atLeakyReLU saturates at −high instead of at low, for drives
    # below −10 high only.
    return -op.low == op.high or (op.leak <= 0.1 and -op.low * op.leak >= op.high)


def _split(node: Node, op: Clip) -> list[Node]:
    if math.isinf(op.low) != math.isinf(op.high):
        return _sides(node, op)
    ratio = 1.0 if math.isinf(op.high) else -op.low / op.high
    twice = (2 * node.shape[0], *node.shape[1:])
    mirror = Node(f"{node.name}:mirror", Affine(((Mirror(op.leak / ratio),),), None), node.inputs, twice, node.path)
    pair = Node(f"{node.name}:signed", Clip(0.0, op.high), (mirror.name,), twice, node.path)
    return [mirror, pair, replace(node, op=Affine(((Difference(ratio),),), None), inputs=(pair.name,))]


def _sides(node: Node, op: Clip) -> list[Node]:
    def times(factor: float) -> Scale:
        return Scale(torch.full((1,) * len(node.shape), factor, dtype=torch.float64))

    mirror = replace(node, name=f"{node.name}:mirror", op=Affine(((times(-op.leak),),), None))
    positive = replace(node, name=f"{node.name}:positive", op=Clip(0.0, op.high))
    negative = replace(node, name=f"{node.name}:negative", op=Clip(0.0, -op.low), inputs=(mirror.name,))
    return [
        positive,
        mirror,
        negative,
        replace(node, op=Affine(((), (times(-1.0),)), None), inputs=(positive.name, negative.name)),
    ]
