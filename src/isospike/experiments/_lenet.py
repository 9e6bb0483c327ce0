"""Trains the LeNet-5 whose weights come with the package: `python -m isospike.experiments._lenet OUT.safetensors`."""

import sys
from pathlib import Path

import torch

from isospike.experiments._cases import lenet5_mnist
from isospike.experiments._result import Settings
from isospike.experiments._training import weights
from isospike.store import write


def train_lenet(path: Path, settings: Settings | None = None) -> None:
    """Train it, or take it from the cache, and write its weights."""
    model = lenet5_mnist(settings or Settings()).model
    assert isinstance(model, torch.nn.Module)
    write(path, weights(model))


if __name__ == "__main__":
    train_lenet(Path(sys.argv[1]))
