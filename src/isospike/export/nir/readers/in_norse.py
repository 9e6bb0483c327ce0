"""Norse: step by step, the state being handed on."""

import norse.torch
import recorded
import torch


def load(graph, samples, steps):
    """`norse.torch.from_nir`."""
    model = norse.torch.from_nir(graph)

    def run(sent):
        outputs, state = [], None
        for now in sent:
            out, state = model(now, state)
            outputs.append(out)
        return torch.stack(outputs)

    return run, dict(model.named_children())


if __name__ == "__main__":
    recorded.main("norse", load)
