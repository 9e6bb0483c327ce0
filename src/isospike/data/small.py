"""Data sets that come with scikit-learn: Iris and the 8 × 8 digits."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from isospike.errors import InvalidData

EVERY = 3  # one sample of so many is a test sample; neither set has parts of its own


@dataclass(frozen=True)
class Small:
    """Samples in [0, 1], their classes, and the classes' names."""

    data: Tensor
    targets: Tensor
    classes: tuple[str, ...]


def iris(_: Path, train: bool, __: bool) -> Small:
    """150 flowers by four lengths, each scaled to [0, 1] by its extent.  Raises `InvalidData` without scikit-learn."""
    return _part("load_iris", train)


def digits(_: Path, train: bool, __: bool) -> Small:
    """1,797 images of 8 × 8 pixels from 0 to 16, scaled to [0, 1].  Raises `InvalidData` without scikit-learn."""
    found = _part("load_digits", train)
    return Small(found.data.unflatten(1, (8, 8)), found.targets, found.classes)


def _part(loader: str, train: bool) -> Small:
    try:
        import sklearn.datasets
    except ImportError as error:
        raise InvalidData(
            "Iris and the digits come with scikit-learn, which is not installed.",
            remedy="Run: pip install 'isospike[papers]'",
        ) from error
    found = getattr(sklearn.datasets, loader)()
    x = torch.from_numpy(found.data).float()
    low, high = (x.min(0).values, x.max(0).values) if loader == "load_iris" else (x.min(), x.max())
    chosen = (torch.arange(len(x)) % EVERY != 0) == train
    return Small(
        ((x - low) / (high - low))[chosen], torch.from_numpy(found.target)[chosen], tuple(map(str, found.target_names))
    )
