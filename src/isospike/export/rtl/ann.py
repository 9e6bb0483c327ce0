"""The same function with multipliers, all neurons at once.

    k = clip((Σ_j W_j k_j − T) ≫ f, 0, L)

Gains R = 2^f only: others would take a division."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from isospike.errors import InvalidSetting
from isospike.export.rtl.base import Circuit, Watched
from isospike.export.rtl.design import Layer, signed


@dataclass(frozen=True, eq=False)
class Pipelined(Circuit):
    """A register behind each layer: a result with every clock."""

    name, module, stimulus = "ann", "ann", ""
    pipelined = streams = True

    def __post_init__(self) -> None:
        for n, layer in enumerate(self.design.hidden, 1):
            if (wrong := layer.gain[(layer.gain & (layer.gain - 1)) != 0]).size:
                raise InvalidSetting(
                    f"layer {n} has a gain of {wrong[0]}, which would take a division.",
                    "Gains that are powers of two.",
                    "Make them so: Integers.of(network, powers_of_two=True).",
                )

    @property
    def cycles(self) -> int:
        return len(self.design.layers) + 2 if self.pipelined else 2

    def watched(self) -> Iterator[Watched]:
        for n, layer in enumerate(self.design.layers, 1):
            when = f"dut.way[{n - 1 if self.pipelined else 0}]"
            for i in range(layer.neurons):
                if n < len(self.design.layers):
                    yield Watched("spike", f"layer {n}, neuron {i}: ticks", when, f"dut.layer{n}.out{i}")
                yield Watched("potential", f"layer {n}, neuron {i}: potential", when, f"dut.layer{n}.v{i}")

    def numbers(self, layer: Layer, at: int, i: int) -> dict[str, Any]:
        least, most, thresholds = self.reach(layer, i)
        ticks = self.design.ticks
        width = signed(
            ticks, *(end - threshold for threshold in thresholds for end in (0, ticks * least, ticks * most))
        )
        return {
            "width": width,
            "shift": max(0, int(layer.gain[i]).bit_length() - 1),
            "initial": 0 if self.programmable else -int(layer.threshold[i]),
        }

    def more(self) -> dict[str, Any]:
        return {"pipelined": self.pipelined}


class Single(Pipelined):
    """No register between input and class."""

    name = "ann-single"
    pipelined = streams = False
