"""Event-driven synapses: each output adds the rows of weights of the spikes that it sees, where few neurons fire.

A convolution or a dense map, as sums of contiguous rows that stay in registers: neighbouring places of the output are
summed up together, so that a row is as long as a block of registers (kernels/registers.py)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.ir.layout import blank, packed, rows
from isospike.ir.ops.base import Map, Rows
from isospike.kernels.gather import gather
from isospike.kernels.registers import BLOCK

# A dense convolution multiplies at about 60 G a second a core; rows are added at about as many, but for the zeros.
SPARSE, ROW = 0.4, 16


@dataclass
class Events:
    """A map whose weights are added up spike by spike.  density: of the spikes last seen."""

    rows: Rows
    density: float = 0.0
    plan: Any = None

    def fits(self, x: Tensor) -> bool:
        """Whether so few neurons fire that adding their rows is the faster way, and they lie as the rows do."""
        return self.density < SPARSE and x.ndim == self.rows.weights.ndim

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """The map of a batch of spikes."""
        w = self.rows
        image = x.ndim == 4
        high, wide = x.shape[2:] if image else (1, 1)
        outputs, inputs, *kernel = w.weights.shape
        kernel = tuple(kernel) if image else (1, 1)
        reach = tuple((size + 2 * p - k) // s + 1 for size, k, s, p in zip((high, wide), kernel, w.stride, w.padding))
        out = blank((len(x), outputs, *(reach if image else ())), x)
        if self.plan is None:
            self.plan = blocks(w, reach[1], x), rows(torch.zeros_like(out[:1]) + (0 if bias is None else bias))
        (weights, taps, width, together), current = self.plan
        size = (high, wide, inputs, outputs, *reach, kernel[0], taps, width, together, *w.stride, *w.padding)
        self.density = gather(rows(packed(x)), weights, current, rows(out), size) / max(x.numel(), 1)
        return out


def blocks(w: Rows, wide: int, x: Tensor) -> tuple[np.ndarray, int, int, int]:
    """Weights of as many neighbouring places as fill a block: (kernel height, taps, inputs, width), flat; taps; width;
    places."""
    weights = w.weights if w.weights.ndim == 4 else w.weights[:, :, None, None]
    outputs, inputs, high, kernel = weights.shape
    block = BLOCK // x.element_size()
    together = max(1, min(block // outputs, wide))
    taps, width = kernel + (together - 1) * w.stride[1], -(-together * outputs // block) * block
    out = x.new_zeros(high, taps, inputs, width)
    for place in range(together):
        first = place * w.stride[1]
        out[:, first : first + kernel, :, place * outputs : (place + 1) * outputs] = weights.permute(2, 3, 1, 0)
    return out.numpy().reshape(-1), taps, width, together


def events(step: Map) -> Events | None:
    """The event-driven form of a map, where there is one whose rows are long enough to pay."""
    found = step.rows()
    return Events(found) if found is not None and len(found.weights) >= ROW else None
