"""A set of samples that is read batch by batch: arrays in memory, or images loaded as they are needed."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from isospike.data.preprocessing import Preprocessing
from isospike.errors import InvalidData

MARGIN = 0.1  # of the width of what was seen
BATCH = 256  # samples
NUMBERS = 1 << 21  # of a batch at most: the largest layers hold twenty times as many


class Images(Protocol):
    """Anything with a length whose slices are tensors (n, *shape), uint8 or floating point."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> Tensor: ...

    def narrow(self, dim: int, start: int, length: int) -> "Images": ...

    def index_select(self, dim: int, index: Tensor) -> "Images": ...


@dataclass(frozen=True)
class Data:
    """Samples with or without labels.

    | field    | meaning                                                                                        |
    |----------|------------------------------------------------------------------------------------------------|
    | `images` | (n, *shape); uint8 images are scaled to [0, 1], floating point is used as it is                |
    | `labels` | (n,) class numbers, or None                                                                    |
    | `mean`   | subtracted after scaling, a number a channel or one for all                                    |
    | `std`    | divided by after that                                                                          |
    | `size`   | that images of a folder are resized and cropped to, if they are                                |
    | `classes` | their names, where they are known                                                             |
    """

    name: str
    images: Images
    labels: Tensor | None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: int | None = None
    classes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shape = tuple(self.take(torch.arange(1)).shape[1:]) if len(self) else ()
        labels = (
            "no labels"
            if self.labels is None
            else "targets"
            if self.labels.is_floating_point()
            else f"{len(self.labels.unique())} classes"
        )
        return f"Data({self.name!r}, {len(self):,} samples, {shape}, {labels})"

    @property
    def preprocessing(self) -> Preprocessing:
        """What a network that is converted with these samples keeps of them."""
        return Preprocessing(self.name, self.mean, self.std, self.size, self.classes)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def together(self) -> int:
        """Samples of a usual batch."""
        return together(self.images[slice(0, 1)].shape[1:])

    def __iter__(self) -> Iterator[Tensor]:
        """Batches of samples without their labels, for calibration."""
        return (x for x, _ in self.batches())

    def batches(self, size: int | None = None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Batches of (samples, labels).  size: samples of a batch, `together` unless given."""
        size = self.together if size is None else size
        for at in range(0, len(self), size):
            labels = None if self.labels is None else self.labels[at : at + size]
            yield self._prepared(self.images[slice(at, at + size)]), labels

    def take(self, at: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """The samples of these numbers.  change: what is done to them as they are stored, before they are scaled."""
        whole = self.images
        found = whole[at] if isinstance(whole, Tensor) else torch.cat([whole[slice(i, i + 1)] for i in at.tolist()])
        return self._prepared(found if change is None else change(found))

    def first(self, samples: int | None) -> "Data":
        """The first so many samples, or all."""
        if samples is None or samples >= len(self):
            return self
        return replace(
            self,
            images=self.images.narrow(0, 0, samples),
            labels=None if self.labels is None else self.labels[:samples],
        )

    def rest(self, cut: int) -> "Data":
        """All samples but the first `cut`."""
        labels = None if self.labels is None else self.labels[cut:]
        return replace(self, images=self.images.narrow(0, cut, len(self) - cut), labels=labels)

    def divided(self, held_out: int, seed: int) -> tuple["Data", "Data"]:
        """All samples but so many, and these, drawn at random: the last of a file may be easier than the others."""
        at = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        kept, out = (
            replace(
                self,
                images=self.images.index_select(0, part),
                labels=None if self.labels is None else self.labels[part],
            )
            for part in (at[held_out:].sort().values, at[:held_out].sort().values)
        )
        return kept, out

    def input_range(self) -> tuple[Tensor, Tensor]:
        """The range that inputs lie in: what a pixel can be, or else what `spanned` finds."""
        if self.images[slice(0, 1)].dtype == torch.uint8:
            ends = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, len(self.mean), 1, 1)
            low, high = self._prepared(ends)
            return low, high
        low, high = spanned(self)
        if not bool(torch.isfinite(low) & torch.isfinite(high)):
            raise InvalidData(
                f"`{self.name}` has NaN or infinite values.", "Finite numbers.", "Remove or replace them."
            )
        return low, high

    def _prepared(self, x: Tensor) -> Tensor:
        if x.dtype == torch.uint8:
            x = x.float() / 255
        if (self.mean, self.std) == ((0.0,), (1.0,)):
            return x
        if x.ndim < 3 or (len(self.mean) > 1 and x.shape[1] != len(self.mean)):
            raise InvalidData(
                f"{len(self.mean)} means do not fit samples of shape {tuple(x.shape[1:])}.",
                "One number, or one a channel.",
                "Write: --preprocess 'MEAN… STD…'.",
            )
        mean, std = (torch.tensor(v, dtype=x.dtype).reshape(-1, *(1,) * (x.ndim - 2)) for v in (self.mean, self.std))
        return (x - mean) / std


def together(shape: Sequence[int]) -> int:
    """Samples of a usual batch: fewer of large ones, so that what a network makes of them stays within a few GB.
    shape: of one."""
    return min(BATCH, max(NUMBERS // max(math.prod(shape), 1), 1))


def spanned(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """The range of measured inputs: the samples' own, widened at either end by `MARGIN` of its width for samples
    that come later.  An end at 0 is not moved, because 0 is often a physical limit.  [0, 1] is not widened, because
    scaled images fill it."""
    low, high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for x in batches:
        low, high = torch.minimum(low, x.min()), torch.maximum(high, x.max())
    margin = MARGIN * (high - low)
    if low == 0 and high == 1:
        return low, high
    return low - margin * (low != 0), high + margin * (high != 0)
