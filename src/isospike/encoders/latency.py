r"""Input neurons of first-spike codes: the larger the value, the earlier the spike.

    t = τ_c (1 − (x − low) / (high − low)),     lead x̂ = τ_c (x − low) / (high − low)

Source: Stanojevic 2023, eq. 3.1 and Methods (i).
"""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from isospike.encoders.ranged import RangedEncoder
from isospike.ir.typed import Count
from isospike.neurons.base import another_clock, on_ticks


@dataclass(frozen=True, eq=False)
class LatencyEncoder(RangedEncoder):
    """
    | field    | shape         | unit  | meaning                                                              |
    |----------|---------------|-------|----------------------------------------------------------------------|
    | `low`    | broadcastable | input | smallest input, which stays silent (from `Encoder`)                  |
    | `high`   | broadcastable | input | largest input, which spikes at once (from `Encoder`)                 |
    | `window` | ()            | time  | τ_c                                                                  |
    | `ticks`  |               |       | spikes come at the nearest of so many ticks; 0: at any time          |
    """

    window: Tensor
    ticks: Count = 0

    @property
    def end(self) -> float:
        return float(self.window)

    def encode(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Leads of the input spikes.  Raises `OutOfRange` and `InvalidData`."""
        lead = self.unit(x) * self.window
        return on_ticks(lead, self.window, self.ticks, half=True) if self.ticks else lead

    def on_clock(self, ticks: int) -> "LatencyEncoder":
        return replace(self, ticks=ticks)

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        if self.ticks not in (0, ticks):
            raise another_clock(self.ticks)
        return on_ticks(self.encode(x), self.window, ticks, half)
