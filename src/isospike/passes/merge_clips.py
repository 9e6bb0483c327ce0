"""Two rectifiers in a row are one; a rectifier that changes nothing goes.

    clip(f₂(clip(f₁(x), l₁, h₁)), l₂, h₂) = clip(f(x), max(leak₂ l₁, l₂), min(h₁, h₂)) with the leak leak₁ leak₂
    clip(f(x), low, ∞) = x where x ≥ 0

Before: clip → clip, neither of them in levels, or clip of a value that is never negative.   After: neither.   Exact.
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
        if isinstance(source.op, Clip) and not source.op.levels and not node.op.levels:
            return graph.edited({node.name: [replace(node, op=_merged(source.op, node.op), inputs=source.inputs)]})
        if math.isinf(node.op.high) and never_negative(graph.by_name, source.name):
            return graph.edited({node.name: []}, {node.name: source.name})
    return None


def _merged(first: Clip, then: Clip) -> Clip:
    low = max(then.leak * first.low, then.low)
    return Clip(low, min(first.high, then.high), first.leak * then.leak if low < 0 else 1.0)
