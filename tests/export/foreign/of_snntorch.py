"""snnTorch: a leak, reset to zero, by subtraction at once, and by subtraction a step later, which is its default."""

import snntorch
import torch
import written
from snntorch import utils
from snntorch.export_nir import export_to_nir
from torch import nn

NEURONS = {
    "zero": ({"reset_mechanism": "zero"}, (2, 4)),
    "subtract": ({"reset_delay": False}, (1.5, 2)),  # no V is above θ after its reset
    "default": ({}, (2, 4)),
}


def leaky(shape, settings):
    """Neurons whose settings are as large as the layer; of numbers the exporter makes a graph that has no sizes."""
    return snntorch.Leaky(beta=torch.full(shape, 0.75), threshold=torch.ones(shape), init_hidden=True, **settings)


def run(model, x, steps):
    utils.reset(model)
    for _ in range(steps):
        model(x)


def write(folder):
    for name, (settings, factors) in NEURONS.items():
        model, x = written.planar(nn.AvgPool2d(2), leaky((3, 6, 6), settings), leaky((5,), settings))
        graph = export_to_nir(written.excited(model, *factors), x, ignore_dims=[0])
        written.keep(folder, f"snntorch-{name}", graph, model, x, run)


if __name__ == "__main__":
    written.main(write)
