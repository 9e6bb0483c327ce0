"""Table of contents: the passes that bring a graph into canonical form.  The order is the design."""

from functools import reduce

from isospike.ir.graph import Graph
from isospike.passes.carry_signed import carry_signed
from isospike.passes.fold_scales import fold_scales
from isospike.passes.input_range import input_range
from isospike.passes.merge_affine import merge_affine
from isospike.passes.merge_clips import merge_clips
from isospike.passes.populations import populations
from isospike.passes.sign_pools import sign_pools

CANONICAL = (
    sign_pools,  # needs scales still beside the pools
    merge_clips,  # brings together what pools stood between
    input_range,
    merge_affine,
    carry_signed,  # what could not be merged gets neurons
    merge_affine,  # the differences that read them
    fold_scales,  # chains are final
    populations,
)


def canonical(graph: Graph) -> Graph:
    """The graph as populations, pools and a read-out, computing the same function."""
    return reduce(lambda g, rewrite: rewrite(g), CANONICAL, graph)
