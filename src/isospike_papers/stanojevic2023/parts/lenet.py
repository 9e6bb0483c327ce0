"""Trains the LeNet-5 whose weights come with the package: `python -m isospike_papers.stanojevic2023.parts.lenet
OUT.safetensors`."""

import sys

from torch import nn

from isospike.report.claim import Setup
from isospike.store import write
from isospike_papers.shared.recipe import weights
from isospike_papers.stanojevic2023.parts.subjects import lenet5_mnist


def main(path: str, setup: Setup) -> None:
    """Train it, or take it from the store, and write its weights."""
    model = lenet5_mnist(setup).model
    assert isinstance(model, nn.Module)
    write(path, weights(model))


if __name__ == "__main__":
    main(sys.argv[1], Setup())
