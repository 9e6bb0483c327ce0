"""The linear LIF neuron as a rectifier: the mapping's figures, its inverse, what it refuses; and no normalisation at
all."""

import math

import pytest
import torch
from torch import nn

from isospike import convert
from isospike.codings import Rate
from isospike.codings.linear_lif import asymptotic_bias, conductance_for, conductance_for_onset, onset, slope
from isospike.codings.normalise import Unscaled
from isospike.errors import InvalidSetting


def test_tables_ii_and_iii() -> None:
    assert slope() == 1 and slope(2.0, 0.5) == 1
    assert onset(0.5, 3.0) == pytest.approx(-2.1640, abs=1e-4)
    assert onset(0.5, 3.0, seconds=3.0) == pytest.approx(-2.1644, abs=1e-4)
    assert onset(0.5, 3.0, seconds=4.0) == pytest.approx(-2.1641, abs=1e-4)
    assert asymptotic_bias(3.0) == -1.5


@pytest.mark.parametrize("bias", [0.0, -0.3, -5.0])
def test_a_conductance_carries_a_negative_bias(bias: float) -> None:
    assert asymptotic_bias(conductance_for(bias, 2.0), 2.0) == pytest.approx(bias)
    assert onset(0.7, conductance_for_onset(bias, 0.7, 1.5, 2.0), 1.5, 2.0) == pytest.approx(bias)
    assert conductance_for(bias) >= 0


def test_what_no_conductance_carries() -> None:
    for refused in (lambda: conductance_for(0.1), lambda: conductance_for_onset(0.1, 0.5)):
        with pytest.raises(InvalidSetting, match="b ≤ 0"):
            refused()
    for weights in (0.0, -0.2, 1.0, 1.5):
        with pytest.raises(InvalidSetting, match="has no onset"):
            onset(weights, 3.0)


def test_unscaled_weights_stay_as_they_are() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    network = convert(model, torch.rand(5, 4, dtype=torch.float32), Rate(8, normalise=Unscaled(1.0)), (0.0, 1.0))
    assert torch.allclose(network.stages[0].groups[0].chain[0].weight, model[0].weight)
    assert float(network.stages[0].neuron.unit) == 1.0
    for high in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(InvalidSetting, match="above 0"):
            Unscaled(high)
