r"""Time to first spike with thresholds that are always on, and windows that overlap by half.

    v = −θ,  v ← v + α + Σ_(j has spiked) W_j  in every tick;  α = R − Σ_j W_j,  θ = α E + R H + T

E: the tick in which the window of the inputs ends, H: by how much its own ends later.  A neuron spikes once v ≥ 0, or
when its window ends.  If all inputs have spiked before it does, it spikes k ticks before that, with the k of the
integers; one that is lifted earlier spikes early, so that this is another function.  Output neurons spike too, and the
first is the class; their gain and thresholds are such that the largest potentials of given samples fill the window.

A neuron must rise before its inputs come, α > 0, or it may begin above its threshold.  Where Σ_j W_j is not below R,
the neuron's gain is doubled as often as it takes, and so are the weights that its spikes reach, at the price of ticks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isospike.export.rtl.base import Circuit, Watched
from isospike.export.rtl.design import Design, Layer, signed


@dataclass(frozen=True, eq=False)
class AlwaysOn(Circuit):
    """Thresholds are always on."""

    name, module = "ttfs", "ttfs"
    stimulus = "clocks > {L} - {k}"

    @classmethod
    def spread(cls, design: Design, k: np.ndarray) -> Design:
        """The design with slopes above 0, and a gain and thresholds of its output neurons.  k: of samples, (samples,
        inputs)."""
        layers, factor = [], np.ones(design.inputs, np.int64)
        for layer in design.layers:
            weights = layer.weights * factor[:, None]
            least = weights.sum(0) + 1
            if layer is design.layers[-1]:
                largest = (k @ weights - layer.threshold).max(1)
                low, ticks = int(largest.min()), max(1, design.ticks - 1)
                gain = np.full(len(least), max(1, int(least.max()), -(-(int(largest.max()) - low) // ticks)))
                layers.append(Layer(weights, layer.threshold + low - gain, gain))
                return replace(design, layers=tuple(layers))
            factor = 1 << np.ceil(np.log2(np.maximum(least / layer.gain, 1))).astype(np.int64)
            layers.append(Layer(weights, layer.threshold, layer.gain * factor))
            k = np.clip((k @ weights - layer.threshold) // layers[-1].gain, 0, design.ticks)
        raise AssertionError("a design has a last layer")

    @property
    def half(self) -> int:
        """H."""
        return (self.design.ticks + 1) // 2

    def end(self, n: int) -> int:
        """The tick in which the window of layer n ends; of the inputs for 0."""
        return self.design.ticks + n * self.half

    @property
    def cycles(self) -> int:
        return self.end(len(self.design.layers)) + 3

    def watched(self) -> Iterator[Watched]:
        for n, layer in enumerate(self.design.layers, 1):
            for i in range(layer.neurons):
                when = f"dut.running && dut.spike{n}[{i}] && !dut.layer{n}.sent[{i}]"
                yield Watched("spike", f"layer {n}, neuron {i}: ticks", when, f"{self.end(n)} - dut.tick", -1)
                yield Watched("potential", f"layer {n}, neuron {i}: potential", "dut.first", f"dut.layer{n}.v{i}")

    def expected(self, k: np.ndarray) -> np.ndarray:
        layers = self.design.layers
        v = [np.broadcast_to(-self._theta(layer, n), (len(k), layer.neurons)) for n, layer in enumerate(layers)]
        spiked = [np.full((len(k), layer.neurons), -1) for layer in layers]
        sent = [np.zeros((len(k), layer.neurons), bool) for layer in layers]
        kept = [np.zeros_like(potential) for potential in v]
        clocks, going = np.zeros(len(k), np.int64), np.ones(len(k), bool)
        for tick in range(self.end(len(layers)) + 1):
            arrived = tick >= self.design.ticks - k
            for n, layer in enumerate(layers):
                now = sent[n] | (v[n] >= 0) | (tick >= self.end(n + 1))
                spiked[n] = np.where(now & ~sent[n] & going[:, None], self.end(n + 1) - tick, spiked[n])
                kept[n] = np.where(going[:, None], v[n], kept[n])
                v[n] = v[n] + arrived @ layer.weights + layer.gain - layer.weights.sum(0)
                sent[n], arrived = now, now
            clocks = np.where(going, tick + 3, clocks)
            going = going & ~sent[-1].any(1)
        columns = [np.stack(pair, 2).reshape(len(k), -1) for pair in zip(spiked, kept, strict=True)]
        first = (spiked[-1] >= 0).argmax(1)
        return np.concatenate([*columns, first[:, None], clocks[:, None]], 1)

    def _theta(self, layer: Layer, n: int) -> np.ndarray:
        found: np.ndarray = (
            (layer.gain - layer.weights.sum(0)) * self.end(n) + layer.gain * self.half + layer.threshold
        )
        return found

    def numbers(self, layer: Layer, at: int, i: int) -> dict[str, Any]:
        least, most, thresholds = self.reach(layer, i)
        gain, end, late = int(layer.gain[i]), self.end(at), self.end(len(self.design.layers)) + 1
        slopes = (gain - least, gain - most) if self.programmable else (gain - most - least,)
        starts = [-slope * end - gain * self.half - threshold for slope in slopes for threshold in thresholds]
        rises = [late * (slope + drive) for slope in slopes for drive in (0, least, most)]
        width = signed(*starts, *(start + rise for start in starts for rise in rises))
        return {
            "width": width,
            "steep": signed(*slopes),
            "gain": gain,
            "slope": slopes[0],
            "end": end,
            "initial": -gain * self.half if self.programmable else -int(self._theta(layer, at)[i]),
        }

    def more(self) -> dict[str, Any]:
        return {"half": self.half, "ends": [self.end(n) for n in range(len(self.design.layers) + 1)]}
