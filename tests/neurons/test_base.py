"""What neuron models share: ticks, spikes of a code, and samples that go on while others have left."""

import math

import pytest
import torch
from torch import Tensor

from isospike.engine import advance, start
from isospike.neurons import IF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.neurons.base import on_ticks, through


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(("half", "ticks"), [(False, [0, 0, 1, 1, 3, 4]), (True, [0, 1, 1, 2, 4, 4])])
def test_leads_fall_on_ticks(half: bool, ticks: list[int]) -> None:
    """Four ticks of half a unit each; a sum that reaches a tick but for rounding has reached it."""
    lead = torch.tensor([0.0, 0.4, 0.5 - 1e-15, 0.75, 1.9, 2.0], dtype=torch.float64)
    assert on_ticks(lead, number(2.0), 4, half).tolist() == [tick / 2 for tick in ticks]


def test_a_step_has_the_gradient_of_what_it_stands_for() -> None:
    soft = torch.tensor([0.3, 1.4], requires_grad=True)
    hard = through(soft * soft, torch.tensor([0.0, 1.0]))
    assert hard.tolist() == [0.0, 1.0]
    hard.sum().backward()
    assert soft.grad is not None and soft.grad.tolist() == pytest.approx([0.6, 2.8])


def test_a_code_that_is_not_zero_is_a_spike() -> None:
    code = torch.tensor([[0.0, 0.25, -1.0]], dtype=torch.float64)
    assert IF().spikes(code).tolist() == [[0.0, 1.0, 1.0]] and not bool(IF().early(code).any())


@pytest.mark.parametrize(
    ("neuron", "most"),
    [(IF(), 1), (TernaryIF(), 1), (TernaryIF(most=3), 3), (BurstIF(), 4), (SignedIF(), 1), (SignedIF(most=2), 2)],
)
def test_the_most_spikes_of_a_step(neuron: Stepping, most: int) -> None:
    x = torch.full((1, 1, 1), 50.0, dtype=torch.float64)
    assert neuron.most == most and float(advance(neuron, x.clone(), start(neuron, x[0]), 1)) == most
    assert neuron.signed == (type(neuron) in (TernaryIF, SignedIF)) and neuron.negative == isinstance(
        neuron, TernaryIF
    )


@pytest.mark.parametrize(
    "neuron", [IF(threshold=number(0.7)), TernaryIF(), SignedIF(most=math.inf)], ids=lambda n: type(n).__name__
)
def test_samples_that_go_on_are_what_they_would_have_been(neuron: Stepping) -> None:
    """Potentials, net and all spikes, of the rows that are kept, after more steps."""
    x = torch.randn(20, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([True, False, True, True, False, True])
    whole, part = start(neuron, x[0]), start(neuron, x[0])
    advance(neuron, x.clone(), whole, 20)
    advance(neuron, x[:8].clone(), part, 8)
    part.keep(rows)
    advance(neuron, x[8:, rows].clone(), part, 12)
    for found, expected in ((part.states[0], whole.states[0]), (part.net, whole.net), (part.total, whole.total)):
        assert torch.allclose(found, expected[rows], rtol=0, atol=1e-12)
    assert torch.equal(part.net, part.total) == (not neuron.signed)
