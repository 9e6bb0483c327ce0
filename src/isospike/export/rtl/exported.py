"""A spiking network as a circuit in Verilog that is proven, spike by spike."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.export.base import Exported
from isospike.export.integers import Integers
from isospike.export.rtl.base import Circuit
from isospike.export.rtl.bench import proved, written
from isospike.export.rtl.design import Design
from isospike.export.rtl.table import STYLES
from isospike.export.rtl.ttfs import AlwaysOn
from isospike.export.rtl.vectors import vectors
from isospike.simulate import Simulator


@dataclass(frozen=True, repr=False)
class RTL(Exported):
    """A network's whole numbers, and the circuit that is made of them."""

    network: SpikingNetwork
    integers: Integers
    circuit: Circuit

    @classmethod
    def of(
        cls,
        network: SpikingNetwork,
        style: str = "sttfs",
        programmable: bool = False,
        samples: Tensor | None = None,
        powers_of_two: bool = False,
    ) -> "RTL":
        """A circuit of a network that was tuned with `WeightBits` and `TimeSteps`.

        style: one of `STYLES`.  programmable: weights and thresholds are written into it.  samples: (n, *input shape),
        whose outputs `ttfs` spreads over their window.  powers_of_two: gains are such, as `ann` needs.  Raises
        `InvalidSetting`."""
        if style not in STYLES:
            raise InvalidSetting(f"style `{style}` is not known.", f"{', '.join(STYLES)}.", "Choose one: style=….")
        integers = Integers.of(network, powers_of_two)
        design = Design.of(integers)
        if issubclass(STYLES[style], AlwaysOn):
            if samples is None:
                raise InvalidSetting(
                    "output neurons of `ttfs` spike, and nothing says how far their potentials reach.",
                    "Samples to measure it with, such as those that it was tuned on.",
                    "Pass samples=….",
                )
            design = AlwaysOn.spread(design, _ticks(integers, samples))
        return cls(integers.network, integers, STYLES[style](design, programmable))

    def ticks(self, x: Tensor) -> np.ndarray:
        """Ticks by which the inputs spike before their window's end, (batch, inputs)."""
        return _ticks(self.integers, x)

    def write(self, place: str | Path, x: Tensor, language: str = "verilog", **about: Any) -> None:
        """Write the circuit into a folder, with a bench that tries it on samples, random and directed vectors.

        x: (batch, *input shape).  language: verilog or vhdl.  about: what design.json should tell besides.  Raises
        `InvalidFile`, `InvalidSetting`."""
        written(self.circuit, vectors(self.circuit.design, self.ticks(x)), Path(place), language, **about)

    def classes(self, x: Tensor) -> np.ndarray:
        """What the circuit answers, (batch,)."""
        found: np.ndarray = self.circuit.expected(self.ticks(x))[:, -2]
        return found

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        """Spike times, potentials and classes that differ between the circuit and its whole numbers; and between these
        and the network.  Raises `IsospikeError` without a simulator of Verilog."""
        with TemporaryDirectory() as place:
            self.write(place, x)
            own = sum(proved(Path(place)).differing.values())
        return own + replace(self.integers, network=self.network).differing(x, simulator)


def _ticks(integers: Integers, x: Tensor) -> np.ndarray:
    found: np.ndarray = integers(x)["input"].flatten(1).numpy()
    return found
