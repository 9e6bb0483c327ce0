"""One data contract: wherever samples go in, a tensor, a (samples, labels) pair, a loader, or an iterable of either is
taken."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from isospike.data.source import Data, together
from isospike.errors import InvalidData

Pair = tuple[Tensor, Tensor | None]
Samples = Tensor | tuple[Tensor, Tensor | None] | Data | Iterable[Any]
SUPPORTED = "A tensor of samples, a pair (samples, labels), a DataLoader, or an iterable of either."


def pairs(data: Samples, size: int | None = None) -> Iterator[Pair]:
    """Batches of (samples, labels or None).  size: of a batch of what comes in none, `together` unless given.  Raises
    `InvalidData`, which says what it was handed."""
    if isinstance(data, Data):
        yield from map(_pair, data.batches(size))
    elif isinstance(data, Tensor) or (isinstance(data, tuple) and len(data) == 2 and _is_pair(data)):
        x, labels = _pair(data)
        size = together(x.shape[1:]) if size is None else size
        yield from zip(x.split(size), [None] * len(x) if labels is None else labels.split(size), strict=False)
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        if (
            isinstance(data, list)
            and len(data) == 2
            and _is_pair(data)
            and data[0].is_floating_point()
            and not data[1].is_floating_point()
        ):
            what = f"a list is batches of samples; the second of these two is {data[1].dtype} {tuple(data[1].shape)}."
            raise InvalidData(what, SUPPORTED, "Samples and their labels are a tuple: (samples, labels).")
        for batch in data:
            yield _pair(batch)
    else:
        raise InvalidData(f"the samples are a {type(data).__name__}.", SUPPORTED, advice(data))


def samples(data: Samples) -> Iterable[Tensor]:
    """Batches of samples alone, to be gone through as often as the data can be."""
    return _Samples(list(data) if isinstance(data, Iterator) else data)


def fitting(x: object, shape: Sequence[int]) -> None:
    """Raise `InvalidData` unless this is a batch that a network of samples of this shape takes; its numbers are not
    looked at."""
    if not isinstance(x, Tensor):
        remedy = advice(x, "Pass the samples alone; measure goes through loaders.")
        raise InvalidData(f"the input is a {type(x).__name__}.", "A tensor (batch, *shape).", remedy)
    _held(x)
    if x.dtype not in (torch.float32, torch.float64):
        what = f"the input is {x.dtype}."
        raise InvalidData(
            what,
            "float32 or float64, in the units that the model was trained with.",
            "Convert it: x.float() / 255 for images.",
        )
    if tuple(x.shape[1:]) != tuple(shape) or not x.ndim:
        what = f"inputs of shape {tuple(x.shape[1:])} do not fit the network."
        raise InvalidData(
            what, f"Batches of samples of shape {tuple(shape)}.", "Reshape them, or convert the model for this shape."
        )


class _Samples:
    def __init__(self, data: Any) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Tensor]:
        return (x for x, _ in pairs(self.data))


def _is_pair(batch: Any) -> bool:
    x, labels = batch
    return isinstance(x, Tensor) and (labels is None or isinstance(labels, Tensor))


def _pair(batch: Any) -> Pair:
    if isinstance(batch, tuple | list) and len(batch) == 1 and isinstance(batch[0], Tensor):
        return _pair(batch[0])  # as TensorDataset(samples) has it
    if isinstance(batch, Tensor) and batch.ndim:
        return _held(batch), None
    if not (isinstance(batch, tuple | list) and len(batch) == 2 and _is_pair(batch)):
        held = (
            list(batch)
            if isinstance(batch, dict)
            else [type(part).__name__ for part in batch]
            if isinstance(batch, tuple | list)
            else []
        )
        what = f"a batch is a {type(batch).__name__}{f' of {len(held)}: ' + ', '.join(held[:3]) if held else ''}."
        raise InvalidData(what, SUPPORTED, advice(batch))
    x, labels = batch
    _held(x)
    if labels is not None and (labels.is_complex() or (labels.is_floating_point() and labels.shape == x.shape)):
        what = f"the labels are {labels.dtype} {tuple(labels.shape)}, the samples {x.dtype} {tuple(x.shape)}."
        raise InvalidData(
            what,
            "A class number for every sample.",
            "Two batches of samples are a list, [a, b]; scores of classes name one by argmax(1).",
        )
    if labels is not None and (not labels.ndim or len(labels) != len(x)):
        count = len(labels) if labels.ndim else "one number for"
        remedy = (
            "Pass labels of the same samples."
            if labels.ndim
            else "Put samples together: DataLoader(dataset, batch_size=64)."
        )
        raise InvalidData(
            f"there are {len(x)} samples and {count} labels.", "A label for every sample, or none.", remedy
        )
    return x, labels


def _held(x: Tensor) -> Tensor:
    """The samples, if they are numbers one beside the other."""
    if x.layout != torch.strided or x.is_meta or x.is_nested:
        kind = "meta" if x.is_meta else "nested" if x.is_nested else str(x.layout)
        raise InvalidData(
            f"the samples are a {kind} tensor.",
            "Dense tensors whose numbers are in memory.",
            "Make them dense: x.to_dense().",
        )
    return x


def advice(data: object, otherwise: str = "Pass the samples as float32 or float64 tensors.") -> str:
    """What to do with an object that was handed over as samples and holds none."""
    module = type(data).__module__.partition(".")[0]
    if module == "numpy":
        return "Make it a tensor: torch.from_numpy(x).float()."
    if isinstance(data, torch.nn.Module):
        return "Exchange the arguments: the model comes first, then the network where there is one, then the samples."
    if isinstance(data, dict):
        parts = ", ".join(f"batch[{key!r}]" for key in list(data)[:2])
        return f"Pass its parts: ({parts}), such as [({parts}) for batch in loader]."
    if isinstance(data, Dataset):
        return "Put its samples together: DataLoader(dataset, batch_size=64)."
    return otherwise
