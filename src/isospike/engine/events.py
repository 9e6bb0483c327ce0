"""Event-driven synapses: each spike adds its row of weights, for layers in which few neurons fire at a time.

A convolution of stride 1, or a dense map, as additions of contiguous rows: with the weights of an input channel laid
out as its neighbourhood of outputs, one spike touches k rows of k · channels numbers each."""

from dataclasses import dataclass

from torch import Tensor

from isospike.ir.layout import blank, packed, rows
from isospike.ir.ops.base import Map, Rows
from isospike.kernels.scatter import scatter

# Rows of 64 numbers and more are added at about 14 G a second a core, a dense convolution multiplies at about 60 G.
SPARSE, ROW = 0.2, 64


@dataclass
class Events:
    """A map whose weights are added up spike by spike.  density: of the spikes last seen."""

    weights: Rows
    density: float = 0.0

    def fits(self, x: Tensor) -> bool:
        """Whether so few neurons fire that adding their rows is the faster way, and they lie as the rows do."""
        return self.density < SPARSE and x.ndim == self.weights.dims

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """The map of a batch of spikes."""
        w = self.weights
        high, wide = x.shape[2:] if x.ndim == 4 else (1, 1)
        reach = tuple(size + 2 * p - k + 1 for size, p, k in zip((high, wide), w.padding, w.kernel, strict=True))
        out = blank((len(x), w.outputs, *(reach if x.ndim == 4 else ())), x)
        size = (high, wide, w.inputs, w.outputs, *w.kernel, *w.padding, *reach)
        self.density = scatter(rows(packed(x)), w.weights, rows(out), size) / max(x.numel(), 1)
        return out if bias is None else out.add_(bias)


def events(step: Map) -> Events | None:
    """The event-driven form of a map, where there is one whose rows are long enough to pay."""
    weights = step.rows()
    return Events(weights) if weights is not None and weights.kernel[1] * weights.outputs >= ROW else None
