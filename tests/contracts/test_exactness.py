"""Every member of the TTFS family equals the original network, over the zoo and over random networks."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from exactness import findings
from random_networks import random_network
from zoo import ZOO


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo(name: str) -> None:
    model, shape = ZOO[name]()
    for finding in findings(model, shape):
        assert finding.holds, finding


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_networks(rng: random.Random) -> None:
    model, shape = random_network(rng)
    for finding in findings(model, shape):
        assert finding.holds, finding


def test_more_padding_than_kernel() -> None:
    """In single precision and channels-last layout this crashes the convolution library."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 2, (3, 1), (1, 2), (2, 3), (1, 2)), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    for finding in findings(model, (2, 2, 1)):
        assert finding.holds, finding
