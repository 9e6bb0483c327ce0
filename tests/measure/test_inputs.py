"""What is measured on: nothing at all is said, and where a sample's distance from the calibration begins to count."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.errors import InvalidData
from isospike.measure import inputs

X = torch.tensor([0.0, 1.0]).repeat(8)[:, None]  # mean 0.5, standard deviation 0.516
MODEL = nn.Linear(1, 2).eval()
NETWORK = iso.convert(MODEL, X)


def calibrated_on(mean: float, sd: float) -> iso.SpikingNetwork:
    return iso.SpikingNetwork(replace(NETWORK.body, seen=(mean, sd)))


@pytest.mark.parametrize("data", [[], (), iter(()), X[:0], [X[:0]]], ids=["list", "tuple", "iterator", "tensor", "batch"])
def test_nothing_cannot_be_checked_on(data: object) -> None:
    with pytest.raises(InvalidData, match="no sample"):
        iso.check(MODEL, NETWORK, data)  # type: ignore[arg-type]


def test_half_a_deviation_off_is_near_and_more_is_far() -> None:
    list(inputs(calibrated_on(0.0, 1.0), X))  # warnings are errors here
    list(inputs(calibrated_on(1.0, 1.0), X))
    for mean in (-0.01, 1.01):
        with pytest.warns(UserWarning, match="calibrated on"):
            list(inputs(calibrated_on(mean, 1.0), X))


def test_half_or_twice_the_deviation_is_near_and_beyond_is_far() -> None:
    sd = float(X.double().std())
    for factor in (0.5, 2.0):
        list(inputs(calibrated_on(0.5, factor * sd), X))
    for factor in (0.49, 2.01):
        with pytest.warns(UserWarning, match="calibrated on"):
            list(inputs(calibrated_on(0.5, factor * sd), X))
