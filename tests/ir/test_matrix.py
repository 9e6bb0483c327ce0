"""Synapses listed one by one are those that a unit sent through the map from each input finds, and no map holds inputs
× inputs numbers."""

import math
import random
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isospike.ir.ops.base import Map, Shape
from isospike.ir.ops.conv import Conv, ConvTranspose
from isospike.ir.ops.dense import Along, Dense
from isospike.ir.ops.mirror import Difference, Mirror, Twice
from isospike.ir.ops.pool import AveragePool
from isospike.ir.ops.route import Expand, Pad, Permute, Reshape, Slice
from isospike.ir.ops.scale import Scale


def assert_same(step: Map, shape: Shape) -> None:
    found, expected = step.matrix(shape), Map.matrix(step, shape)
    assert found.shape == expected.shape == (math.prod(shape), math.prod(step.out_shape(shape)))
    assert np.abs((found - expected).toarray()).max(initial=0.0) <= 1e-14
    x = torch.randn(2, *shape, dtype=torch.float64)
    assert np.abs(x.flatten(1).numpy() @ expected.toarray() - step(x).flatten(1).numpy()).max(initial=0.0) <= 1e-12


def weights(rng: random.Random, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(rng.randrange(1 << 30)), dtype=torch.float64)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_convolutions_and_average_pools_of_any_shape(rng: random.Random) -> None:
    n, groups = rng.choice([1, 2, 3]), rng.choice([1, 1, 2, 3])
    kernel, stride, dilation = (tuple(rng.randint(1, most) for _ in range(n)) for most in (3, 3, 2))
    padding = tuple(rng.randint(0, 2) for _ in range(n))
    inputs, outputs = groups * rng.randint(1, 3), groups * rng.randint(1, 3)
    sizes = tuple(d * (k - 1) + 1 + rng.randint(0, 5) for k, d in zip(kernel, dilation, strict=True))
    assert_same(
        Conv(weights(rng, outputs, inputs // groups, *kernel), stride, padding, dilation, groups), (inputs, *sizes)
    )
    assert_same(
        ConvTranspose(weights(rng, inputs, outputs // groups, *kernel), stride, (0,) * n, (0,) * n, dilation, groups),
        (inputs, *sizes),
    )
    less = tuple(rng.randint(0, k // 2) for k in kernel)
    divisor = rng.choice([None, None, 1, 5])
    assert_same(AveragePool(kernel, stride, less, rng.random() < 0.5, rng.random() < 0.5, divisor), (inputs, *sizes))


@pytest.mark.parametrize(
    ("step", "shape"),
    [
        (Dense(torch.randn(4, 3).double()), (3,)),
        (Dense(torch.randn(4, 3).double()), (2, 5, 3)),
        (Along(torch.rand(2, 3).double().round(), 0), (3, 4, 5)),
        (Along(torch.rand(2, 4).double(), 1), (3, 4, 5)),
        (Along(torch.rand(1, 5).double(), 2), (3, 4, 5)),
        (Expand((3, 4, 5)), (3, 1, 5)),
        (Reshape((6, 2)), (3, 4)),
        (Permute((1, 2, 0)), (2, 3, 4)),
        (Slice(1, 1, 4, 2), (2, 5)),
        (Pad(((1, 0), (2, 3))), (2, 3)),
        (Scale(torch.randn(3, 1).double()), (3, 4)),
        (Mirror(0.3), (3, 4)),
        (Difference(0.5), (4, 3)),
        (Twice(2.0), (3, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Map) else str(value),
)
def test_every_other_map(step: Map, shape: Shape) -> None:
    assert_same(step, shape)


@pytest.mark.parametrize(
    "step",
    [
        AveragePool((2, 2), (2, 2), (0, 0), False, True, None),
        Conv(torch.randn(4, 4, 3, 3).double(), (1, 1), (1, 1), (1, 1), 1),
        Along(torch.ones(1, 48).double(), 1),
    ],
    ids=lambda step: type(step).__name__,
)
def test_memory_grows_with_the_synapses_only(step: Map) -> None:
    """4 × 48 × 48 inputs: a square of them would be 680 MB."""
    tracemalloc.start()  # numpy's arrays; torch's are watched below
    synapses = step.matrix((4, 48, 48))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * synapses.nnz + 5e6


def test_the_general_way_goes_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    largest, zeros = [0], torch.zeros

    def watched(*size: int, **more: torch.dtype) -> torch.Tensor:
        made = zeros(*size, **more)
        largest[0] = max(largest[0], made.numel())
        return made

    monkeypatch.setattr(torch, "zeros", watched)
    monkeypatch.setattr(torch, "eye", lambda *_, **__: pytest.fail("a square of all inputs"))
    monkeypatch.setattr("isospike.ir.ops.base.CHUNK", 1 << 12)
    step, shape = AveragePool((2, 2), (2, 2), (0, 0), False, True, None), (2, 24, 24)
    assert np.abs((Map.matrix(step, shape) - step.matrix(shape)).toarray()).max() <= 1e-14
    assert 0 < largest[0] <= 1 << 12


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (3, 5)])
def test_a_list_of_synapses_is_a_copy(shape: tuple[int, int]) -> None:
    """Those of zero are taken out in place; the weights stay as they are."""
    weight = torch.arange(shape[0] * shape[1], dtype=torch.float64).reshape(shape) % 3
    dense = Dense(weight.clone())
    dense.matrix((shape[1],)).eliminate_zeros()
    assert torch.equal(dense.weight, weight)
