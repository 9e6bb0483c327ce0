"""How many spikes the fast simulator, in the network's precision, sends at another step than the plain loop in
float64."""

import copy

from jaxtyping import Float
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.simulate import StepByStep, Stepped, simulate


def differing_spikes(network: SpikingNetwork, images: Float[Tensor, "batch *shape"]) -> float:
    """Share of a network's neurons and steps whose spikes differ: sums in another order, or of fewer digits, round
    differently.

    images: (batch, *input shape), a few.  Raises `InvalidSetting` for networks without time steps.
    """
    fast = simulate(network, network.own(images), Stepped()).trains
    plain = simulate(copy.deepcopy(network).double(), network.own(images).double(), StepByStep()).trains
    differing = sum(int((fast[name] != plain[name]).sum()) for name in plain)
    return differing / max(sum(train.numel() for train in plain.values()), 1)
