r"""Input neurons that all spike, the larger their value the earlier, the smallest at the end of the input period.

    t = T (high − x) / (high − low) + ε,     lead: window − t

Source: Stanojevic 2023, eq. A.1.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from isospike.encoders.ranged import RangedEncoder


@dataclass(frozen=True, eq=False)
class EveryInputEncoder(RangedEncoder):
    """
    | field    | shape         | unit  | meaning                                                              |
    |----------|---------------|-------|----------------------------------------------------------------------|
    | `low`    | broadcastable | input | smallest input, which spikes last (from `Encoder`)                   |
    | `high`   | broadcastable | input | largest input, which spikes first (from `Encoder`)                   |
    | `period` | ()            | time  | T, from the first spike to the last                                  |
    | `lag`    | ()            | time  | ε, when the first one comes                                          |
    | `window` | ()            | time  | how long the clock runs; more than T + ε                             |
    """

    period: Tensor
    lag: Tensor
    window: Tensor

    @property
    def end(self) -> float:
        return float(self.window)

    def encode(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Leads of the input spikes.  Raises `OutOfRange` and `InvalidData`."""
        return self.window - ((1 - self.unit(x)) * self.period + self.lag)
