"""Every linear map against its matrix, written down by sending one unit after the other through it."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.ir.ops.affine import fan_out, row_sum
from isospike.ir.ops.base import Map
from isospike.ir.ops.conv import Conv, ConvTranspose
from isospike.ir.ops.dense import Along, Dense
from isospike.ir.ops.mirror import Difference, Mirror, Total, Twice
from isospike.ir.ops.pool import AveragePool, Pool
from isospike.ir.ops.route import Expand, Pad, Permute, Reshape, Slice
from isospike.ir.ops.scale import Scale

Shape = tuple[int, ...]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Numbers of either sign, a few of them zero."""
    t = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.where(t.abs() < 0.2, 0.0, t)


CASES: dict[str, tuple[Map, Shape]] = {
    "dense": (Dense(drawn(3, 5)), (5,)),
    "dense along the last of three": (Dense(drawn(3, 5)), (2, 4, 5)),
    "mean along the first": (Along(torch.full((1, 3), 1 / 3, dtype=torch.float64), 0), (3, 2, 4)),
    "matrix along the second": (Along(drawn(2, 4).abs(), 1), (3, 4, 2)),
    "conv": (Conv(drawn(3, 2, 3, 2), (1, 1), (0, 0), (1, 1), 1), (2, 5, 4)),
    "conv, strided, padded, dilated": (Conv(drawn(3, 2, 3, 2), (2, 1), (1, 2), (1, 2), 1), (2, 5, 4)),
    "conv, groups": (Conv(drawn(4, 2, 2, 2), (1, 1), (0, 1), (1, 1), 2), (4, 3, 3)),
    "conv 1d": (Conv(drawn(3, 2, 3), (2,), (1,), (1,), 1), (2, 7)),
    "conv 3d": (Conv(drawn(2, 2, 2, 2, 2), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1), (2, 3, 2, 3)),
    "conv transposed": (ConvTranspose(drawn(2, 3, 3, 2), (2, 1), (1, 0), (1, 0), (1, 1), 1), (2, 3, 3)),
    "conv transposed, groups": (ConvTranspose(drawn(4, 2, 2, 2), (2, 2), (0, 0), (0, 0), (1, 1), 2), (4, 2, 3)),
    "average": (AveragePool((2, 3), (2, 1), (0, 0), False, True, None), (2, 4, 5)),
    "average by another number": (AveragePool((2, 2), (2, 2), (0, 0), False, True, 3), (2, 4, 4)),
    "average 1d": (AveragePool((3,), (2,), (0,), False, True, None), (2, 7)),
    "scale": (Scale(drawn(2, 3)), (2, 3)),
    "scale, a channel each": (Scale(drawn(2, 1, 1)), (2, 3, 2)),
    "reshape": (Reshape((6, 2)), (3, 4)),
    "permute": (Permute((2, 0, 1)), (2, 3, 4)),
    "slice": (Slice(1, 1, 5, 2), (2, 6)),
    "expand": (Expand((2, 3, 4)), (2, 1, 4)),
    "mirror": (Mirror(0.3), (2, 3)),
    "twice": (Twice(0.3), (2, 3)),
    "difference": (Difference(0.3), (4, 3)),
    "total": (Total(0.3), (4, 3)),
}
PADDED = {
    "pad": (Pad(((1, 0), (0, 2))), (2, 3)),
    "average, padding counted": (AveragePool((3, 2), (2, 1), (1, 1), True, True, None), (2, 4, 4)),
    "average, padding not counted": (AveragePool((2, 2), (1, 1), (1, 1), False, False, None), (2, 3, 3)),
}
ALL = CASES | PADDED


def matrix(one: Map, shape: Shape) -> np.ndarray:
    """A, (outputs, inputs)."""
    columns = []
    for i in range(math.prod(shape)):
        unit = torch.zeros(math.prod(shape), dtype=torch.float64)
        unit[i] = 1.0
        columns.append(one.linear(unit.reshape(1, *shape)).flatten().numpy())
    return np.stack(columns, 1)


def same(found: np.ndarray | Tensor, expected: np.ndarray | Tensor) -> bool:
    return np.allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_synapses_are_the_matrix(name: str) -> None:
    one, shape = ALL[name]
    a = matrix(one, shape)
    out = one.out_shape(shape)
    assert len(a) == math.prod(out) and tuple(one.linear(drawn(2, *shape)).shape) == (2, *out)
    assert same(one.matrix(shape).toarray().T, a)
    assert same(matrix(one.abs(), shape), np.abs(a)) and same(matrix(one.pattern(), shape), a != 0)
    assert same(fan_out((one,), shape).flatten(), (a != 0).sum(0))
    assert one.nonnegative == bool((a >= 0).all())
    bias = drawn(*out, seed=1)
    x = drawn(3, *shape, seed=2)
    assert same(one(x, bias).flatten(1), x.flatten(1).numpy() @ a.T + bias.flatten().numpy()) and same(
        one(x), one.linear(x)
    )


@pytest.mark.parametrize("name", CASES)
def test_row_sums_are_those_of_the_full_kernel(name: str) -> None:
    """Where nothing is padded that is what a constant 1 is mapped to; a border does not change it."""
    one, shape = CASES[name]
    sums = row_sum((one,), shape)
    if isinstance(one, Conv | ConvTranspose):
        kernel = one.weight.flatten(2).sum(2)  # (out, in / groups), or (in, out / groups)
        kernel = kernel.sum(1) if isinstance(one, Conv) else kernel.unflatten(0, (one.groups, -1)).sum(1).flatten()
        assert same(
            sums.expand(one.out_shape(shape)),
            kernel.reshape(-1, *(1,) * (len(shape) - 1)).expand(one.out_shape(shape)),
        )
    else:
        assert same(sums.expand(one.out_shape(shape)).flatten(), matrix(one, shape).sum(1))


@pytest.mark.parametrize("name", ["average, padding counted", "average, padding not counted"])
def test_the_row_sum_of_a_mean_is_one_also_at_the_border(name: str) -> None:
    assert same(row_sum((PADDED[name][0],), PADDED[name][1]), 1.0)


@pytest.mark.parametrize("name", ALL)
def test_factors_go_before_and_after(name: str) -> None:
    """s ⊙ (A x) as one map, A (s ⊙ x) as one map, A (s ⊙ x) = s' ⊙ (A x): wherever a map says so it holds, and the
    usual cases are there."""
    one, shape = ALL[name]
    out, a = one.out_shape(shape), matrix(one, shape)

    def factors(at: Shape) -> list[Tensor]:
        each = [1 + drawn(*(n if i == dim else 1 for i, n in enumerate(at)), seed=3).abs() for dim in range(len(at))]
        return [torch.full((1,) * len(at), 2.5, dtype=torch.float64), *each, 1 + drawn(*at, seed=4).abs()]

    scaled = [(s, one.scaled(s)) for s in factors(out)]
    after = [(s, one.after(Scale(s))) for s in factors(shape)]
    carried = [(s, one.carry(s, shape)) for s in factors(shape)]
    for s, found in scaled:
        assert found is None or same(matrix(found, shape), s.expand(out).reshape(-1, 1).numpy() * a)
    for s, found in after:
        assert found is None or same(matrix(found, shape), a * s.expand(shape).reshape(1, -1).numpy())
    for s, brought in carried:
        assert brought is None or same(
            brought.expand(out).reshape(-1, 1).numpy() * a, a * s.expand(shape).reshape(1, -1).numpy()
        )
    own = {Dense: len(shape), Conv: 1, ConvTranspose: 1, Scale: 1}.get(type(one))
    if own is not None:  # weights take up a factor for each of what they tell apart: channels, or the last dimension
        assert all(found[own][1] is not None and found[0][1] is not None for found in (scaled, after))
    if isinstance(one, Reshape | Permute | Slice | Expand | Pad):
        assert all(brought is not None for _, brought in carried)


AFTER = {
    "dense after zeros": (Dense(drawn(3, 5)), Pad(((0, 0), (1, 2))), (4, 2)),
    "conv after channels of zeros": (
        Conv(drawn(3, 5, 2, 2), (1, 1), (0, 0), (1, 1), 1),
        Pad(((2, 1), (0, 0), (0, 0))),
        (2, 3, 3),
    ),
    "conv after even zeros": (
        Conv(drawn(3, 2, 2, 3), (2, 1), (1, 0), (1, 1), 1),
        Pad(((0, 0), (1, 1), (2, 2))),
        (2, 3, 3),
    ),
    "scale after dense": (Scale(drawn(3)), Dense(drawn(3, 5)), (5,)),
    "reshape after reshape": (Reshape((12,)), Reshape((4, 3)), (2, 6)),
    "permute after permute": (Permute((1, 2, 0)), Permute((0, 2, 1)), (2, 3, 4)),
}
APART = {
    "dense after zeros of another dimension": (Dense(drawn(3, 5)), Pad(((1, 0), (0, 0))), (4, 5)),
    "conv after uneven zeros": (Conv(drawn(3, 2, 2, 3), (2, 1), (1, 0), (1, 1), 1), Pad(((0, 0), (1, 0), (2, 2))), (2, 3, 3)),
    "conv after zeros of channels and places": (Conv(drawn(3, 3, 2, 2), (1, 1), (0, 0), (1, 1), 1), Pad(((1, 0), (1, 1), (1, 1))), (2, 3, 3)),
    "conv of groups after channels of zeros": (Conv(drawn(4, 2, 2, 2), (1, 1), (0, 0), (1, 1), 2), Pad(((1, 1), (0, 0), (0, 0))), (2, 3, 3)),
    "permute after reshape": (Permute((1, 0)), Reshape((4, 3)), (2, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", AFTER | APART)
def test_one_map_after_another(name: str) -> None:
    second, first, shape = (AFTER | APART)[name]
    found = second.after(first)
    assert (found is not None) == (name in AFTER)
    assert found is None or same(matrix(found, shape), matrix(second, first.out_shape(shape)) @ matrix(first, shape))


def test_rows_are_weights_that_are_heard_event_by_event() -> None:
    weight = drawn(3, 2, 2, 3)
    rows = Conv(weight, (2, 1), (1, 2), (1, 1), 1).rows()
    assert rows is not None and (rows.stride, rows.padding) == ((2, 1), (1, 2)) and torch.equal(rows.weights, weight)
    vector = Dense(weight[0, 0]).rows()
    assert vector is not None and torch.equal(vector.weights, weight[0, 0])
    assert Conv(weight, (1, 1), (1, 1), (1, 2), 1).rows() is None  # dilated
    assert Conv(drawn(4, 2, 2, 2), (1, 1), (0, 0), (1, 1), 2).rows() is None  # in groups
    assert Conv(drawn(4, 2, 2), (1,), (0,), (1,), 1).rows() is None  # of one dimension


def test_a_pool_and_the_neurons_that_it_chooses_from() -> None:
    """The largest of each patch where the sign is positive, the smallest where it is not; padding never wins."""
    pool = Pool((2, 3), (2, 1), (1, 0), (1, 1), False, torch.tensor([1.0, -1.0], dtype=torch.float64).reshape(2, 1, 1))
    x = drawn(2, 2, 4, 4, seed=5)
    out, winner = pool(x), pool.winner(x)
    assert pool.out_shape((2, 4, 4)) == tuple(out.shape[1:]) == (2, 3, 2)
    seen = matrix(pool.patches((2, 4, 4))[1], (2, 6, 4)) @ matrix(pool.patches((2, 4, 4))[0], (2, 4, 4))
    for c, choose in enumerate((max, min)):
        for i in range(3):
            for j in range(2):
                patch = [(r, s) for r in range(max(2 * i - 1, 0), min(2 * i + 1, 4)) for s in range(j, j + 3)]
                for b in range(2):
                    r, s = choose(patch, key=lambda at: float(x[b, c, at[0], at[1]]))
                    assert float(out[b, c, i, j]) == float(x[b, c, r, s]) and int(winner[b, c, i, j]) == 4 * r + s
                wanted = np.zeros((2, 4, 4))
                wanted[(c, *map(list, zip(*patch, strict=True)))] = 1
                assert same(seen[6 * c + 2 * i + j], wanted.flatten())
    plain = Pool((2,), (2,), (0,), (1,), True, torch.ones(1, 1, dtype=torch.float64))
    assert torch.equal(plain(x[0]), F.max_pool1d(x[0], 2, 2, ceil_mode=True))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 3, 1), (3, 1, 2), (1, 2, 2)])
def test_synapses_are_counted_without_listing_them(groups: int, stride: int, padding: int, dilation: int) -> None:
    generator = torch.Generator().manual_seed(stride)
    weight = torch.randn(4, 2, 3, 2, generator=generator, dtype=torch.float64)
    weight[torch.rand(weight.shape, generator=generator) < 0.3] = 0  # a weight of zero is no synapse
    conv = Conv(weight, (stride, stride), (padding, padding - padding // 2), (dilation, dilation), groups)
    shape = (2 * groups, 9, 8)
    assert conv.synapses(shape) == int(fan_out((conv,), shape).sum()) == conv.matrix(shape).count_nonzero()
    dense = Dense(weight.reshape(4, -1))
    assert dense.synapses((3, 12)) == int(fan_out((dense,), (3, 12)).sum()) == dense.matrix((3, 12)).count_nonzero()


def test_the_largest_of_each_patch_is_pytorchs_with_and_without_a_gradient() -> None:
    choice, compared = random.Random(0), 0
    for _ in range(300):
        n = choice.choice((1, 2, 3))
        kernel = tuple(choice.randint(1, 4) for _ in range(n))
        stride, dilation = (tuple(choice.randint(1, 3) for _ in range(n)) for _ in range(2))
        padding, ceil = tuple(choice.randint(0, k // 2) for k in kernel), choice.random() < 0.5
        size = tuple(choice.randint(4, 10) for _ in range(n))
        x = drawn(2, 3, *size, seed=compared)
        x.flatten()[compared % x.numel()] = math.nan
        pool = Pool(kernel, stride, padding, dilation, ceil, torch.ones((1,) * (n + 1), dtype=torch.float64))
        try:
            expected = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[n - 1](
                x, kernel, stride, padding, dilation, ceil_mode=ceil
            )
        except RuntimeError:  # no patch fits
            with pytest.raises(ValueError, match="patches"):
                pool.out_shape((3, *size))
            continue
        assert pool.out_shape((3, *size)) == tuple(expected.shape[1:])
        for values in (x, x.clone().requires_grad_()):
            assert torch.equal(pool(values).nan_to_num(99.0), expected.nan_to_num(99.0))
        compared += 1
    assert compared > 200


def test_shapes_that_no_tensor_has_are_refused() -> None:
    average = AveragePool((2, 2), (2, 2), (0, 0), False, True, 0)
    small = AveragePool((3, 3, 3), (1, 1, 1), (1, 1, 1), False, True, None)
    for one, shape in ((average, (1, 4, 4)), (small, (1, 2, 5, 5)), (Difference(), (9,)), (Total(), (3, 2))):
        with pytest.raises(ValueError, match=r"divisor 0|patches \(3, 3, 3\)|pairs of"):
            one.out_shape(shape)
