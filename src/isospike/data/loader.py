"""Data as a PyTorch loader for training: shuffled batches of (samples, labels), images augmented if asked."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isospike.data.source import Data
from isospike.errors import InvalidData, InvalidSetting

Batch = tuple[Tensor, Tensor]


class _Batches(Dataset[Any]):
    """Hands out whole batches, which is faster than collecting samples."""

    def __init__(self, data: Data, dtype: torch.dtype, change: Callable[[Tensor], Tensor] | None) -> None:
        self.data, self.dtype, self.change = data, dtype, change

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, at: Sequence[int]) -> Batch:
        assert self.data.labels is not None
        part = torch.as_tensor(at)
        return self.data.take(part, self.change).to(self.dtype), self.data.labels[part]


def loader(
    data: Data,
    batch: int = 128,
    *,
    shift: int = 0,
    flip: bool = False,
    cutout: int = 0,
    autoaugment: bool = False,
    dtype: torch.dtype = torch.float32,
) -> DataLoader[Any]:
    """Batches in an order drawn anew for every epoch from PyTorch's generator, as is all that is done to images, to
    each by itself.

    shift: an image is moved by up to so many pixels along either axis, what comes in being the darkest there is; the
    same as a random crop after padding by as many.  flip: half of the images are mirrored.  cutout: side of a square
    that is set to 0, its centre anywhere in the image (DeVries 2017).  autoaugment: the policy that Cubuk 2019 found
    for CIFAR-10, of 8-bit images.  In the order autoaugment, preprocessing, flip, shift, cutout.  Raises `InvalidData`
    without labels."""
    if batch < 1 or shift < 0 or cutout < 0:
        raise InvalidSetting(
            f"batches of {batch} samples, moved by {shift} pixels, {cutout} pixels cut out.",
            "At least one sample; 0 pixels or more.",
            "64 samples are usual.",
        )
    first = data.images[slice(0, 1)]
    if (shift or flip or cutout or autoaugment) and first.ndim != 4:
        raise InvalidData(
            f"`{data.name}` holds no images, which could be augmented.",
            "Images: (channels, height, width).",
            "Leave that out.",
        )
    if autoaugment and first.dtype != torch.uint8:
        raise InvalidData(
            f"`{data.name}` holds {first.dtype}, and autoaugment is of 8-bit images.",
            "uint8 images.",
            "Leave autoaugment out, or store the images as uint8.",
        )
    if data.labels is None:
        raise InvalidData(
            f"`{data.name}` has no labels.",
            "Data to train on: samples with class numbers.",
            "Add `labels` to the .npz file.",
        )
    return DataLoader(
        _Batches(data, dtype, _policy() if autoaugment else None),
        batch,
        shuffle=True,
        collate_fn=partial(_augmented, shift=shift, flip=flip, cutout=cutout),
    )


def _policy() -> Callable[[Tensor], Tensor]:
    from torchvision.transforms import v2

    one = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)  # of a batch it would draw one policy for all
    return lambda images: torch.stack([one(image) for image in images])


def _augmented(batch: Batch, shift: int, flip: bool, cutout: int) -> Batch:
    x, y = batch
    if flip:
        x = torch.where((torch.rand(len(x)) < 0.5)[:, None, None, None], x.flip(3), x)
    if shift:
        x = _shifted(x, shift, torch.randint(-shift, shift + 1, (2, len(x))))
    if cutout:
        x = _cut(x, cutout, [torch.randint(pixels, (len(x),)) for pixels in x.shape[2:]])
    return x, y


def _shifted(x: Tensor, most: int, by: Tensor) -> Tensor:
    """by: (2, batch), pixels up and to the left."""
    dark = x.amin((0, 2, 3), keepdim=True)  # of each channel: they may be normalised by different numbers
    moved = (
        F.pad(x - dark, (most,) * 4).unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)
    )  # (…, up, left, height, width)
    return moved[torch.arange(len(x)), :, by[0] + most, by[1] + most] + dark


def _cut(x: Tensor, side: int, centre: list[Tensor]) -> Tensor:
    """centre: row and column, (batch,) each."""
    below, right = (
        (torch.arange(pixels) >= (at - side // 2)[:, None]) & (torch.arange(pixels) < (at - side // 2 + side)[:, None])
        for pixels, at in zip(x.shape[2:], centre, strict=True)
    )
    return x.masked_fill((below[:, :, None] & right[:, None, :])[:, None], 0.0)
