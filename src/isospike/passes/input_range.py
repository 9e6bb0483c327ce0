"""Bring the input to [0, 1]: an input range [p, q] is an affine map before the first layer (Stanojevic 2023, eqs.
2.12–2.14).

    x = (q − p) u + p,   u ∈ [0, 1]

Before: input in [p, q].   After: unit input → affine.   Exact; the border of a padded layer comes right by itself,
because the constant p is later sent through that layer as a map.
"""

from dataclasses import replace

from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine
from isospike.ir.ops.input import UnitInput
from isospike.ir.ops.scale import Scale


def input_range(graph: Graph) -> Graph:
    node, op = graph.input, graph.input_op
    if isinstance(op, UnitInput):
        return graph
    unit = replace(node, op=UnitInput(op.low, op.high))
    if bool((op.low == 0).all() and (op.high == 1).all()):
        return graph.edited({node.name: [unit]})
    scaled = Node(
        f"{node.name}:range", Affine(((Scale(op.high - op.low),),), op.low), (node.name,), node.shape, node.path
    )
    users = {
        user.name: [replace(user, inputs=tuple(scaled.name if n == node.name else n for n in user.inputs))]
        for user in graph.users(node.name)
    }
    output = scaled.name if graph.output == node.name else graph.output
    return replace(graph, output=output).edited({node.name: [unit, scaled], **users})
