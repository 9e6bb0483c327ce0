"""Every pass preserves the function and does nothing the second time; together they reach the canonical form."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from isospike.importers.torch import from_torch
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.input import UnitInput
from isospike.ir.ops.pool import Pool
from isospike.passes import CANONICAL, canonical
from random_networks import random_network
from zoo import HIGH, LOW, ZOO, inputs

TOLERANCE = 1e-9  # float64, relative to the largest output


def imported(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    return from_torch(model, torch.zeros(1, *shape)).with_range(torch.tensor(LOW), torch.tensor(HIGH))


def assert_same_function(before: Graph, after: Graph, x: Tensor) -> None:
    expected, found = before(x), after(x)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= TOLERANCE * max(float(expected.abs().max()), 1e-6)


def assert_same_nodes(a: Graph, b: Graph) -> None:
    assert a.output == b.output
    assert [(n.name, type(n.op), n.inputs, n.shape) for n in a] == [(n.name, type(n.op), n.inputs, n.shape) for n in b]
    for n, m in zip(a, b, strict=True):
        mine, theirs = n.op.tensors(), m.op.tensors()
        assert mine.keys() == theirs.keys(), n.name
        assert all(torch.equal(mine[key], theirs[key]) for key in mine), n.name


def assert_canonical(graph: Graph) -> None:
    first, *between, last = graph
    assert type(first.op) is UnitInput
    assert {type(node.op) for node in between} <= {Population, Pool}
    assert type(last.op) is Affine
    assert graph.output == last.name


def check_every_pass(graph: Graph, x: Tensor) -> None:
    original = graph
    for rewrite in CANONICAL:
        after = rewrite(graph)
        assert_same_function(graph, after, x)
        assert_same_nodes(after, rewrite(after))
        graph = after
    assert_same_function(original, graph, x)
    assert_canonical(graph)


@pytest.mark.parametrize("name", ZOO)
def test_every_pass_in_its_place(name: str) -> None:
    model, shape = ZOO[name]()
    check_every_pass(imported(model, shape), inputs(shape))


@pytest.mark.parametrize("rewrite", dict.fromkeys(CANONICAL), ids=lambda f: f.__name__)
def test_a_pass_preserves_the_function_of_any_graph(rewrite) -> None:  # type: ignore[no-untyped-def]
    for make in ZOO.values():
        model, shape = make()
        graph = imported(model, shape)
        assert_same_function(graph, rewrite(graph), inputs(shape))


def test_the_canonical_form_stays_as_it_is() -> None:
    for make in ZOO.values():
        model, shape = make()
        graph = canonical(imported(model, shape))
        assert_same_nodes(graph, canonical(graph))


def test_a_range_of_each_pixel_and_a_range_that_is_a_point() -> None:
    model, shape = ZOO["conv padding"]()
    x = inputs(shape)
    low, high = x.min(0).values, x.max(0).values
    low[0, 0, 0] = high[0, 0, 0] = 0.25  # a pixel that never changes
    x[:, 0, 0, 0] = 0.25
    check_every_pass(imported(model, shape).with_range(low, high), x)


@pytest.mark.parametrize("name", ZOO)
def test_neurons_that_carry_negative_activations(name: str) -> None:
    model, shape = ZOO[name]()
    graph = imported(model, shape)
    both = canonical(graph, signed=True)
    expected, found = graph(inputs(shape)), both(inputs(shape))
    assert float((found - expected).abs().max()) <= 1e-12 * max(float(expected.abs().max()), 1e-6)
    assert_canonical(both)
    assert_same_nodes(both, canonical(both, signed=True))


def test_a_signed_population_is_one_neuron_an_element() -> None:
    for name, shapes in {"symmetric threshold": [(8,), (5,)], "leaky residual": 3 * [(3, 6, 6)]}.items():
        model, shape = ZOO[name]()
        graph = imported(model, shape)
        between = list(canonical(graph, signed=True))[1:-1]
        assert [node.shape for node in between] == shapes
        assert all(isinstance(node.op, Population) and node.op.low < 0 for node in between)
        pairs = list(canonical(graph))[1:-1]
        assert [node.shape for node in pairs] == [(2 * first, *rest) for first, *rest in shapes]
        assert all(isinstance(node.op, Population) and node.op.low == 0 for node in pairs)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_pass_on_random_networks(rng: random.Random) -> None:
    model, shape = random_network(rng)
    check_every_pass(imported(model, shape), inputs(shape))
