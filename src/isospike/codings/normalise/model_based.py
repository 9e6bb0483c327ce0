r"""Model-based normalisation: the largest activation that the weights and inputs of at most 1 allow, without data.

    λ_l = max_i Σ_j max(w_ij, 0) + max(b_i, 0) / λ_{l−1}     on activations already divided by λ_{l−1}

Here as bounds of every neuron, by intervals through the network, of which the layer's largest is taken.  Source: Diehl
2015."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from isospike.codings.normalise.base import Made, Normalise
from isospike.ir.graph import Graph
from isospike.ranges import Ranges, certify


@dataclass(frozen=True)
class ModelBased(Normalise):
    """Safe and slow: no rate can saturate, and most are small."""

    def ranges(self, graph: Graph, calibration: Iterable[Tensor], made: Made) -> Ranges:
        certified = certify(graph)
        high = {name: t.max().clamp_min(1e-300).reshape((1,) * t.ndim) for name, t in certified.high.items()}
        return Ranges(high, None)
