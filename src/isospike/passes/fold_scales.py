"""Shorten every chain of maps: factors go into the weights beside them, maps that do nothing go.

    (W ⊙ s) x  for  W (s ⊙ x),      (s ⊙ W) x  for  s ⊙ (W x),      R (s ⊙ x) = (R s) ⊙ (R x) for a route R

Factors travel with the values, so flattening a map of channels sends each channel's factor to the right inputs.
Before: scale beside weights.   After: weights.   Exact.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch

from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine, Chain
from isospike.ir.ops.base import Map, Shape
from isospike.ir.ops.route import Permute, Reshape
from isospike.ir.ops.scale import Scale


def fold_scales(graph: Graph) -> Graph:
    changes = {}
    for node in graph:
        if isinstance(node.op, Affine):
            groups = tuple(
                fold(chain, graph[name].shape) for chain, name in zip(node.op.groups, node.inputs, strict=True)
            )
            changes[node.name] = [replace(node, op=replace(node.op, groups=groups))]
    return graph.edited(changes)


def fold(chain: Chain, in_shape: Shape) -> Chain:
    """The shortest chain that these rules lead to, equal to `chain` on inputs of shape `in_shape`."""
    chain, shape = tuple(_needed(chain, in_shape)), in_shape
    for i, step in enumerate(chain):
        out = step.out_shape(shape)
        if i + 1 < len(chain):
            one = chain[i + 1].after(step)
            if one is not None:
                return fold((*chain[:i], one, *chain[i + 2 :]), in_shape)
            carried = (
                chain[i + 1].carry(step.factor, shape)
                if isinstance(step, Scale) and not isinstance(chain[i + 1], Scale)
                else None
            )
            if carried is not None:
                return fold((*chain[:i], chain[i + 1], Scale(carried), *chain[i + 2 :]), in_shape)
        shape = out
    return chain


def _needed(chain: Chain, shape: Shape) -> Iterator[Map]:
    """The steps that do something, so that no weights are copied for the others."""
    for step in chain:
        if not _nothing(step, shape):
            yield step
        shape = step.out_shape(shape)


def _nothing(step: object, shape: Shape) -> bool:
    match step:
        case Scale(factor=factor):
            return bool(torch.all(factor == 1))
        case Reshape(shape=target):
            return target == shape
        case Permute(dims=dims):
            return dims == tuple(range(len(dims)))
    return False
