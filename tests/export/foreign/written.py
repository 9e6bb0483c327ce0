"""What the scripts share that write networks with another tool's own exporter to NIR: `TOOL.py FOLDER` writes NAME.nir,
and NAME.npz with a sample and every spike that the tool's own simulation sends.

| array      | shape                      |                                     |
|------------|----------------------------|-------------------------------------|
| `input`    | (samples, *shape)          | in [0, 1], the same at every step   |
| `spikes_K` | (steps, samples, *shape)   | of the K-th layer of neurons        |

Each script runs with the Python of its tool's environment and imports nothing of isospike."""

import sys
import warnings
from pathlib import Path

import nir
import numpy as np
import torch
from torch import nn

STEPS, SAMPLES = 20, 6


def planar(pool, first, second):
    """Convolution, neurons, pool, flattening, dense layer, neurons; 1 × 8 × 8 pixels."""
    torch.manual_seed(3)
    layers = nn.Conv2d(1, 3, 3), first, pool, nn.Flatten(), nn.Linear(27, 5), second
    return nn.Sequential(*layers), torch.rand(SAMPLES, 1, 8, 8)


def flat(first, second):
    """Two dense layers with neurons; 12 numbers."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(12, 20), first, nn.Linear(20, 5), second), torch.rand(SAMPLES, 12)


def excited(model, *factors):
    """The model with larger weights, by layer, and no negative bias, so that neurons of both layers spike often."""
    layers = [layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer, factor in zip(layers, factors, strict=True):
            layer.weight.mul_(factor)
            layer.bias.abs_().mul_(factor)
    return model


def keep(folder, name, graph, model, x, run):
    """Write the graph, run the model on x at every step with `run(model, x, steps)`, and write its spikes."""
    heard = {}
    for key, layer in model.named_children():
        if (
            not isinstance(layer, nn.Conv2d | nn.Linear | nn.Flatten | nn.AvgPool2d)
            and "Pool" not in type(layer).__name__
        ):
            layer.register_forward_hook(lambda _, __, given, key=key: heard.setdefault(key, []).append(first(given)))
    with torch.no_grad():
        run(model, x, STEPS)
    nir.write(Path(folder) / f"{name}.nir", graph)
    spikes = [in_steps(parts).numpy().astype(np.uint8) for parts in heard.values()]
    np.savez_compressed(
        Path(folder) / f"{name}.npz", input=x.numpy(), **{f"spikes_{k}": train for k, train in enumerate(spikes)}
    )


def first(given):
    """Spikes, of a layer that returns its state, too."""
    return (given[0] if isinstance(given, tuple) else given).detach().clone()


def in_steps(parts):
    """Spikes as (steps, samples, ...); one part is (samples × steps, ...), the steps of a sample behind one another."""
    return torch.stack(parts) if len(parts) > 1 else parts[0].unflatten(0, (SAMPLES, STEPS)).transpose(0, 1)


def main(write):
    """Run `write(folder)` of a script."""
    warnings.simplefilter("ignore")  # of the tools, about themselves
    write(sys.argv[1])
