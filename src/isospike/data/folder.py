"""Images of a folder, or of any data set that hands them out one by one, loaded when they are needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isospike.data.source import Data
from isospike.errors import InvalidData

GREY = ("1", "L", "LA")  # Pillow's words for images of 8 bits without colour
DEEP = ("I", "F")  # and, with their kinds such as I;16, for more bits than are kept here


class Lazy:
    """The images of a torchvision data set, loaded when they are sliced: grey where the first one is, else in
    colour."""

    def __init__(self, dataset: Any, size: int | None, part: Sequence[int] | None = None, grey: bool = False) -> None:
        self.dataset, self.size, self.grey = dataset, size, grey
        self.part = part if part is not None else range(len(dataset))

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, part: slice) -> Any:
        from torchvision.transforms import v2

        steps = [v2.Resize(self.size), v2.CenterCrop(self.size)] if self.size else []
        transform = v2.Compose([*steps, v2.PILToTensor()])
        try:
            return torch.stack([transform(self._brought(self.dataset[i][0], i)) for i in self.part[part]])
        except (OSError, RuntimeError) as error:
            raise _unreadable(f"images {self.part[part]} of the folder cannot be read together: {error}") from error

    def _brought(self, image: Any, number: int) -> Any:
        """An image in the colours of all."""
        if image.mode.startswith(DEEP):
            what = f"image {number} has more than 8 bits a pixel (Pillow calls it {image.mode})."
            raise InvalidData(
                what, "Images of 8 bits.", "Convert them, or write their numbers: an .npz with `images`."
            )
        if self.grey and image.mode not in GREY:
            what = f"image {number} is in colour, the first one is grey."
            raise InvalidData(what, "Images that are all grey, or begin with one in colour.", "Convert them alike.")
        return image.convert("L" if self.grey else "RGB")

    def narrow(self, dim: int, start: int, length: int) -> "Lazy":
        """A part, one behind another.  dim: 0."""
        return Lazy(self.dataset, self.size, self.part[start : start + length], self.grey)

    def index_select(self, dim: int, index: Tensor) -> "Lazy":
        """The images of these numbers.  dim: 0."""
        return Lazy(self.dataset, self.size, [self.part[i] for i in index.tolist()], self.grey)


def _unreadable(what: str) -> InvalidData:
    return InvalidData(what, "Whole images of one size.", "Resize them: --size 224; take out what is no image.")


class _Flat:
    """The images that lie in a folder, by name."""

    def __init__(self, path: Path, endings: tuple[str, ...]) -> None:
        self.files = sorted(file for file in path.iterdir() if file.suffix.lower() in endings)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int) -> tuple[Any, None]:
        return _opened(self.files[at]), None


def _opened(path: str | Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return image


def folder(path: Path, size: int | None) -> Data:
    """The images of a folder: of a folder a class, whose names are the labels; else those that lie in it, without
    labels.  Raises `InvalidData`."""
    from torchvision.datasets import ImageFolder
    from torchvision.datasets.folder import IMG_EXTENSIONS

    dataset: Any
    labels, classes, loose = None, (), _Flat(path, IMG_EXTENSIONS)
    if any(place.is_dir() and not place.name.startswith(".") for place in path.iterdir()):
        if len(loose):
            what = f"`{path}` has images and folders beside one another."
            raise InvalidData(what, "One folder a class; or images alone.", "Move the ones or the others.")
        try:
            dataset = ImageFolder(str(path), loader=_opened)
        except FileNotFoundError as error:
            raise InvalidData(
                f"`{path}` has class folders without images: {error}",
                "One folder a class, images inside; or images alone, without labels.",
                "Put each class's images into a folder of its own.",
            ) from error
        labels, classes = torch.as_tensor(dataset.targets), tuple(dataset.classes)
    elif not len(dataset := loose):
        raise InvalidData(
            f"`{path}` has no images.",
            f"One folder a class, images inside; or images alone, without labels: {', '.join(IMG_EXTENSIONS)}.",
            "Check the path.",
        )
    try:
        grey = dataset[0][0].mode in GREY
    except OSError as error:
        raise _unreadable(f"the first image of `{path}` cannot be read: {error}") from error
    return Data(path.name, Lazy(dataset, size, grey=grey), labels, size=size, classes=classes)
