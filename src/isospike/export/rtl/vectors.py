"""Vectors that a circuit is tried on: those of samples, random ones, and directed ones, which reach what samples do
not."""

import numpy as np

from isospike.export.rtl.design import Design

RANDOM, TRIED, EACH = 64, 1 << 15, 4  # random vectors; those that ties are looked for among, and how many of each


def vectors(design: Design, k: np.ndarray, seed: int = 0) -> np.ndarray:
    """Samples; random vectors; none, all, each input alone; the largest and the least potential of every neuron of the
    first layer; ties of outputs.  k: (samples, inputs) in ticks; returns (vectors, inputs)."""
    ticks, inputs = design.ticks, design.inputs
    generator = np.random.default_rng(seed)
    random = generator.integers(0, ticks + 1, (RANDOM, inputs))
    # Each input is silent or earliest, whatever suits a neuron best; and one tick beside it.
    corners = np.concatenate([(design.layers[0].weights.T > 0) * ticks, (design.layers[0].weights.T < 0) * ticks])
    beside = np.clip(corners + generator.integers(-1, 2, corners.shape), 0, ticks)
    alone = np.concatenate([np.eye(inputs, dtype=np.int64) * ticks, np.eye(inputs, dtype=np.int64)])
    ends = np.array([[0] * inputs, [ticks] * inputs])
    return np.concatenate([k, random, ends, alone, corners, beside, ties(design, generator)]).astype(np.int64)


def ties(design: Design, generator: np.random.Generator) -> np.ndarray:
    """Random vectors in which an output equals the best of those before it and none is larger, some for each output as
    far as there are, (vectors, inputs)."""
    tried = generator.integers(0, design.ticks + 1, (TRIED, design.inputs))
    v = design.answer(tried)[1][-1]
    best = v.max(1)
    found = [tried[(v[:, i] == best) & (v[:, :i].max(1) == best)][:EACH] for i in range(1, design.classes)]
    return np.concatenate([tried[:0], *found])
