"""Gradients in spike times: against finite differences, against the ReLU network's own, and in the forms that eqs.
3.12 and 3.13 should have."""

import copy
import random
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import isospike as iso
from exactness import graph_of
from isospike.codings import TTFS
from isospike.engine import run
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine
from isospike.ir.ops.base import Weighted
from isospike.network import Body
from isospike.ranges import calibrate
from isospike.train import SpikeTimes, prepare
from random_networks import random_network
from zoo import HIGH, LOW, ZOO

EVERY_KIND = (
    "linear",
    "conv padding",
    "max pool stride",
    "average pool",
    "residual",
    "batch norm before relu",
    "batch norm after relu",
)
ALPHA_1 = TTFS(mapping="fixed", alpha=1.0)


def inside(shape: tuple[int, ...], count: int = 4) -> Tensor:
    """Samples that do not touch the ends of the declared range, where the encoder's derivative jumps."""
    return LOW + (HIGH - LOW) * (
        0.1 + 0.8 * torch.rand((count, *shape), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    )


def scored(outputs: Tensor) -> Tensor:
    """A loss for outputs of any shape."""
    weights = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return (weights * outputs).sum() + outputs.square().mean()


def largest_difference(a: Tensor, b: Tensor) -> float:
    """Relative to the largest of b."""
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-300))


# Finite differences


@pytest.mark.parametrize("mappable", [True, False], ids=["slopes held", "ramps held"])
@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_gradient_is_that_of_finite_differences(name: str, mappable: bool) -> None:
    model, shape = ZOO[name]()
    x = inside(shape).requires_grad_()
    trainee = prepare(
        iso.convert(model.double(), x.detach(), TTFS() if mappable else ALPHA_1, (LOW, HIGH)), mappable=mappable
    )
    leaves = {"x": x} | dict(trainee.named_parameters())
    assert {key.split(".")[0] for key in leaves} == {"x", "synapses", "shifts"}
    found = torch.autograd.grad(scored(trainee(x)), list(leaves.values()))
    generator = torch.Generator().manual_seed(0)
    for (key, leaf), gradient in zip(leaves.items(), found, strict=True):
        for _ in range(2):
            way = torch.randn(leaf.shape, generator=generator, dtype=torch.float64)
            way *= 1e-6 / way.abs().max()
            ends = []
            for end in (leaf.detach() + way, leaf.detach() - way):
                kept, leaf.data = leaf.data, end
                ends.append(scored(trainee(x)).detach())
                leaf.data = kept
            expected = float((ends[0] - ends[1]) / 2)
            assert abs(float((gradient * way).sum()) - expected) <= 1e-6 * float(
                gradient.norm() * way.norm()
            ) + 1e-15 * float(ends[0].abs()), key


# The ReLU network


@dataclass(frozen=True)
class Learned:
    """The canonical ReLU network with weights and biases to be learned, by node."""

    graph: Graph
    weights: list[list[Tensor]]
    biases: list[Tensor | None]


def _weights(affine: Affine) -> list[Tensor]:
    return [step.weight for chain in affine.groups for step in chain if isinstance(step, Weighted) and step.weighted]


def learned(graph: Graph) -> Learned:
    leaves = {
        id(t)
        for node in graph.nodes
        if isinstance(node.op, Affine)
        for t in (*_weights(node.op), node.op.bias)
        if t is not None
    }
    graph = graph.map_tensors(lambda _, t: t.detach().clone().requires_grad_() if id(t) in leaves else t)
    ops = [node.op for node in graph.nodes[1:]]
    return Learned(
        graph,
        [_weights(op) if isinstance(op, Affine) else [] for op in ops],
        [op.bias if isinstance(op, Affine) else None for op in ops],
    )


def assert_relu_gradients(model: nn.Module, shape: tuple[int, ...]) -> None:
    """Of all synapses, thresholds and inputs; ∂L/∂D = −∂L/∂b."""
    x = inside(shape)
    graph = graph_of(model, shape)
    relu = learned(graph)
    trainee = prepare(TTFS().network(graph, calibrate(graph, [x])))
    u, v = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected, found = scored(relu.graph(u)), scored(trainee(v))
    assert float((found - expected).detach().abs()) <= 1e-9 * max(1.0, float(expected.detach().abs()))
    expected.backward()
    found.backward()
    synapses = {key: parameter.grad for key, parameter in trainee.synapses.items()}
    pairs = [(v.grad, u.grad)]
    for i, (weights, bias) in enumerate(zip(relu.weights, relu.biases, strict=True)):
        own = [gradient for key, gradient in synapses.items() if key.startswith(f"{i}/")]
        pairs += zip(own, (weight.grad for weight in weights), strict=True)
        if bias is not None:
            sign = 1 if i == len(relu.weights) - 1 else -1  # the read-out has a bias, hidden neurons a threshold
            # One number a channel, where the graph's bias may be a map over places
            own_shift = sign * trainee.shifts[str(i)].grad
            size = tuple(min(a, b) for a, b in zip(own_shift.shape, bias.shape, strict=True))
            pairs.append((own_shift.sum_to_size(size), bias.grad.sum_to_size(size)))
    known = [(a, b) for a, b in pairs if b is not None]
    scale = max(float(b.abs().max()) for _, b in known) or 1.0
    for a, b in known:
        assert a is not None and float((a - b).abs().max()) <= 1e-9 * scale


@pytest.mark.parametrize("name", ZOO)
def test_gradients_are_the_relu_networks(name: str) -> None:
    assert_relu_gradients(*ZOO[name]())


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False))
def test_gradients_of_random_networks_are_the_relu_networks(rng: random.Random) -> None:
    assert_relu_gradients(*random_network(rng))


def test_with_ramps_held_they_are_not() -> None:
    """The same network and the same slopes of 1, but α is a constant of the derivative."""
    model, shape = ZOO["linear"]()
    x = inside(shape)
    network = iso.convert(model.double(), x, TTFS(), (LOW, HIGH))
    follows, held = prepare(network), prepare(network, mappable=False)
    assert torch.allclose(follows(x), held(x), rtol=0, atol=1e-12)
    right, wrong = (torch.autograd.grad(scored(trainee(x)), trainee.synapses["0/0"])[0] for trainee in (follows, held))
    assert largest_difference(wrong, right) > 0.1


# Eqs. 3.12 and 3.13


def weights(body: Body) -> Tensor:
    """w = J / s of the first layer (eq. 3.4)."""
    return body.stages[0].groups[0].chain[0].weight / body.stages[0].neuron.slope.reshape(-1, 1)


def dense(mapping: TTFS, mappable: bool) -> tuple[SpikeTimes, nn.Sequential, Tensor, Tensor]:
    """12 inputs, 9 hidden neurons, 5 classes: the trainee, the ReLU network it is equivalent to, and a batch."""
    torch.manual_seed(5)
    x, y = torch.rand(32, 12, dtype=torch.float64), torch.randint(0, 5, (32,))
    model = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 5)).double()
    with torch.no_grad():
        model[0].weight.normal_(0, 0.5)
        model[0].bias.normal_(0, 0.2)
    trainee = prepare(iso.convert(model, x, mapping, (0.0, 1.0)), mappable=mappable)
    relu, body = copy.deepcopy(model), trainee.body()
    neuron = body.stages[0].neuron
    with torch.no_grad():
        relu[0].weight.copy_(weights(body))
        relu[0].bias.copy_(neuron.window - (neuron.threshold - neuron.ramp * neuron.onset) / neuron.slope)
        relu[2].weight.copy_(trainee.synapses["1/0"])
    assert torch.allclose(relu(x), trainee(x), rtol=0, atol=1e-12)
    return trainee, relu, x, y


@pytest.mark.parametrize("mapping", [TTFS(), ALPHA_1], ids=["slope 1", "α = 1"])
def test_the_jacobian_is_m_w_over_b(mapping: TTFS) -> None:
    trainee, _, x, _ = dense(mapping, mapping is not ALPHA_1)
    body = trainee.network().body
    hidden = body.stages[0].name

    def leads(lead: Tensor) -> Tensor:
        codes: dict[str, Tensor] = {}
        run(
            body,
            lead[None],
            lambda stage, drive, _: stage.neuron.closed_form(drive),
            lambda stage, code: codes.update({stage.name: code}),
        )
        return codes[hidden][0]

    lead = body.encoder.encode(x[:1])[0]
    active = (leads(lead) > 0).double()[:, None]
    assert 0 < float(active.sum()) < 9
    found, expected = torch.autograd.functional.jacobian(leads, lead), weights(body)
    assert torch.allclose(found, active * expected, rtol=0, atol=1e-13)
    assert largest_difference((1 - active) * expected, found) > 0.5, "M as the text has it"


@pytest.mark.parametrize("mappable", [True, False], ids=["slopes held", "α = 1"])
def test_a_step_in_the_relu_networks_space(mappable: bool) -> None:
    """Eq. 3.13 with all of ∂w/∂W and the bias, which follows the slope: b = −D / B.  As printed it is a scalar, and
    far off."""
    trainee, relu, x, y = dense(TTFS() if mappable else ALPHA_1, mappable)
    loss = F.cross_entropy(relu(x), y)
    layer = relu[0]
    of_w, of_b = torch.autograd.grad(loss, [layer.weight, layer.bias])
    body, eta = trainee.body(), 1e-7
    w, before = layer.weight.detach(), trainee.synapses["0/0"].detach().clone()
    trainee.loss(x, y).backward()
    with torch.no_grad():
        trainee.synapses["0/0"] -= eta * trainee.synapses["0/0"].grad
    true = (weights(trainee.body()).detach() - w) / eta
    if mappable:
        assert largest_difference(true, -of_w) <= 1e-6
        return
    slope = body.stages[0].neuron.slope.detach().reshape(-1)
    rows = []
    for i in range(9):
        jacobian = (torch.eye(12, dtype=torch.float64) - w[i][:, None] * torch.ones(12, dtype=torch.float64)) / slope[
            i
        ]
        of_bias = -layer.bias[i].detach() / slope[i] * torch.ones(12, dtype=torch.float64)
        rows.append(-jacobian @ (jacobian.T @ of_w[i] + of_b[i] * of_bias))
    assert largest_difference(torch.stack(rows), true) <= 1e-6
    scalar = ((slope[:, None] - before) / slope[:, None].square()).square()
    assert largest_difference(-scalar * of_w, true) > 0.5
    assert largest_difference(eta * scalar * of_w, true) > 0.5, "with the second −η of the print"


def test_thresholds_have_the_gradient_of_the_bias_over_the_slope() -> None:
    trainee, relu, x, y = dense(ALPHA_1, False)
    of_b, of_c = torch.autograd.grad(F.cross_entropy(relu(x), y), [relu[0].bias, relu[2].bias])
    trainee.loss(x, y).backward()
    slope = trainee.body().stages[0].neuron.slope.detach().reshape(-1)
    assert largest_difference(-slope * trainee.shifts["0"].grad, of_b) <= 1e-9
    assert largest_difference(trainee.shifts["1"].grad, of_c) <= 1e-9


def test_answers_without_gradients_leave_those_with_gradients_alone() -> None:
    model, x = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), torch.rand(6, 4)
    trainee = prepare(iso.convert(model, x, input_range=(0.0, 1.0))).eval()
    with torch.inference_mode():
        trainee(x)
    inputs = x.clone().requires_grad_()
    trainee(inputs).sum().backward()
    assert inputs.grad is not None and bool((inputs.grad != 0).any())


@pytest.mark.parametrize("assign", [False, True])
def test_weights_that_are_loaded_are_those_that_answer(assign: bool) -> None:
    model, x = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), torch.rand(6, 4)
    network = iso.convert(model, x, input_range=(0.0, 1.0))
    trainee, other = prepare(network).eval(), prepare(network).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)
        before, expected = trainee(x), other(x)
        trainee.load_state_dict(other.state_dict(), assign=assign)
        assert torch.equal(trainee(x), expected) and not torch.allclose(before, expected)
    trainee.train().loss(x, torch.zeros(6, dtype=torch.int64)).backward()
    assert all(parameter.grad is not None for parameter in trainee.parameters())
