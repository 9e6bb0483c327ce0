"""Small canonical graphs and a slow, separate integration of the membrane, for tests."""

import itertools
import math

import torch
from torch import Tensor, nn

from isospike.importers.torch import from_torch
from isospike.ir.graph import Graph
from isospike.passes import canonical


def unit_graph(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    """Canonical graph for inputs in [0, 1]."""
    return canonical(
        from_torch(model.eval().requires_grad_(False), torch.zeros(1, *shape)).with_range(
            torch.tensor(0.0), torch.tensor(1.0)
        )
    )


def dense(*sizes: int, seed: int = 0) -> nn.Sequential:
    """Dense layers with ReLU between them."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    return model


def late_inhibition(hidden: int, seed: int = 0) -> tuple[nn.Sequential, Tensor]:
    """A network of 8 inputs, four that excite early and four that inhibit late, and samples for it: what makes neurons
    fire too soon."""
    torch.manual_seed(seed)
    model = dense(8, hidden, 4, seed=seed)
    with torch.no_grad():
        model[0].weight[:, :4].uniform_(0.8, 1.2)
        model[0].weight[:, 4:].uniform_(-4.4, -3.6)
    x = torch.rand(20, 8, dtype=torch.float64)
    return model, torch.cat((0.5 + 0.5 * x[:, :4], 0.15 + 0.1 * x[:, 4:]), 1)


def euler(
    arrivals: list[float],
    weights: list[float],
    ramp: float,
    onset: float,
    slope: float,
    threshold: float,
    window: float,
    gate: float = 0.0,
    steps: int = 200_000,
) -> float:
    """Spike time after t_min (infinity if silent) of one neuron, by small steps of the membrane equation."""
    begin = min([-onset, *arrivals])
    v, dt = 0.0, (window - begin) / steps
    for n in range(steps):
        t = begin + n * dt
        if t >= gate and v >= threshold:
            return t
        v += dt * (
            slope
            if t >= 0
            else (ramp if t >= -onset else 0.0) + sum(w for a, w in zip(arrivals, weights, strict=True) if t >= a)
        )
    return math.inf
