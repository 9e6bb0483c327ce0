"""Data by name: torchvision's data sets, an image folder, an .npz file, a table, or the MNIST sample that comes with
the package."""

import math
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.data.folder import Lazy, folder
from isospike.data.small import digits, iris
from isospike.data.source import Data
from isospike.data.table import Table
from isospike.errors import InvalidData

SAMPLE = Path(__file__).parent / "mnist_sample.npz"


def _torchvision(name: str, **arguments: Any) -> Callable[[Path, bool, bool], Any]:
    def make(root: Path, train: bool, download: bool) -> Any:
        import torchvision.datasets

        split = {
            key: value[0 if train else 1] if isinstance(value, tuple) else value for key, value in arguments.items()
        } or {"train": train}
        return getattr(torchvision.datasets, name)(str(root), download=download, **split)

    return make


NAMED: dict[str, Callable[[Path, bool, bool], Any]] = {
    "mnist": _torchvision("MNIST"),
    "fashion_mnist": _torchvision("FashionMNIST"),
    "kmnist": _torchvision("KMNIST"),
    "cifar10": _torchvision("CIFAR10"),
    "cifar100": _torchvision("CIFAR100"),
    "svhn": _torchvision("SVHN", split=("train", "test")),
    "stl10": _torchvision("STL10", split=("train", "test")),
    "iris": iris,
    "digits": digits,
    "places365": _torchvision("Places365", split=("train-standard", "val"), small=True),
}
NAMES = ("mnist-sample", *NAMED)


def open_data(
    name: str,
    train: bool = False,
    directory: str | Path | None = None,
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
    size: int | None = None,
) -> Data:
    """Samples by the name of a data set (FashionMNIST and fashion-mnist are fashion_mnist), an image folder, an .npz
    file, a table of numbers (.csv, .csv.gz), or `mnist-sample`.

    directory: where torchvision's data sets are kept; else $ISOSPIKE_DATA, else the user's cache.  size: images of a
    folder are resized and cropped to it, those in memory have it already.  normalize: (mean, std), numbers a channel,
    after scaling to [0, 1].  Raises `InvalidData`."""
    path = Path(name)
    known = _known(name)
    if known == "mnist-sample":
        data = _npz(SAMPLE, train)
    elif known is not None:
        data = _named(known, train, directory, size)
    elif path.suffix == ".npz":
        data = _npz(path, train)
    elif path.name.endswith((".csv", ".csv.gz")):
        data = Table.read(path).numbers()
    elif path.is_dir():
        data = folder(path, size)
    else:
        raise InvalidData(
            f"`{name}` is neither a known data set, nor a folder, nor an .npz or .csv file.",
            f"Known: {', '.join(NAMES)}.",
            f"Did you mean {near[0]}?"
            if (near := get_close_matches(name, NAMES, 1))
            else "Check the name, or the path.",
        )
    if size is not None and isinstance(data.images, Tensor):
        if tuple(data.images.shape[2:]) != (size, size):
            what = f"samples of `{name}` have the shape {tuple(data.images.shape[1:])}, and are not resized to {size}."
            raise InvalidData(
                what,
                f"Images of a folder; or such that are {size} × {size} already.",
                "Leave --size out, or resize them before.",
            )
        data = replace(data, size=size)
    if normalize is None:
        return data
    mean, std = normalize
    if len(mean) != len(std) or not all(map(math.isfinite, mean)) or not all(0 < s < math.inf for s in std):
        supported = "As many of one as of the other, finite, and none of the latter 0 or below."
        raise InvalidData(
            f"means {mean} and standard deviations {std} do not fit.", supported, "Write: --preprocess 'MEAN… STD…'."
        )
    return replace(data, mean=mean, std=std)


def _known(name: str) -> str | None:
    """The data set that a name stands for, however it is written: FashionMNIST, fashion-mnist, fashion_mnist."""
    if name in NAMES or Path(name).exists():
        return name if name in NAMES else None
    return next((one for one in NAMES if _plain(one) == _plain(name)), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _named(name: str, train: bool, directory: str | Path | None, size: int | None) -> Data:
    root = Path(directory or os.environ.get("ISOSPIKE_DATA") or Path.home() / ".cache" / "isospike" / "data")
    try:
        try:
            dataset = NAMED[name](root, train, False)
        except RuntimeError:  # torchvision's word for "not there"
            _download(name, train, root)
            dataset = NAMED[name](root, train, False)
    except InvalidData:
        raise
    except Exception as error:  # of the network, of archives and of torchvision: they share no base class
        raise InvalidData(
            f"`{name}` cannot be read from `{root}`, nor downloaded to it: {error}",
            "A folder in torchvision's layout.",
            "Put it there, or name its place: --data-dir, ISOSPIKE_DATA.",
        ) from error
    arrays = getattr(dataset, "data", None)
    labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    classes = tuple(map(str, getattr(dataset, "classes", ())))
    if arrays is None:
        return Data(
            name, Lazy(dataset, size), None if labels is None else torch.as_tensor(labels), size=size, classes=classes
        )
    return Data(name, _channels_first(torch.as_tensor(arrays)), torch.as_tensor(labels).long(), classes=classes)


def _download(name: str, train: bool, root: Path) -> None:
    """By way of a folder of its own: torchvision would take a file that is half there for the whole."""
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=root, prefix=".download.") as half:
        NAMED[name](Path(half), train, True)
        for file in [path for path in Path(half).rglob("*") if path.is_file()]:
            place = root / file.relative_to(half)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)


def _npz(path: Path, train: bool) -> Data:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            prefix = "" if "images" in file else "train_" if train else "test_"
            if f"{prefix}images" not in file:
                raise InvalidData(
                    f"`{path}` holds {', '.join(file.files) or 'nothing'}.",
                    "An array `images` (or `train_images` and `test_images`); class numbers are `labels`, real "
                    "numbers `targets`.",
                    "Write it with numpy.savez(path, images=..., labels=...).",
                )
            images = file[f"{prefix}images"]
            labels, targets = (file.get(f"{prefix}{name}") for name in ("labels", "targets"))
    except FileNotFoundError as error:
        raise InvalidData(f"`{path}` does not exist.", "Files written by numpy.savez.", "Check the path.") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidData(
            f"`{path}` cannot be read: {error}",
            "Files written by numpy.savez, without pickled objects.",
            "Write it again with numpy.savez.",
        ) from error
    if images.dtype == np.uint8:
        tensor = _channels_first(torch.from_numpy(images))
    elif images.dtype in (np.float32, np.float64):
        tensor = torch.from_numpy(images)
    else:
        raise InvalidData(
            f"`{path}`: the images are {images.dtype}.",
            "uint8, float32 or float64.",
            "Convert them: images.astype(numpy.float32).",
        )
    if not tensor.ndim or not len(tensor):
        raise InvalidData(
            f"`{path}` holds no image.", "At least one.", "Write it with numpy.savez(path, images=..., labels=...)."
        )
    if labels is not None and labels.shape != images.shape[:1]:
        raise InvalidData(
            f"`{path}` holds {len(tensor)} images and {labels.size} labels.",
            "A label for every image, or no `labels`.",
            "Write both again.",
        )
    if targets is not None:
        return Data(path.stem, tensor, _targets(path, targets, tensor))
    return Data(path.stem, tensor, None if labels is None else _class_numbers(path, labels))


def _targets(path: Path, targets: np.ndarray, images: Tensor) -> Tensor:
    if targets.dtype.kind != "f" or targets.shape[:1] != images.shape[:1] or not np.isfinite(targets).all():
        raise InvalidData(
            f"`{path}`: the targets are {targets.dtype}, of shape {targets.shape}.",
            f"Finite real numbers, (samples, outputs), for {len(images)} samples.",
            "Class numbers are `labels`.",
        )
    return torch.from_numpy(targets).float()


def _class_numbers(path: Path, labels: np.ndarray) -> Tensor:
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int64) if labels.dtype.kind in "biuf" else labels[:0]
    if not np.array_equal(whole, labels):
        what = f"`{path}`: the labels are no class numbers, such as {labels[:3].tolist()}."
        raise InvalidData(
            what,
            "Whole numbers from 0 on; real numbers that a model predicts are `targets`.",
            "Number the classes: numpy.unique(labels, return_inverse=True)[1].",
        )
    return torch.from_numpy(whole)


def _channels_first(images: Tensor) -> Tensor:
    """uint8 images as (n, channels, height, width)."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        return images.permute(0, 3, 1, 2)
    return images
