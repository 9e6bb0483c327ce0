"""From a trained network to a spiking one: import, canonical form, ranges, coding."""

from collections.abc import Iterable

import torch
from torch import Tensor

from isospike.codings import TTFS, Coding
from isospike.errors import InvalidData
from isospike.importers import Model, read
from isospike.network import SpikingNetwork
from isospike.passes import canonical


def convert(
    model: Model,
    calibration: Tensor | Iterable[Tensor],
    coding: Coding | None = None,
    input_range: tuple[Tensor | float, Tensor | float] | None = None,
    dtype: torch.dtype | None = None,
) -> SpikingNetwork:
    """The spiking network that computes what `model` computes.

    calibration: (samples, *input shape), or an iterable of such batches, read once or twice; it gives the input's shape and dtype, the
    layers' windows, and the input range where none is declared.  input_range: (low, high), numbers or broadcastable to a sample.
    coding: `TTFS()` unless another is given.  dtype: precision of the network, the calibration's unless given.  Raises `UnsupportedOperation`, `InvalidModel`, `InvalidData`.
    """
    batches = [calibration] if isinstance(calibration, Tensor) else calibration
    first = _first(batches)
    low, high = input_range if input_range is not None else _data_range(batches)
    graph = canonical(read(model, first).with_range(*(torch.as_tensor(end, dtype=torch.float64) for end in (low, high))))
    coding = coding or TTFS()
    ranges = coding.ranges(graph.to(first.dtype), _checked(batches, graph.input.shape))
    return coding.network(graph, ranges).to(dtype or first.dtype)


def _first(batches: Iterable[Tensor]) -> Tensor:
    first = next(iter(batches), None)
    if first is None or not len(first):
        raise InvalidData("there is no calibration sample.", "At least one; a few hundred of the training set are usual.")
    if not first.is_floating_point():
        raise InvalidData(
            f"the calibration samples are {first.dtype}.",
            "Floating point, in the units that the model was trained with.",
            "Convert them: x.float() / 255 for images.",
        )
    return first


def _data_range(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    low, high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for batch in batches:
        low, high = torch.minimum(low, batch.min()), torch.maximum(high, batch.max())
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        raise InvalidData("the calibration samples have NaN or infinite values.", remedy="Remove or replace them.")
    return low, high


def _checked(batches: Iterable[Tensor], shape: tuple[int, ...]) -> Iterable[Tensor]:
    for batch in batches:
        if tuple(batch.shape[1:]) != tuple(shape):
            raise InvalidData(f"calibration samples of shape {tuple(batch.shape[1:])} do not fit the model.", f"Its input has shape {tuple(shape)}.")
        if not bool(torch.isfinite(batch).all()):
            raise InvalidData("the calibration samples have NaN or infinite values.", remedy="Remove or replace them.")
        yield batch
