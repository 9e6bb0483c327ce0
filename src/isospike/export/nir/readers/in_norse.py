"""Norse: step by step, the state being handed on."""

import norse.torch
import recorded


def load(graph, samples, steps):
    """`norse.torch.from_nir`."""
    return recorded.step_by_step(norse.torch.from_nir(graph))


if __name__ == "__main__":
    recorded.main("norse", load)
