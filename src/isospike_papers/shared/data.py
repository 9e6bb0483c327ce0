"""The data sets of the experiments, and how each is divided: what networks are trained on, and what figures are
reported on."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isospike.data import Data, open_data
from isospike.errors import InvalidData

TESTED = 10_000  # test images of the whole CIFAR-10
MOVED: dict[str, Any] = {"shift": 4, "flip": True}  # how the papers that augment move colour images
HELD_OUT = "held-out part of the training set"
CIFAR_MEAN, CIFAR_STD = (120.707 / 255,), (64.15 / 255,)  # of the weights that the thesis took over (Geifman 2018)
RAW = ((0.0,), (1 / 255,))  # pixels from 0 to 255

Normalize = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Split:
    """Training samples, and the sets that figures are reported on, by what they are called."""

    train: Data
    reported: dict[str, Data]


def folder(data_dir: Path | None) -> Path:
    """Where data sets are kept: the one given, else $ISOSPIKE_DATA, else the user's cache."""
    return Path(data_dir or os.environ.get("ISOSPIKE_DATA") or Path.home() / ".cache" / "isospike" / "data")


def with_test_set(name: str, data_dir: Path | None) -> Split:
    """A data set of torchvision's that is small enough to be used whole."""
    return Split(open_data(name, True, data_dir), {"test set": open_data(name, False, data_dir)})


def cifar10(data_dir: Path | None, normalize: Normalize = (CIFAR_MEAN, CIFAR_STD)) -> Split:
    """CIFAR-10: trained on all training images and reported on all test images where the data set is whole.  Where
    test images are missing, trained on the first nine tenths, and reported on the rest and on what test images there
    are.

    In torchvision's layout, or as `cifar10.npz` with train_images, train_labels, test_images and test_labels.
    """
    train, test = (_cifar10(part, folder(data_dir), normalize) for part in (True, False))
    if len(test) == TESTED:
        return Split(train, {"test set": test})
    cut = len(train) * 9 // 10
    return Split(train.first(cut), {HELD_OUT: train.rest(cut), f"first {len(test):,} test images": test})


def cifar10_name(data_dir: Path | None) -> str:
    """What recipes call it: networks trained on a part are not taken for those trained on all."""
    return "cifar10-whole" if len(_cifar10(False, folder(data_dir), RAW)) == TESTED else "cifar10"


def _cifar10(train: bool, root: Path, normalize: Normalize) -> Data:
    archive = root / "cifar10.npz"
    name = str(archive) if archive.exists() and not (root / "cifar-10-batches-py").exists() else "cifar10"
    try:
        return open_data(name, train, root, normalize)
    except InvalidData as error:
        raise InvalidData(
            f"CIFAR-10 is not in `{root}`: {error.what}",
            "torchvision's layout (cifar-10-batches-py), or cifar10.npz with train_images, train_labels, test_images "
            "and test_labels.",
            "Put it there, or name its place: --data-dir, ISOSPIKE_DATA.",
        ) from error
