"""Every member of the TTFS family equals the original network, over the zoo and over random networks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
