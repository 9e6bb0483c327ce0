"""From a trained network to a spiking one, told once: import, canonical form, ranges, coding."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import torch
from torch import Tensor

from isospike.codings import METHODS, TTFS, Coding
from isospike.data import Data, Samples, samples
from isospike.data.source import spanned
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData, InvalidModel, InvalidSetting, OutOfRange
from isospike.importers import Model, original, read
from isospike.importers.verify import Original, Within
from isospike.ir.graph import Graph
from isospike.ir.numbers import largest
from isospike.network import Body
from isospike.passes import canonical
from isospike.ranges import Ranges, certify

Ends = tuple[Tensor | float, Tensor | float]
MOST = 4 << 30  # bytes of calibration samples, which are kept in memory


def convert(
    model: Model,
    calibration: Samples,
    coding: Coding | None = None,
    input_range: Ends | None = None,
    dtype: torch.dtype | None = None,
) -> SpikingNetwork:
    """The spiking network that computes what `model` computes.

    calibration: samples (n, *input shape), or a loader of them, read once; it gives the input's shape and dtype, the
    layers' windows, and the input range where none is declared: a pixel's of `Data`, else the samples' own and a
    margin.  input_range: (low, high), numbers or broadcastable to a sample.  coding: `TTFS()` unless another is
    given.  dtype: precision of the network, the calibration's unless given. Raises `UnsupportedOperation`,
    `InvalidModel`, `InvalidData`, `InvalidSetting`."""
    return Conversion(model, calibration, input_range).network(coding, dtype)


class Conversion:
    """A model on its way to spikes: read, declared and calibrated once, for networks of as many codings as are asked
    for.

    The arguments are those of `convert`.  reading: what reads the model, `read` or one that is called like it.

    | attribute | meaning                                                            |
    |-----------|--------------------------------------------------------------------|
    | `model`   | the original                                                       |
    | `graph`   | as it was imported                                                 |
    | `batches` | the calibration samples                                            |
    | `within`  | the ends of the input range                                        |
    | `seen`    | mean and standard deviation of the calibration samples             |
    | `exact`   | the canonical graph, by whether a coding carries negative activations |
    | `original` | the model as a function of a batch, by precision, without the soft-max that the import took off |
    """

    def __init__(
        self,
        model: Model,
        calibration: Samples,
        input_range: Ends | None = None,
        reading: Callable[[Model, Tensor, Within], Graph] = read,
    ) -> None:
        if isinstance(model, SpikingNetwork):
            raise InvalidModel(
                "the model is a SpikingNetwork already.",
                "The network that it is to compute.",
                "Pass the original model.",
            )
        self.model, self.batches = model, _kept(calibration)
        first = self.batches[0]
        known = calibration if isinstance(calibration, Data) else None
        low, high = (
            input_range
            if input_range is not None
            else known.input_range()
            if known is not None
            else spanned(self.batches)
        )
        self.within = _declared(low, high, tuple(first.shape[1:]))
        self.preprocessing = None if known is None else known.preprocessing
        self.graph = reading(model, first, self.within)
        if tuple(first.shape[1:]) != self.graph.input.shape:
            what = f"calibration samples of shape {tuple(first.shape[1:])} do not fit the model."
            raise InvalidData(what, f"Samples of shape {self.graph.input.shape}.", "Bring them to one shape.")
        self.seen = _spread(self.batches)
        # Of functions and not of methods: a conversion that holds itself keeps its weights until garbage is collected
        self.exact = cache(partial(_exact, self.graph, self.within))
        self.original: Callable[[torch.dtype], Original] = cache(partial(original, model, self.graph, first))
        self._certified = cache(partial(_bounds, self.exact))

    def ranges(self, coding: Coding) -> Ranges:
        """What a coding measures of the layers on the calibration samples."""
        return coding.ranges(self.exact(coding.signed), self.batches)

    def network(
        self, coding: Coding | None = None, dtype: torch.dtype | None = None, ranges: Ranges | None = None
    ) -> SpikingNetwork:
        """The spiking network in a coding.  ranges: those of a coding that measures the same, so that they are not
        measured again."""
        if coding is not None and not isinstance(coding, Coding):
            what = f"a coding is an object, not {coding!r}."
            raise InvalidSetting(
                what,
                "TTFS(…), Rate(…), or a method by its name: METHODS['rate'].",
                f"Known methods: {', '.join(METHODS)}.",
            )
        if dtype not in (None, torch.float32, torch.float64):
            raise InvalidSetting(
                f"dtype={dtype}.",
                "torch.float32, torch.float64.",
                "Choose one of these, or leave it out for the samples' own.",
            )
        coding = coding or TTFS()
        graph, bounds = self.exact(coding.signed), self._certified(coding.signed)
        body = coding.body(graph, replace(ranges or self.ranges(coding), bounds=bounds))
        body = coding.corrected(body, graph, self.batches)
        for batch in self.batches:
            try:
                body.encoder.refuse(batch)  # they would contradict the range that was declared for them
            except OutOfRange as error:
                remedy = "Declare a wider range (input_range, --range LOW HIGH), or clip them: x.clamp(low, high)."
                raise OutOfRange(f"calibration samples: {error.what}", error.supported, remedy) from error
        body = replace(body, seen=self.seen, preprocessing=self.preprocessing)
        dtype = dtype or self.batches[0].dtype
        _fitting(body, dtype)
        return SpikingNetwork(body, dtype)


def _exact(graph: Graph, within: Within, signed: bool = False) -> Graph:
    return canonical(graph.with_range(*within), signed)


def _bounds(exact: Callable[[bool], Graph], signed: bool) -> dict[str, float]:
    """The layers' certified largest activations, to be looked at: in single precision, if that holds them."""
    try:
        certified = certify(exact(signed), torch.float32)
    except InvalidData:
        certified = certify(exact(signed))
    return {name: certified.layer(name) for name in certified.high}


def _fitting(body: Body, dtype: torch.dtype) -> None:
    """Raise `InvalidModel` where numbers are too large or too small for a precision."""
    for path, exact in body.tensors().items():
        most = largest(exact) if exact.is_floating_point() else exact.new_zeros(())
        if bool(most) and not 0 < float(most.to(dtype)) < math.inf:
            what = (
                f"`{path}` has numbers up to {float(most):.3g}, which {str(dtype).removeprefix('torch.')} cannot hold."
            )
            raise InvalidModel(
                what,
                "Weights between 1e-37 and 1e38, or double precision.",
                "Convert with dtype=torch.float64, or rescale the model.",
            )


def _kept(calibration: Samples) -> list[Tensor]:
    """All calibration samples, in their batches.  Raises `InvalidData` for what is no such sample."""
    kept: list[Tensor] = []
    held = 0
    for batch in samples(calibration):
        if not batch.ndim or not len(batch):
            continue
        _check(batch, kept[0] if kept else batch)
        held += batch.numel() * batch.element_size()
        if held > MOST:
            what = f"there are more than {MOST >> 30} GB of calibration samples."
            raise InvalidData(
                what,
                "A few hundred to a few thousand; they are kept in memory.",
                "Pass the first ones: data.first(1000).",
            )
        kept.append(batch)
    if not kept:
        supported = "At least one; a few hundred of the training set are usual."
        raise InvalidData("there is no calibration sample.", supported, "Pass some images of the training set.")
    return kept


def _check(batch: Tensor, first: Tensor) -> None:
    if batch.dtype not in (torch.float32, torch.float64):
        raise InvalidData(
            f"the calibration samples are {batch.dtype}.",
            "float32 or float64, in the units that the model was trained with.",
            "Convert them: x.float() / 255 for images."
            if batch.dtype == torch.uint8
            else (
                "Measurements: x.float().  Indices, of an embedding: convert what comes after it, on embedded samples."
            ),
        )
    if batch.shape[1:] != first.shape[1:]:
        what = (
            f"calibration samples of shape {tuple(batch.shape[1:])} do not fit those before, of "
            f"{tuple(first.shape[1:])}."
        )
        raise InvalidData(what, "Samples of one shape.", "Bring them to one shape.")
    if not bool(torch.isfinite(batch).all()):
        raise InvalidData(
            "the calibration samples have NaN or infinite values.", "Finite numbers.", "Remove or replace them."
        )


def _spread(batches: Iterable[Tensor]) -> tuple[float, float]:
    """Mean and standard deviation."""
    count, total, squares = 0, 0.0, 0.0
    for batch in batches:
        count, total, squares = (
            count + batch.numel(),
            total + float(batch.double().sum()),
            squares + float(batch.double().square().sum()),
        )
    return total / count, max(squares / count - (total / count) ** 2, 0.0) ** 0.5


def _declared(low: Tensor | float, high: Tensor | float, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    ends = tuple(torch.as_tensor(end, dtype=torch.float64) for end in (low, high))
    try:
        low, high = (end.expand(shape) for end in ends)
    except RuntimeError as error:
        what = (
            f"an input range of shapes {tuple(ends[0].shape)} and {tuple(ends[1].shape)} does not fit samples of "
            f"shape {shape}."
        )
        raise InvalidSetting(
            what, "Two numbers, or tensors broadcastable to a sample.", "For a channel each: shape (channels, 1, 1)."
        ) from error
    if not bool((torch.isfinite(low) & torch.isfinite(high) & (low <= high)).all()):
        raise InvalidSetting(
            f"the input range runs from {float(low.min()):.4g} to {float(high.max()):.4g}, or from high to low "
            "somewhere.",
            "Finite numbers, low ≤ high.",
            "Declare it in the units that the model was trained with: input_range=(low, high), --range LOW HIGH.",
        )
    return ends[0], ends[1]
