"""snnTorch: step by step, the potentials being hidden in the neurons."""

import recorded
import torch
from snntorch.import_nir import import_from_nir


def load(graph, samples, steps):
    """`import_from_nir`."""
    model = import_from_nir(graph)

    def run(sent):
        outputs, state = [], None
        for now in sent:
            out, state = model(now, state)
            outputs.append(out)
        return torch.stack(outputs)

    return run, dict(model.named_children())


if __name__ == "__main__":
    recorded.main("snntorch", load)
