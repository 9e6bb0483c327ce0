"""Early exit against the rule worked out by hand from runs of so many steps each."""

import pytest
import torch

from isospike.codings import Rate
from isospike.encoders import Bernoulli
from isospike.simulate import EarlyExit, Stepped, simulate
from simulate_by_hand import dense, unit_graph

STEPS = 30
GRAPH = unit_graph(dense(6, 20, 4), (6,))
X = torch.rand(60, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
RANGES = Rate().ranges(GRAPH, [X])
NETWORK = Rate(STEPS).network(GRAPH, RANGES)


@pytest.mark.parametrize("every", [1, 4, 7])
@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_a_sample_leaves_at_the_first_look_that_finds_its_winner_far_enough_ahead(margin: float, every: int) -> None:
    trace = simulate(NETWORK, X, EarlyExit(margin, every))
    out, steps = trace.readout, trace.steps
    assert steps is not None
    expected, left = torch.zeros(60, 4, dtype=torch.float64), torch.full((60,), -1)
    for end in sorted({*range(every, STEPS, every), STEPS}):
        now = simulate(NETWORK, X, Stepped(end)).readout
        ordered = now.sort(1, descending=True).values
        leaves = (left < 0) & ((end * (ordered[:, 0] - ordered[:, 1]) >= margin) | (end == STEPS))
        expected[leaves], left[leaves] = now[leaves], end
    assert torch.equal(steps, left) and torch.allclose(out, expected, rtol=0, atol=1e-12)
    assert len(set(steps.tolist())) > 2


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    network = Rate(STEPS, encoder=Bernoulli).network(GRAPH, RANGES)
    one, again, other = (simulate(network, X, EarlyExit(1e9, seed=seed)).readout for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(one, simulate(network, X, Stepped(seed=3)).readout)
