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
from isospike.passes.split_signed import split_lopsided, split_signed

CANONICAL = (
    sign_pools,  # needs scales still beside the pools
    merge_clips,  # brings together what pools stood between
    split_signed,  # no pool stands before a rectifier any more, and none needs to be split twice
    input_range,
    merge_affine,
    carry_signed,  # what could not be merged gets neurons
    merge_affine,  # the differences that read them
    fold_scales,  # chains are final
    populations,
)


def canonical(graph: Graph, signed: bool = False) -> Graph:
    """The graph as populations, pools and a read-out, computing the same function.

    signed: whether rectifiers with a negative side stay as they are, for neurons that can carry it; else no population
    is ever negative."""
    passes = (split_lopsided if signed and rewrite is split_signed else rewrite for rewrite in CANONICAL)
    return reduce(lambda g, rewrite: rewrite(g), passes, graph)
