"""From a trained network to a spiking one: import, canonical form, ranges, coding."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from isospike.codings import METHODS, TTFS, Coding
from isospike.data import Data, Samples, samples
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData, InvalidModel, InvalidSetting
from isospike.importers import Model, read
from isospike.network import Body
from isospike.passes import canonical
from isospike.ranges import certify


def convert(
    model: Model,
    calibration: Samples,
    coding: Coding | None = None,
    input_range: tuple[Tensor | float, Tensor | float] | None = None,
    dtype: torch.dtype | None = None,
) -> SpikingNetwork:
    """The spiking network that computes what `model` computes.

    calibration: samples (n, *input shape), or a loader of them, read once or twice; it gives the input's shape and dtype, the layers'
    windows, and the input range where none is declared: a pixel's of `Data`, else the samples' own.  input_range: (low, high), numbers or
    broadcastable to a sample.  coding: `TTFS()` unless another is given.  dtype: precision of the network, the calibration's unless given.
    Raises `UnsupportedOperation`, `InvalidModel`, `InvalidData`, `InvalidSetting`.
    """
    if coding is not None and not isinstance(coding, Coding):
        what = f"a coding is an object, not {coding!r}."
        raise InvalidSetting(what, "TTFS(…), Rate(…), or a method by its name: METHODS['rate'].", f"Known methods: {', '.join(METHODS)}.")
    if isinstance(model, SpikingNetwork):
        raise InvalidModel("the model is a SpikingNetwork already.", "The network that it is to compute.", "Pass the original model.")
    if dtype not in (None, torch.float32, torch.float64):
        raise InvalidSetting(f"dtype={dtype}.", "torch.float32, torch.float64.", "Choose one of these, or leave it out for the samples' own.")
    batches = samples(calibration)
    first = _first(batches)
    known = calibration if isinstance(calibration, Data) else None
    low, high = input_range if input_range is not None else known.input_range() if known is not None else _data_range(batches)
    within = _declared(low, high, tuple(first.shape[1:]))
    graph = read(model, first, within)
    coding = coding or TTFS()
    graph = canonical(graph.with_range(*within), coding.signed)
    _check(batches, graph.input.shape)
    ranges = coding.ranges(graph, batches)
    certified = certify(graph)
    network = coding.network(graph, replace(ranges, bounds={name: certified.layer(name) for name in certified.high}))
    network = coding.corrected(network, graph, batches)
    body = replace(network.body, seen=_seen(network, batches), preprocessing=None if known is None else known.preprocessing)
    return _cast(body, dtype or first.dtype)


def _cast(body: Body, dtype: torch.dtype) -> SpikingNetwork:
    """The network in a precision.  Raises `InvalidModel` where numbers are too large or too small for it."""
    for path, exact in body.tensors().items():
        cast = exact.to(dtype) if exact.is_floating_point() else exact
        if bool((torch.isinf(cast) & torch.isfinite(exact)).any()) or (bool(exact.any()) and not bool(cast.any())):
            what = f"`{path}` has numbers up to {float(exact.abs().max()):.3g}, which {str(dtype).removeprefix('torch.')} cannot hold."
            raise InvalidModel(what, "Weights between 1e-37 and 1e38, or double precision.", "Convert with dtype=torch.float64, or rescale the model.")
    return SpikingNetwork(body).to(dtype)


def _seen(network: SpikingNetwork, batches: Iterable[Tensor]) -> tuple[float, float]:
    """Mean and standard deviation of all samples, which the encoder takes: it refuses what lies outside its range, unless it is to clip."""
    count, total, squares = 0, 0.0, 0.0
    for batch in batches:
        network.body.encoder.encode(batch)
        count, total, squares = count + batch.numel(), total + float(batch.double().sum()), squares + float(batch.double().square().sum())
    return total / count, max(squares / count - (total / count) ** 2, 0.0) ** 0.5


def _first(batches: Iterable[Tensor]) -> Tensor:
    first = next(iter(batches), None)
    if first is None or not first.ndim or not len(first):
        raise InvalidData(
            "there is no calibration sample.", "At least one; a few hundred of the training set are usual.", "Pass some images of the training set."
        )
    if first.dtype not in (torch.float32, torch.float64):
        raise InvalidData(
            f"the calibration samples are {first.dtype}.",
            "float32 or float64, in the units that the model was trained with.",
            "Convert them: x.float() / 255 for images."
            if first.dtype == torch.uint8
            else "Measurements: x.float().  Indices, of an embedding: convert what comes after it, on embedded samples.",
        )
    return first


def _declared(low: Tensor | float, high: Tensor | float, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    ends = tuple(torch.as_tensor(end, dtype=torch.float64) for end in (low, high))
    try:
        low, high = (end.expand(shape) for end in ends)
    except RuntimeError as error:
        what = f"an input range of shapes {tuple(ends[0].shape)} and {tuple(ends[1].shape)} does not fit samples of shape {shape}."
        raise InvalidSetting(what, "Two numbers, or tensors broadcastable to a sample.", "For a channel each: shape (channels, 1, 1).") from error
    if not bool((torch.isfinite(low) & torch.isfinite(high) & (low <= high)).all()):
        raise InvalidSetting(
            f"the input range runs from {float(low.min()):.4g} to {float(high.max()):.4g}, or from high to low somewhere.",
            "Finite numbers, low ≤ high.",
            "Declare it in the units that the model was trained with: input_range=(low, high), --range LOW HIGH.",
        )
    return ends[0], ends[1]


def _data_range(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    low, high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for batch in batches:
        low, high = torch.minimum(low, batch.min()), torch.maximum(high, batch.max())
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        raise InvalidData("the calibration samples have NaN or infinite values.", "Finite numbers.", "Remove or replace them.")
    return low, high


def _check(batches: Iterable[Tensor], shape: tuple[int, ...]) -> None:
    for batch in batches:
        if tuple(batch.shape[1:]) != tuple(shape):
            raise InvalidData(
                f"calibration samples of shape {tuple(batch.shape[1:])} do not fit the model.", f"Samples of shape {tuple(shape)}.", "Bring them to one shape."
            )
        if not bool(torch.isfinite(batch).all()):
            raise InvalidData("the calibration samples have NaN or infinite values.", "Finite numbers.", "Remove or replace them.")
