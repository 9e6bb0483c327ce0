"""What operations cost in a technology.

    energy, spiking  = additions · synaptic operations + (multiplication + addition) · macs
    energy, original = (multiplication + addition) · macs

Energies of two networks can be compared if both have prices of one technology.
"""

from dataclasses import dataclass

from isospike.errors import InvalidSetting

ADDITION, MULTIPLICATION = 0.9, 3.7  # pJ, of 32-bit floating point at 45 nm (Horowitz 2014)


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
    """

    name: str
    synaptic_operation: float
    addition: float = ADDITION
    multiplication: float = MULTIPLICATION
    source: str = "given"

    def __post_init__(self) -> None:
        prices = {"synaptic_operation": self.synaptic_operation, "addition": self.addition}
        for name, price in (prices | {"multiplication": self.multiplication}).items():
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < float("inf"):
                raise InvalidSetting(
                    f"Prices({name}={price!r}).", "Numbers from 0 on, in pJ.", "Choose one of this kind."
                )

        if not isinstance(self.name, str) or not isinstance(self.source, str):
            raise InvalidSetting(f"Prices(name={self.name!r}, source={self.source!r}).", "Texts.", "Write texts.")

    @property
    def two(self) -> bool:
        """Whether a chip's synaptic operations stand beside arithmetic at 45 nm, another technology."""
        arithmetic = (self.addition, self.multiplication) == (ADDITION, MULTIPLICATION)
        return arithmetic and self.synaptic_operation != ADDITION

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
    Prices("han2023", 0.077, source=f"a neuromorphic chip, Han 2023, eq. 24; arithmetic: {HOROWITZ}"),
    Prices("loihi", 23.6, source=f"Loihi at 14 nm, Davies 2018; arithmetic: {HOROWITZ}"),
)
PRICES = {one.name: one for one in TABLE}
USUAL = PRICES["45nm"]
