"""What operations cost in a technology.

    energy, spiking  = additions · synaptic operations + (multiplication + addition) · macs
    energy, original = (multiplication + addition) · macs

Energies of two networks compare when both are priced in one technology; where a chip's synaptic operations are set
beside arithmetic of another process, `two` says so.
"""

from dataclasses import dataclass

from isospike.errors import InvalidSetting


@dataclass(frozen=True)
class Prices:
    """Energies of operations.

    | field               | unit | meaning                                                          |
    |---------------------|------|------------------------------------------------------------------|
    | `name`              |      | what they are called                                             |
    | `synaptic_operation` | pJ  | one update of a potential by one spike                           |
    | `addition`          | pJ   | of 32-bit numbers                                                |
    | `multiplication`    | pJ   | of 32-bit numbers                                                |
    | `source`            |      | where the figures come from                                      |
    | `two`               |      | synaptic operations are those of another technology than the rest |
    """

    name: str
    synaptic_operation: float
    addition: float = 0.9
    multiplication: float = 3.7
    source: str = "given"
    two: bool = False

    def __post_init__(self) -> None:
        prices = {"synaptic_operation": self.synaptic_operation, "addition": self.addition}
        for name, price in (prices | {"multiplication": self.multiplication}).items():
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < float("inf"):
                raise InvalidSetting(
                    f"Prices({name}={price!r}).", "Numbers from 0 on, in pJ.", "Choose one of this kind."
                )

        if not isinstance(self.name, str) or not isinstance(self.source, str) or not isinstance(self.two, bool):
            what = f"Prices(name={self.name!r}, source={self.source!r}, two={self.two!r})."
            raise InvalidSetting(what, "Texts, and whether there are two technologies.", "Choose one of this kind.")

    @property
    def mac(self) -> float:
        """A multiplication and an addition [pJ]."""
        return self.multiplication + self.addition

    def __str__(self) -> str:
        mixed = "; two technologies, so that a ratio compares these as well" if self.two else ""
        return (
            f"{self.name}: {self.synaptic_operation:g} pJ a synaptic operation, {self.mac:.4g} pJ a "
            f"multiply-accumulate{mixed} ({self.source})"
        )


HOROWITZ = "32-bit floating point at 45 nm, Horowitz 2014"
TABLE = (
    Prices("45nm", 0.9, source=HOROWITZ),
    Prices("han2023", 0.077, source=f"a neuromorphic chip, Han 2023, eq. 24; arithmetic: {HOROWITZ}", two=True),
    Prices("loihi", 23.6, source=f"Loihi at 14 nm, Davies 2018; arithmetic: {HOROWITZ}", two=True),
)
PRICES = {one.name: one for one in TABLE}
USUAL = PRICES["45nm"]
