"""Gather each rectifier and the affine map before it into one population of neurons, and end in a read-out.

    clip(f(Σ_k A_k x_k + b), low, high)      one neuron an element

Before: affine → clip.   After: populations, pools, and one affine read-out.   Exact.
"""

from dataclasses import astuple, replace

from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.clip import Clip


def populations(graph: Graph) -> Graph:
    changes: dict[str, list[Node]] = {}
    for node in graph:
        if isinstance(node.op, Clip):
            source = graph[node.inputs[0]]
            if isinstance(source.op, Affine) and not isinstance(source.op, Population):
                op = Population(source.op.groups, source.op.bias, *astuple(node.op))
                changes[node.name] = [replace(node, op=op, inputs=source.inputs, path=source.path)]
            else:
                changes[node.name] = [replace(node, op=Population(((),), None, *astuple(node.op)))]
    graph = graph.edited(changes)
    last = graph[graph.output]
    if not isinstance(last.op, Affine) or isinstance(last.op, Population):
        read = Node(f"{last.name}:read-out", Affine(((),), None), (last.name,), last.shape, last.path)
        graph = replace(graph, nodes=(*graph.nodes, read), output=read.name)
    return _named(graph)


def _named(graph: Graph) -> Graph:
    """Call each node by its place in the user's model, where that is unambiguous."""
    paths = [node.path for node in graph]
    names = {node.name: node.path if paths.count(node.path) == 1 and node.path else node.name for node in graph}
    if len(set(names.values())) < len(names):
        return graph
    nodes = tuple(replace(node, name=names[node.name], inputs=tuple(names[n] for n in node.inputs)) for node in graph)
    return replace(graph, nodes=nodes, output=names[graph.output])
