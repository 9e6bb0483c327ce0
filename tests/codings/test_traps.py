"""The traps of the mathematics: each test takes the trap on purpose, sees a wrong value, and sees that isospike does
not take it."""

import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import isospike as iso
from isospike.codings import TTFS
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.pool import Pool
from isospike.ranges import calibrate
from isospike.simulate import ClosedForm, EventDriven, simulate
from isospike.train.spike_times import SpikeTimes
from simulate_by_hand import dense, late_inhibition, unit_graph

BAD = 1e-3  # an error that a trap must exceed, relative to the outputs
GOOD = 1e-12


def error(
    network: SpikingNetwork, graph: Graph, x: Tensor, simulator: iso.ClosedForm | iso.EventDriven | None = None
) -> float:
    expected = graph(x)
    return float(
        (simulate(network, x, simulator or EventDriven()).readout - expected).abs().max() / expected.abs().max()
    )


def inputs(*shape: int) -> Tensor:
    return torch.rand(20, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def batch_normed() -> nn.Sequential:
    """Convolution, ReLU, batch norm with negative factors, max pool, padded convolution, ReLU, flatten, dense."""
    torch.manual_seed(3)
    norm = nn.BatchNorm2d(4)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        norm,
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 5),
    )
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.5, -2.0, 0.7, -0.4]))
        norm.bias.normal_()
        norm.running_mean.uniform_(0, 0.5)
        norm.running_var.uniform_(0.3, 2)
        model[0].bias += 0.3  # so that some patches are active throughout
    return model.eval()


def test_a_threshold_that_is_not_gated_fires_early() -> None:
    found = []
    for seed in range(8):
        model, x = late_inhibition(16, seed)
        graph = unit_graph(model, (8,))
        ranges = calibrate(graph, [x])
        assert error(TTFS("identical").network(graph, ranges), graph, x) < GOOD
        found.append(error(TTFS("identical", gated=False).network(graph, ranges), graph, x))
    assert max(found) > BAD


def falling(**settings: object) -> tuple[SpikingNetwork, Graph, Tensor]:
    """One neuron that an early input excites and a late one inhibits, without a gate."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.9, -5.0]]))
        layer.bias.fill_(2.6)
    graph = unit_graph(nn.Sequential(layer, nn.ReLU(), nn.Linear(1, 1)), (2,))
    x = torch.stack([torch.ones(20, dtype=torch.float64), torch.linspace(0.5, 0.7, 20, dtype=torch.float64)], 1)
    return TTFS(gated=False, **settings).network(graph, calibrate(graph, [x])), graph, x  # type: ignore[arg-type]


def test_positive_slopes_need_the_ramp_from_the_first_spike_on() -> None:
    """Without its ramp V falls with every negative weight, so a constant threshold is crossed long before t_min."""
    network, graph, x = falling(mapping="positive", ramp_from="previous")
    assert error(network, graph, x) < 1e-6 and error(network, graph, x, ClosedForm()) < 1e-6
    with pytest.raises(InvalidSetting, match="ramp_from='previous'"):
        falling(mapping="positive")
    stage = network.stages[0]
    late = replace(stage.neuron, onset=stage.neuron.onset * 0)  # θ falls with it, by α ρ
    trap = SpikingNetwork(replace(network.body, stages=(replace(stage, neuron=late), *network.stages[1:])))
    assert error(trap, graph, x) > 0.1
    for answer in (trap, ClosedForm().prepare, iso.Clocked(16).prepare):
        with pytest.raises(InvalidSetting, match="EventDriven"):
            answer(x if answer is trap else trap)


@pytest.mark.parametrize("mapping", ["identical", "fixed", "dynamic"])
@pytest.mark.parametrize("ramp_from", ["own", "previous"])
def test_no_mapping_without_a_gate_is_solved_where_it_may_fire_early(mapping: str, ramp_from: str) -> None:
    model, x = late_inhibition(16)
    if (
        ramp_from == "previous"
    ):  # with that ramp it is late excitation: the steep slope after t_min needs a ramp that falls
        with torch.no_grad():
            model[0].weight.mul_(torch.tensor([4.0] * 4 + [0.125] * 4))
        x = x.flip(1)
    graph = unit_graph(model, (8,))
    network = TTFS(mapping, gated=False, ramp_from=ramp_from).network(graph, calibrate(graph, [x]))  # type: ignore[arg-type]
    assert mapping != "identical" or error(network, graph, x) > BAD
    with pytest.raises(InvalidSetting, match="not gated"):
        simulate(network, x)


@pytest.mark.parametrize("ramp_from", ["previous", "input"])
@pytest.mark.parametrize("mapping", ["identical", "fixed", "positive", "dynamic"])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_solved_without_a_gate_is_what_the_membranes_do(mapping: str, seed: int, ramp_from: str) -> None:
    """Weights from all positive to nearly all negative: an answer in closed form is the membranes' own, whatever the
    input, or it is refused."""
    answered = 0
    for shift in (-0.3, -0.1, 0.0, 0.1, 0.3, 0.6):
        model = dense(5, 6, 4, 3, seed=seed)
        with torch.no_grad():
            model[0].weight.mul_(0.3).add_(shift)
        graph, x = unit_graph(model, (5,)), inputs(5)
        coding = TTFS(mapping, gated=False, ramp_from=ramp_from)  # type: ignore[arg-type]
        network = coding.network(graph, calibrate(graph, [x[:3] * 0.7]))
        expected = simulate(network, x, EventDriven()).readout
        try:
            found = simulate(network, x, ClosedForm()).readout
        except InvalidSetting:
            continue
        answered += 1
        assert float((found - expected).abs().max()) < GOOD * 10
    assert answered or mapping != "positive"


def test_an_activation_beyond_its_window_is_an_early_spike_without_a_gate() -> None:
    network, graph, x = falling(mapping="positive", ramp_from="previous", margin=-0.4)
    code = simulate(network, x, EventDriven()).codes[network.stages[0].name]
    assert bool((code > network.stages[0].neuron.window * 1.01).any())
    for simulator in (ClosedForm(), iso.Clocked(1000)):
        with pytest.raises(InvalidSetting, match="fire before their window"):
            simulate(network, x, simulator)
    within = x[(code <= network.stages[0].neuron.window)[:, 0]]
    assert len(within) and error(network, graph, within, ClosedForm()) < 1e-6


def test_jitter_may_bring_a_spike_before_the_ramp() -> None:
    network, _, x = falling(mapping="positive", ramp_from="previous")
    with pytest.raises(InvalidSetting, match="not gated"):
        simulate(iso.constrain(network, iso.SpikeJitter(0.1)), x)


def test_a_window_that_is_meant_to_clip_has_a_gate() -> None:
    """What would come earlier is held at the beginning of the window, in every simulator."""
    network, _, x = falling(mapping="positive", ramp_from="previous")
    short = iso.constrain(network, iso.Latency(0.5), [x])
    found = [simulate(short, x, simulator) for simulator in (ClosedForm(), EventDriven())]
    code, window = found[0].codes[network.stages[0].name], short.stages[0].neuron.window
    assert bool((code == window).any()) and bool((code < window).any())
    assert torch.allclose(found[0].readout, found[1].readout, atol=1e-12)


def test_what_needs_gates_says_so() -> None:
    network = falling(mapping="positive", ramp_from="previous")[0]
    with pytest.raises(InvalidSetting, match="gated=True"):
        SpikeTimes(network)


def test_the_early_fire_criterion() -> None:
    """Constant threshold, ramp of chapter 2: early iff max over u in [0, B_prev] of Σ w max(x, u) − u + b > B (fixed
    mapping, α = 1)."""
    model, x = late_inhibition(40)
    graph = unit_graph(model, (8,))
    network = TTFS("identical", gated=False, ramp_from="previous", margin=-0.4).network(graph, calibrate(graph, [x]))
    window = network.stages[0].neuron.window
    weight, bias = model[0].weight.double(), model[0].bias.double()
    u = torch.linspace(0, 1, 2001, dtype=torch.float64)
    reach = torch.stack([F.linear(torch.maximum(x, v), weight, bias) - v for v in u]).amax(0)
    fired_early = simulate(network, x, EventDriven()).codes[network.stages[0].name] > window * (1 + 1e-9)
    clear = (reach - window).abs() > 1e-3
    assert bool(fired_early.any()) and bool((~fired_early).any())
    assert torch.equal(fired_early[clear], (reach > window)[clear])


def test_one_bias_a_channel_is_wrong_at_the_border() -> None:
    graph, x = unit_graph(batch_normed(), (2, 8, 8)), inputs(2, 8, 8)
    node = next(n for n in graph if isinstance(n.op, Population) and n.op.bias is not None and n.op.bias.shape[-1] > 1)
    inside = node.op.bias[:, 1:2, 1:2]
    trap = graph.edited({node.name: [replace(node, op=replace(node.op, bias=inside))]})
    assert float((trap(x) - graph(x)).abs().max()) > BAD
    assert error(TTFS().network(graph, calibrate(graph, [x])), graph, x) < GOOD


def test_leaving_padded_pixels_out_changes_the_slope_at_the_border() -> None:
    graph, x = unit_graph(batch_normed(), (2, 8, 8)), inputs(2, 8, 8)
    network = TTFS("fixed", ramp_from="previous").network(graph, calibrate(graph, [x]))
    body = network.body
    stage = body.stages[0]
    real = stage.groups[0].chain[-1].linear(torch.ones(1, 2, 8, 8, dtype=torch.float64))[0]
    trap = replace(stage, neuron=replace(stage.neuron, slope=stage.neuron.ramp + real))
    assert error(SpikingNetwork(replace(body, stages=(trap, *body.stages[1:]))), graph, x) > BAD
    assert error(network, graph, x) < GOOD


def test_a_negative_batch_norm_makes_a_min_pool_and_silence_is_the_latest_spike() -> None:
    model, x = batch_normed(), inputs(2, 8, 8)
    graph = unit_graph(model, (2, 8, 8))
    pool = next(n for n in graph if isinstance(n.op, Pool))
    assert pool.op.sign.flatten().tolist() == [1, -1, 1, -1]
    trap = graph.edited({pool.name: [replace(pool, op=replace(pool.op, sign=pool.op.sign.abs()))]})
    assert float((trap(x) - graph(x)).abs().max()) > BAD
    for coding in (
        TTFS(),
        TTFS(forced_spikes=True),
    ):  # a silent neuron of a patch is t_max, whether it is made to spike or not
        network = coding.network(graph, calibrate(graph, [x]))
        codes = simulate(network, x).codes
        before, after = codes[pool.inputs[0]][:, 1], codes[pool.name][:, 1]
        silent = F.max_pool2d((before == 0).double(), 2) > 0
        assert bool(silent.any()) and bool((after[silent] == 0).all()) and bool((after[~silent] > 0).any())
        assert error(network, graph, x) < GOOD


def test_factors_follow_values_through_a_channel_first_flatten() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -1.0, 0.3]))
        norm.running_mean.uniform_(0, 1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), norm, nn.Flatten(), nn.Linear(12, 4)).eval()
    graph, x = unit_graph(model, (1, 4, 4)), inputs(1, 4, 4)
    (chain,) = graph[graph.output].op.groups
    kappa = (norm.weight / (norm.running_var + norm.eps).sqrt()).double()
    wrong = replace(chain[-1], weight=model[-1].weight.double() * kappa.repeat(4))  # channels last
    trap = graph.edited(
        {graph.output: [replace(graph[graph.output], op=Affine(((*chain[:-1], wrong),), graph[graph.output].op.bias))]}
    )
    assert torch.allclose(chain[-1].weight, model[-1].weight.double() * kappa.repeat_interleave(4))
    assert float((trap(x) - graph(x)).abs().max()) > BAD
    assert float((graph(x) - copy.deepcopy(model).double()(x)).abs().max()) < GOOD * 10


def test_the_bias_is_updated_with_the_weights_as_they_were() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(6)
    with torch.no_grad():
        norm.weight.uniform_(0.2, 3)
        norm.bias.normal_()
        norm.running_mean.uniform_(0, 1)
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), norm, nn.Linear(6, 3)).eval()
    graph = unit_graph(model, (5,))
    kappa = (norm.weight / (norm.running_var + norm.eps).sqrt()).double()
    shift = norm.bias.double() - kappa * norm.running_mean.double()
    weight, bias = model[3].weight.double(), model[3].bias.double()
    assert torch.allclose(graph[graph.output].op.bias.flatten(), bias + weight @ shift, atol=1e-12)
    assert not torch.allclose(graph[graph.output].op.bias.flatten(), bias + (weight * kappa) @ shift, atol=1e-3)


@pytest.mark.parametrize("late", [0.0, 1e6])
def test_times_are_relative_to_the_layers_own_window(late: float) -> None:
    """A float32 network gives the same spikes however late its windows are on the common clock."""
    torch.manual_seed(0)
    graph, x = unit_graph(dense(10, *[24] * 19, 5), (10,)), inputs(10)
    body = TTFS().network(graph, calibrate(graph, [x])).body
    moved = tuple(replace(s, begin=s.begin + late, end=s.end + late) for s in body.stages)
    network = SpikingNetwork(replace(body, stages=moved)).float()
    expected = graph(x)
    found = simulate(network, x.float()).readout.double()
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_rescaling_by_the_plain_sum_does_not_keep_slopes_positive() -> None:
    """Eq. 2.4 cannot be satisfied by α; rows must be rescaled by the sum of their positive weights."""
    graph, x = unit_graph(dense(8, 30, 30, 4, seed=2), (8,)), inputs(8)
    ranges = calibrate(graph, [x])

    def lowest(coding: TTFS) -> float:
        slopes = []
        for stage in coding.network(graph, ranges).stages[:-1]:
            negative = stage.groups[0].chain[-1].weight.clamp_max(0).sum(1)
            slopes.append(float(((stage.neuron.ramp + negative) / stage.neuron.ramp).min()))
        return min(slopes)

    assert lowest(TTFS("fixed")) < 0
    assert lowest(TTFS("fixed", alpha=100.0)) == pytest.approx(lowest(TTFS("fixed")))  # α cancels
    assert lowest(TTFS("positive")) > 0
    assert error(TTFS("positive", gated=False, ramp_from="previous").network(graph, ranges), graph, x) < GOOD


def test_a_relay_with_weight_one_is_singular_unless_it_is_rescaled() -> None:
    class Relay(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.a(x))
            return F.relu(self.b(y) + y)

    torch.manual_seed(0)
    graph, x = unit_graph(nn.Sequential(Relay(), nn.Linear(6, 3)), (4,)), inputs(4)
    for mapping in ("identical", "fixed", "positive", "dynamic"):
        network = TTFS(mapping).network(graph, calibrate(graph, [x]))
        assert all(math.isfinite(float(t.abs().max())) for t in network.parameters())
        assert error(network, graph, x) < GOOD
        assert error(network, graph, x, ClosedForm()) < GOOD
