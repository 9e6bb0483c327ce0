"""The gate of first-spike neurons, event by event: it holds back spikes of before the window, and those above a
rectifier's cap."""

import torch
import torch.nn.functional as F
from torch import nn

from isospike.codings import TTFS
from isospike.ranges import calibrate
from isospike.simulate import EventDriven, simulate
from simulate_by_hand import dense, late_inhibition, unit_graph


def test_a_gated_neuron_does_not_fire_before_its_window() -> None:
    """Its lead is the activation to rounding; without the gate some neurons of the same network fire before t_min."""
    model, x = late_inhibition(16)
    graph = unit_graph(model, (8,))
    wanted = F.relu(F.linear(x, model[0].weight.double(), model[0].bias.double()))
    gated, free = (TTFS(gated=gated).network(graph, calibrate(graph, [x])) for gated in (True, False))
    name, window = gated.stages[0].name, gated.stages[0].end - gated.stages[0].begin
    assert float((simulate(gated, x, EventDriven()).codes[name] - wanted).abs().max()) < 1e-12
    assert bool((simulate(free, x, EventDriven()).codes[name] > window * (1 + 1e-9)).any())


def test_a_capped_neuron_waits_for_its_gate() -> None:
    """Under the fixed mapping each row has its own factor g = min(1, (1 − δ) / S), and with it its own gate, B − τ g
    c."""
    model, x = (
        dense(6, 12, 3, seed=2),
        torch.rand(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
    )
    with torch.no_grad():
        model[0].weight.add_(0.2)
    model[1] = nn.Hardtanh(0.0, 0.5)
    graph = unit_graph(model, (6,))
    network = TTFS("fixed", tau=2.0).network(graph, calibrate(graph, [x]))
    weight, bias = model[0].weight.double(), model[0].bias.double()
    factor = (0.99 / weight.sum(1)).clamp_max(1.0)
    drive = F.linear(x, weight, bias)
    code = simulate(network, x, EventDriven()).codes[network.stages[0].name]
    assert float((code - 2.0 * factor * drive.clamp(0.0, 0.5)).abs().max()) < 1e-12
    assert float((network.stages[0].neuron.value(code) - drive.clamp(0.0, 0.5)).abs().max()) < 1e-12
    held = (drive > 0.5) & (factor < factor.max())
    assert bool(held.any()) and bool((drive < 0).any())
