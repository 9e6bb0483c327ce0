"""Two rectifiers in a row are one; a rectifier that changes nothing goes.

    clip(clip(x, 0, a), 0, b) = clip(x, 0, min(a, b)),      clip(x, 0, ∞) = x where x ≥ 0

Before: clip → clip, or clip of a value that is never negative.   After: neither.   Exact.
"""

import math
from dataclasses import replace

from isospike.ir.graph import Graph, never_negative
from isospike.ir.ops.clip import Clip
from isospike.passes.base import everywhere


@everywhere
def merge_clips(graph: Graph) -> Graph | None:
    for node in graph:
        if not isinstance(node.op, Clip):
            continue
        source = graph[node.inputs[0]]
        if isinstance(source.op, Clip):
            merged = Clip(max(node.op.low, source.op.low), min(node.op.high, source.op.high))
            return graph.edited({node.name: [replace(node, op=merged, inputs=source.inputs)]})
        if math.isinf(node.op.high) and never_negative(graph.by_name, source.name):
            return graph.edited({node.name: []}, {node.name: source.name})
    return None
