"""Data by name: torchvision's data sets, an image folder, an .npz file, or the MNIST sample that comes with the package."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.data.source import Data
from isospike.errors import InvalidData

SAMPLE = Path(__file__).parent / "mnist_sample.npz"


def _torchvision(name: str, **arguments: Any) -> Callable[[Path, bool, bool], Any]:
    def make(root: Path, train: bool, download: bool) -> Any:
        import torchvision.datasets

        split = {key: value[0 if train else 1] if isinstance(value, tuple) else value for key, value in arguments.items()} or {"train": train}
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
    "places365": _torchvision("Places365", split=("train-standard", "val"), small=True),
}


def open_data(
    name: str,
    train: bool = False,
    directory: str | Path | None = None,
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
    size: int | None = None,
) -> Data:
    """Samples by the name of a data set, an image folder, an .npz file, or `mnist-sample`.

    directory: where torchvision's data sets are kept; else $ISOSPIKE_DATA, else the user's cache.  size: images of a folder are resized
    and cropped to it.  normalize: (mean, std), numbers a channel, after scaling to [0, 1].  Raises `InvalidData`.
    """
    path = Path(name)
    if name == "mnist-sample":
        data = _npz(SAMPLE, train)
    elif name in NAMED:
        data = _named(name, train, directory)
    elif path.suffix == ".npz":
        data = _npz(path, train)
    elif path.is_dir():
        data = _folder(path, size)
    else:
        raise InvalidData(f"`{name}` is neither a known data set, nor a folder, nor an .npz file.", f"Known: mnist-sample, {', '.join(NAMED)}.")
    if normalize is None:
        return data
    mean, std = normalize
    if len(mean) != len(std) or any(s == 0 for s in std):
        raise InvalidData("means and standard deviations do not fit.", "As many of one as of the other, none of the latter 0.")
    return Data(data.name, data.images, data.labels, mean, std)


def _named(name: str, train: bool, directory: str | Path | None) -> Data:
    root = Path(directory or os.environ.get("ISOSPIKE_DATA") or Path.home() / ".cache" / "isospike" / "data")
    try:
        dataset = NAMED[name](root, train, False)
    except RuntimeError:
        try:
            dataset = NAMED[name](root, train, True)
        except Exception as error:
            raise InvalidData(
                f"`{name}` is not in `{root}` and cannot be downloaded: {error}",
                remedy="Put it there in torchvision's layout, or name its place: --data-dir, ISOSPIKE_DATA.",
            ) from error
    arrays = getattr(dataset, "data", None)
    labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    if arrays is None:
        return Data(name, _Lazy(dataset, None), None if labels is None else torch.as_tensor(labels))
    return Data(name, _channels_first(torch.as_tensor(arrays)), torch.as_tensor(labels).long())


def _npz(path: Path, train: bool) -> Data:
    try:
        with np.load(path, allow_pickle=False) as file:
            prefix = "" if "images" in file else "train_" if train else "test_"
            if f"{prefix}images" not in file:
                raise InvalidData(
                    f"`{path}` holds {', '.join(file.files) or 'nothing'}.",
                    "An array `images` (or `train_images` and `test_images`), and if you like `labels`.",
                )
            images = file[f"{prefix}images"]
            labels = file[f"{prefix}labels"] if f"{prefix}labels" in file else None
    except FileNotFoundError as error:
        raise InvalidData(f"`{path}` does not exist.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidData(f"`{path}` cannot be read: {error}", "Files written by numpy.savez, without pickled objects.") from error
    if images.dtype == np.uint8:
        tensor = _channels_first(torch.from_numpy(images))
    elif np.issubdtype(images.dtype, np.floating) and images.dtype in (np.float32, np.float64):
        tensor = torch.from_numpy(images)
    else:
        raise InvalidData(f"`{path}`: the images are {images.dtype}.", "uint8, float32 or float64.")
    if not len(tensor):
        raise InvalidData(f"`{path}` holds no image.")
    if labels is not None and len(labels) != len(tensor):
        raise InvalidData(f"`{path}` holds {len(tensor)} images and {len(labels)} labels.")
    return Data(path.stem, tensor, None if labels is None else torch.from_numpy(labels.astype(np.int64)))


def _channels_first(images: Tensor) -> Tensor:
    """uint8 images as (n, channels, height, width)."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        return images.permute(0, 3, 1, 2)
    return images


class _Lazy:
    """The images of a torchvision data set, loaded when they are sliced."""

    def __init__(self, dataset: Any, size: int | None, part: range | None = None) -> None:
        self.dataset, self.size, self.part = dataset, size, part if part is not None else range(len(dataset))

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, part: slice) -> Any:
        from torchvision.transforms import v2

        steps = [v2.Resize(self.size), v2.CenterCrop(self.size)] if self.size else []
        transform = v2.Compose([*steps, v2.PILToTensor()])
        return torch.stack([transform(self.dataset[i][0].convert("RGB")) for i in self.part[part]])


def _folder(path: Path, size: int | None) -> Data:
    from torchvision.datasets import ImageFolder

    try:
        dataset = ImageFolder(str(path))
    except FileNotFoundError as error:
        raise InvalidData(f"`{path}` has no class folders with images: {error}", "One folder a class, images inside.") from error
    return Data(path.name, _Lazy(dataset, size), torch.as_tensor(dataset.targets))
