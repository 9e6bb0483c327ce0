"""Synchronous time to first spike: a layer's window begins when the one before it has ended.

    v = −T − R L,  v ← v + Σ_(j has spiked) W_j  in the window of the inputs,  v ← v + R  in its own; spikes once v ≥ 0

With pulses a slope adds up the weights, and the potential adds up the slope, which comes to the same.  It is the
function of the integers, bit for bit."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from isospike.export.rtl.base import Circuit, Watched
from isospike.export.rtl.design import Layer, signed


class Levels(Circuit):
    """An input stays high once it has spiked."""

    name, module = "sttfs", "sttfs"
    stimulus = "clocks > {L} - {k} & clocks <= {L}"
    pulse = False

    @property
    def cycles(self) -> int:
        return len(self.design.layers) * self.design.ticks + 2

    def watched(self) -> Iterator[Watched]:
        ticks = self.design.ticks
        for n, layer in enumerate(self.design.hidden, 1):
            for i in range(layer.neurons):
                taken = f"{ticks} - dut.tick" if self.pulse else "{c} + 1"
                yield Watched("spike", f"layer {n}, neuron {i}: ticks", f"dut.spike{n}[{i}]", taken)
                when = f"dut.window[{n}] && dut.tick == 0"
                yield Watched("potential", f"layer {n}, neuron {i}: potential", when, f"dut.layer{n}.v{i}")
        last = len(self.design.layers)
        for i in range(self.design.classes):
            yield Watched("potential", f"output {i}: potential", "dut.ended", f"dut.layer{last}.v{i}")

    def ahead(self, layer: Layer) -> np.ndarray:
        return layer.gain * self.design.ticks

    def numbers(self, layer: Layer, at: int, i: int) -> dict[str, Any]:
        least, most, thresholds = self.reach(layer, i)
        ticks, added = self.design.ticks, int(layer.gain[i]) * self.design.ticks
        starts = [-threshold - added for threshold in thresholds]
        width = signed(*(at + end for at in starts for end in (0, ticks * least, ticks * most + added)))
        return {
            "width": width,
            "gain": int(layer.gain[i]),
            "initial": -added - (0 if self.programmable else int(layer.threshold[i])),
        }

    def more(self) -> dict[str, Any]:
        return {"pulse": self.pulse}


class Pulses(Levels):
    """An input is high for one tick."""

    name = "sttfs-pulse"
    stimulus = "clocks == {L} + 1 - {k} & clocks <= {L}"
    pulse = True
