"""Data-based normalisation: the range is a percentile of the activations, of a layer or of each of its channels.

Sources: Diehl 2015 (the largest activation of a layer: 100), Rueckauer 2017 (99.9 of a layer), Kim 2020 (the largest
of each channel). Activations of zero count.  A channel that never fires has the range of its layer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from isospike.codings.normalise.base import Made, Normalise
from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Population
from isospike.ranges import Ranges

BINS = 8192  # of the histogram in which a percentile is looked up


@dataclass(frozen=True)
class Percentile(Normalise):
    """`percent`: in (0, 100].  `per`: "channel" or "layer"."""

    percent: float = 99.9
    per: Literal["channel", "layer"] = "channel"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.percent <= 100:
            raise InvalidSetting(f"Percentile({self.percent}).", "Above 0, at most 100.", "99.9 is usual.")

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        largest: dict[str, Tensor] = {}
        histograms: dict[str, Tensor] = {}

        def widen(name: str, values: Tensor) -> None:
            found = values.amax(1)
            largest[name] = torch.maximum(largest[name], found) if name in largest else found

        def count(name: str, values: Tensor) -> None:
            channels = len(values)
            place = (values / largest[name].clamp_min(1e-300)[:, None] * BINS).ceil().long().clamp(0, BINS)
            flat = (place + torch.arange(channels)[:, None] * (BINS + 1)).flatten()
            found = torch.bincount(flat, minlength=channels * (BINS + 1)).reshape(channels, -1)
            histograms[name] = histograms[name] + found if name in histograms else found

        samples = self._observe(graph, calibration, widen)
        if not samples:
            raise InvalidData(
                "there is no calibration sample.",
                "At least one; a few hundred of the training set are usual.",
                "Pass some images.",
            )
        if self.percent < 100:
            self._observe(graph, calibration, count)
            for name, histogram in histograms.items():
                below = histogram.cumsum(1)
                # The first bin that reaches the percentile
                place = (below < below[:, -1:] * self.percent / 100).sum(1)
                largest[name] = largest[name] * place / BINS
        high = {}
        for name, found in largest.items():
            whole = found.max() if float(found.max()) > 0 else found.new_ones(())
            high[name] = torch.where(found > 0, found, whole).reshape(
                (-1, *(1,) * (len(graph[name].shape) - 1)) if graph[name].shape else ()
            )
        return Ranges(high, samples)

    def _observe(self, graph: Graph, calibration: Iterable[Tensor], see: Callable[[str, Tensor], None]) -> int:
        """Show every population's activations, sizes (channels, values); returns the number of samples."""
        names = {node.name for node in graph if isinstance(node.op, Population)}

        def observe(name: str, value: Tensor) -> None:
            if name in names:
                see(
                    name,
                    value.reshape(len(value), *(value.shape[1:2] or (1,)), -1)
                    .transpose(0, 1)
                    .flatten(1)
                    .abs()
                    .double()
                    if self.per == "channel"
                    else value.flatten()[None].abs().double(),
                )

        samples = 0
        with torch.no_grad():
            for batch in calibration:
                samples += len(batch)
                if len(batch):
                    graph.to(batch.dtype)(batch, observe)
        return samples
