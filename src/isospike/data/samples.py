"""One data contract: wherever samples go in, a tensor, a (samples, labels) pair, a loader, or an iterable of either is taken."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from isospike.data.source import Data
from isospike.errors import InvalidData

Pair = tuple[Tensor, Tensor | None]
Samples = Tensor | tuple[Tensor, Tensor | None] | Data | Iterable[Any]
BATCH = 256  # samples at a time, when there is no other measure
SUPPORTED = "A tensor of samples, a pair (samples, labels), a DataLoader, or an iterable of either."


def pairs(data: Samples, size: int = BATCH) -> Iterator[Pair]:
    """Batches of (samples, labels or None).  Raises `InvalidData`, which says what it was handed."""
    if isinstance(data, Data):
        yield from data.batches(size)
    elif isinstance(data, Tensor) or (isinstance(data, tuple) and len(data) == 2 and _is_pair(data)):
        x, labels = _pair(data)
        yield from zip(x.split(size), [None] * len(x) if labels is None else labels.split(size), strict=False)
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        for batch in data:
            yield _pair(batch)
    else:
        raise InvalidData(f"the samples are a {type(data).__name__}.", SUPPORTED, _remedy(data))


def samples(data: Samples) -> Iterable[Tensor]:
    """Batches of samples alone, to be gone through as often as the data can be."""
    return _Samples(list(data) if isinstance(data, Iterator) else data)


class _Samples:
    def __init__(self, data: Any) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Tensor]:
        return (x for x, _ in pairs(self.data))


def _is_pair(batch: Any) -> bool:
    x, labels = batch
    return isinstance(x, Tensor) and (labels is None or isinstance(labels, Tensor))


def _pair(batch: Any) -> Pair:
    if isinstance(batch, Tensor) and batch.ndim:
        return batch, None
    if not (isinstance(batch, tuple | list) and len(batch) == 2 and _is_pair(batch)):
        held = [type(part).__name__ for part in batch] if isinstance(batch, tuple | list) else []
        what = f"a batch is a {type(batch).__name__}{f' of {len(held)}: ' + ', '.join(held[:3]) if held else ''}."
        raise InvalidData(what, SUPPORTED, _remedy(batch))
    x, labels = batch
    if labels is not None and (not labels.ndim or len(labels) != len(x)):
        count = len(labels) if labels.ndim else "one number for"
        raise InvalidData(f"there are {len(x)} samples and {count} labels.", "A label for every sample, or none.", "Pass labels of the same samples.")
    return x, labels


def _remedy(data: Any) -> str:
    module = type(data).__module__.partition(".")[0]
    if module == "numpy":
        return "Make it a tensor: torch.from_numpy(x).float()."
    if isinstance(data, torch.nn.Module):
        return "Exchange the arguments: the model comes first, then the network where there is one, then the samples."
    return "Pass the samples as float32 or float64 tensors."
