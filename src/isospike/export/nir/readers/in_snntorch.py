"""snnTorch: step by step, the potentials being hidden in the neurons."""

import recorded
from snntorch.import_nir import import_from_nir


def load(graph, samples, steps):
    """`import_from_nir`."""
    return recorded.step_by_step(import_from_nir(graph))


if __name__ == "__main__":
    recorded.main("snntorch", load)
