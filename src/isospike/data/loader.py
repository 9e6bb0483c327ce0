"""Data as a PyTorch loader for training: shuffled batches of (samples, labels), images moved and mirrored if asked."""

from collections.abc import Sequence
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

    def __init__(self, data: Data, dtype: torch.dtype) -> None:
        self.data, self.dtype = data, dtype

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, at: Sequence[int]) -> Batch:
        assert self.data.labels is not None
        part = torch.as_tensor(at)
        return self.data.take(part).to(self.dtype), self.data.labels[part]


def loader(
    data: Data, batch: int = 128, *, shift: int = 0, flip: bool = False, dtype: torch.dtype = torch.float32
) -> DataLoader[Any]:
    """Batches in an order drawn anew for every epoch from PyTorch's generator.

    shift: a batch is moved by up to so many pixels, what comes in being the darkest there is.  flip: half of the
    images are mirrored. Raises `InvalidData` without labels."""
    if batch < 1 or shift < 0:
        raise InvalidSetting(
            f"batches of {batch} samples, moved by {shift} pixels.",
            "At least one sample; 0 pixels or more.",
            "64 samples are usual.",
        )
    if (shift or flip) and data.take(torch.zeros(1, dtype=torch.int64)).ndim != 4:
        raise InvalidData(
            f"`{data.name}` holds no images, which could be moved or mirrored.",
            "Images: (channels, height, width).",
            "Leave that out.",
        )
    if data.labels is None:
        raise InvalidData(
            f"`{data.name}` has no labels.",
            "Data to train on: samples with class numbers.",
            "Add `labels` to the .npz file.",
        )
    return DataLoader(
        _Batches(data, dtype), batch, shuffle=True, collate_fn=partial(_augmented, shift=shift, flip=flip)
    )


def _augmented(batch: Batch, shift: int, flip: bool) -> Batch:
    x, y = batch
    if flip:
        x = torch.where((torch.rand(len(x)) < 0.5)[:, None, None, None], x.flip(3), x)
    if shift:
        dy, dx = torch.randint(-shift, shift + 1, (2,)).tolist()
        dark = x.amin((0, 2, 3), keepdim=True)  # of each channel: they may be normalised by different numbers
        x = F.pad(x - dark, (shift,) * 4)[:, :, shift + dy :, shift + dx :][:, :, : x.shape[2], : x.shape[3]] + dark
    return x, y
