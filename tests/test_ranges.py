"""Calibrated ranges are what the data reach; certified ones cannot be exceeded by any input in the declared range."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import isospike as iso
from exactness import graph_of
from isospike.codings import TTFS
from isospike.errors import InvalidData
from isospike.ir.ops.affine import Population
from isospike.ranges import calibrate, certify
from isospike.simulate import simulate
from random_networks import random_network
from simulate_by_hand import dense, unit_graph
from zoo import HIGH, LOW, inputs


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_input_exceeds_a_certified_range(rng: random.Random) -> None:
    model, shape = random_network(rng)
    graph = graph_of(model, shape)
    ranges = certify(graph)
    corners = torch.where(torch.rand(64, *shape) < 0.5, LOW, HIGH).double()  # bounds are reached at corners
    x = torch.cat((inputs(shape), corners))
    seen: dict[str, torch.Tensor] = {}
    graph(x, lambda name, value: seen.__setitem__(name, value))
    for name, high in ranges.high.items():
        assert bool((seen[name] <= high + 1e-9 * (1 + high)).all())
    assert all(ranges.layer(name) >= calibrate(graph, [x]).layer(name) - 1e-9 for name in ranges.high)


def test_a_certified_bound_of_one_layer_is_reached() -> None:
    graph = unit_graph(dense(6, 10, 2), (6,))
    node = next(n for n in graph if isinstance(n.op, Population))
    weight = node.op.groups[0][-1].weight
    worst = torch.stack([(row > 0).double() for row in weight])
    reached = torch.stack([(row @ x + b).clamp_min(0) for row, x, b in zip(weight, worst, node.op.bias, strict=True)])
    assert torch.allclose(certify(graph).high[node.name], reached)


def test_a_certified_network_is_exact_beyond_its_calibration() -> None:
    graph = unit_graph(dense(6, 10, 10, 2), (6,))
    dim, wide = 0.01 * torch.rand(5, 6, dtype=torch.float64), torch.rand(200, 6, dtype=torch.float64)
    calibrated = TTFS(margin=0.0).network(graph, calibrate(graph, [dim]))
    certified = TTFS(margin=0.0, windows="certified").network(graph, certify(graph))
    assert float((simulate(certified, wide).readout - graph(wide)).abs().max()) < 1e-12
    assert float((simulate(calibrated, wide).readout - graph(wide)).abs().max()) > 1e-3
    early = [
        stage.neuron.early(code).sum()
        for stage, code in ((s, simulate(calibrated, wide).codes[s.name]) for s in calibrated.stages[:-1])
    ]
    assert sum(map(int, early)) > 0


@pytest.mark.parametrize(("layers", "width"), [(2, 1.0), (9, 1e5)])
def test_a_network_tells_how_far_any_input_can_drive_it(layers: int, width: float) -> None:
    """In single precision; in double where that overflows."""
    sums = [nn.Linear(2, 2, bias=False) for _ in range(layers)]
    for layer in sums:
        layer.weight.data = torch.tensor([[width, -width], [-width, width]])
    model = nn.Sequential(*(part for layer in sums for part in (layer, nn.ReLU())), nn.Linear(2, 1)).double()
    network = iso.convert(model, torch.full((3, 2), 0.5).double(), input_range=(0.0, 1.0))
    far = [bound for _, _, bound in network.body.reach]
    assert far == pytest.approx([width ** (i + 1) for i in range(layers)], rel=1e-6)


def test_one_pass_over_batches() -> None:
    graph, x = unit_graph(dense(6, 10, 2), (6,)), torch.rand(100, 6, dtype=torch.float64)
    whole, parts = calibrate(graph, [x]), calibrate(graph, iter(x.split(7)))
    assert whole.samples == parts.samples == 100
    assert all(torch.equal(whole.high[name], parts.high[name]) for name in whole.high)
    with pytest.raises(InvalidData):
        calibrate(graph, [])
