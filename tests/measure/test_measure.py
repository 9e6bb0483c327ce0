"""Meters against counts made by hand."""

import pytest
import torch
from torch import nn

import isospike as iso
from exactness import graph_of
from isospike.codings import TTFS
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import fan_out, through
from isospike.measure import Agreement
from isospike.ranges import calibrate
from isospike.simulate.wiring import _matrix
from simulate_by_hand import late_inhibition, unit_graph
from zoo import ZOO, inputs


def by_hand() -> tuple[nn.Module, torch.Tensor]:
    """Two inputs, three hidden neurons of which one never fires, one output."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.5, 0.5], [-1.0, -1.0]]))
        model[0].bias.zero_()
        model[2].weight.copy_(torch.tensor([[1.0, 2.0, 3.0]]))
        model[2].bias.zero_()
    return model, torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)


def test_a_network_counted_by_hand() -> None:
    model, x = by_hand()
    graph = unit_graph(model, (2,))
    network = TTFS().network(graph, calibrate(graph, [x]))
    figures = iso.measure(network, [(x, torch.tensor([0, 0]))])
    # sample 1: input 0 spikes (3 synapses: a zero weight is none, so neurons 0, 1, 2), input 1 is silent; hidden
    # 0 and 1 spike (1 synapse each)
    # sample 2: inputs 0 (3) and 1 (2) spike; hidden 0 and 1 spike (1 each)
    assert figures["synaptic_operations"] == ((3 + 2) + (3 + 2 + 2)) / 2
    assert figures["macs_original"] == 5 + 3 and figures["macs"] == 0
    assert figures["spikes_per_neuron"] == figures["active_fraction"] == pytest.approx(4 / 6)
    assert figures["energy_spiking_nj"] == pytest.approx(6 * 0.9e-3)
    assert figures["energy_original_nj"] == pytest.approx(8 * 4.6e-3)
    assert figures["energy_ratio"] == pytest.approx(6 * 0.9 / (8 * 4.6)) and "45nm: 0.9 pJ" in str(figures["prices"])
    assert figures["early_spikes"] == 0 and figures["inputs_outside_range"] == 0 and figures["samples"] == 2
    forced = iso.measure(TTFS(forced_spikes=True).network(graph, calibrate(graph, [x])), [(x, None)])
    assert (
        forced["spikes_per_neuron"] == 1.0
        and forced["active_fraction"] == pytest.approx(4 / 6)
        and forced["accuracy"] is None
    )


@pytest.mark.parametrize("name", ["conv padding", "conv transposed", "max pool stride", "linear"])
def test_fan_out_counts_synapses(name: str) -> None:
    model, shape = ZOO[name]()
    graph = graph_of(model, shape)
    body = TTFS().network(graph, calibrate(graph, [inputs(shape)])).body
    for stage in body.stages:
        for group in stage.groups:
            chain = stage.neuron.connections(group.chain, body.shapes[group.source])
            matrix = _matrix(chain, body.shapes[group.source])
            matrix.eliminate_zeros()
            rows = torch.from_numpy(matrix.indptr[1:] - matrix.indptr[:-1]).double()
            if sum(step.weighted for step in chain) == len(chain):
                assert torch.equal(fan_out(chain, body.shapes[group.source]).flatten(), rows)
            assert float(fan_out(chain, body.shapes[group.source]).sum()) >= float(rows.sum())
            x = torch.randn(2, *body.shapes[group.source], dtype=torch.float64)
            assert torch.allclose(
                torch.from_numpy(x.flatten(1).numpy() @ matrix.toarray()), through(chain, x).flatten(1), atol=1e-12
            )


def test_agreement_compares_values() -> None:
    agreement = Agreement()
    agreement.add(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[1.0, 2.5], [0.0, 4.0]]), torch.tensor([1, 0]))
    assert agreement.max_abs_error == 4.0 and agreement.logit_scale == 4.0
    assert agreement.agreement == 0.5 and agreement.accuracy == 1.0 and agreement.accuracy_original == 0.5
    assert agreement.rms_error == pytest.approx(((0.25 + 9 + 16) / 4) ** 0.5)


def test_a_check_finds_a_weight_that_is_off() -> None:
    model, x = by_hand()
    network = iso.convert(model.double(), x, input_range=(0.0, 1.0))
    report = iso.check(model, network, x, torch.tensor([0, 0]))
    assert report.max_abs_error < 1e-12 and set(report.simulators) == {"ClosedForm", "EventDriven"}
    assert [layer.max_abs_error < 1e-12 for layer in report.layers] == [True]
    with torch.no_grad():
        next(p for name, p in network.named_parameters() if name.endswith("weight")).mul_(1.01)
    off = iso.check(model, network, x)
    assert off.max_abs_error > 1e-3 and off.agreement == 1.0  # predictions alone would not have shown it
    assert off.layers[0].max_abs_error > 1e-3
    assert "largest error" in str(off)


def test_the_originals_operations_do_not_depend_on_how_it_is_mapped() -> None:
    """A bottleneck's pair of neurons and a residual's identity synapses are no multiplications of the original's."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow, self.head = nn.Linear(4, 6), nn.Linear(6, 4), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x + self.narrow(torch.relu(self.wide(x))))

    network = iso.convert(Block(), torch.rand(5, 4), input_range=(0.0, 1.0))
    assert network.body.macs == 4 * 6 + 6 * 4 + 4 * 3
    padded = iso.convert(
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()), torch.rand(5, 1, 4, 4), input_range=(0.0, 1.0)
    )
    assert padded.body.macs == 2 * (4 * 9 + 8 * 6 + 4 * 4)  # inner pixels, edges, corners


def test_early_spikes_are_reported_where_they_are_seen() -> None:
    model, x = late_inhibition(16)
    graph = unit_graph(model, (8,))
    network = TTFS(gated=False).network(graph, calibrate(graph, [x]))
    with pytest.raises(InvalidSetting, match=r"simulators=\[EventDriven\(\)\]"):
        iso.check(model, network, x)  # the closed form would say that nothing fires early
    report = iso.check(model, network, x, simulators=[iso.EventDriven()])
    found = iso.simulate(network, x, iso.EventDriven())
    window = network.stages[0].neuron.window
    assert report.early_spikes == int((found.codes[network.stages[0].name] >= window).sum()) > 0
    assert report.max_abs_error == pytest.approx(float((found.readout - graph(x)).abs().max()), rel=1e-9)
    assert report.max_abs_error > 1e-3 and list(report.simulators) == ["EventDriven"]


def test_a_check_needs_a_simulator_that_counts() -> None:
    model, x = by_hand()
    network = iso.convert(model.double(), x, input_range=(0.0, 1.0))
    with pytest.raises(InvalidSetting, match="no simulator"):
        iso.check(model, network, x, simulators=[])
    rate = iso.convert(model.double(), x, iso.Rate(8, iso.METHODS["signed-integer"].neuron), input_range=(0.0, 1.0))
    for other in (iso.ClosedForm(), iso.Clocked(8), iso.EarlyExit()):
        with pytest.raises(InvalidSetting, match=r"Stepped\(\)"):
            iso.check(model, rate, x, simulators=[other])
