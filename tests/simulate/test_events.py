"""Sums of the weights of spikes, against the maps themselves."""

import ctypes

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.engine.events import Events, events
from isospike.ir.layout import packed, rows
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.scale import Scale
from isospike.kernels import scatter

LAYERS = {
    "padded": lambda: nn.Conv2d(4, 32, 3, padding=1),
    "not padded": lambda: nn.Conv2d(4, 16, 3),
    "padded by more than a kernel": lambda: nn.Conv2d(4, 8, (3, 2), padding=(4, 3)),
    "channels left over": lambda: nn.Conv2d(4, 5, 3, padding=1),
    "kernel as large as the image": lambda: nn.Conv2d(4, 8, (8, 7)),
    "kernel of a place": lambda: nn.Conv2d(4, 20, 1),
    "wide kernel": lambda: nn.Conv2d(4, 9, (2, 7), padding=(0, 3)),
    "more outputs than registers": lambda: nn.Conv2d(4, 90, 5, padding=2),
    "stride": lambda: nn.Conv2d(4, 32, 3, stride=2, padding=1),
    "strides of their own": lambda: nn.Conv2d(4, 8, (5, 3), stride=(2, 3), padding=(1, 2)),
    "stride longer than the kernel": lambda: nn.Conv2d(4, 8, 1, stride=2),
    "columns that nothing sees": lambda: nn.Conv2d(4, 8, 2, stride=4),
    "more inputs than a vector": lambda: nn.Conv2d(19, 8, 3, padding=1),
    "many inputs, stride": lambda: nn.Conv2d(40, 8, 3, stride=2),
    "dense": lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(64)),
    "dense, outputs left over": lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)),
}


def summed(found: Events, train: Tensor, t: int, k: int, out: np.ndarray) -> int:
    """Add up the spikes of a step and a sample, as the loop over time does; how many there are."""
    spikes, made, *work = found.hearing(train)
    call = ctypes.CFUNCTYPE(ctypes.c_ssize_t, *[ctypes.c_void_p] * 7)(made)
    weights, *room = (array.ctypes.data for array in work)
    return int(call(spikes[t, k].ctypes.data, weights, out.ctypes.data, *room))


def assert_adds_up(chain: Chain, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Each sample's sums are the map's, on top of what was there."""
    train = packed(torch.randint(-1, 2, (6, *shape), dtype=dtype)).unflatten(0, (3, 2))
    found = events(chain, tuple(train.shape[2:]), train)
    assert found is not None
    for t in range(len(train)):
        expected = through(chain, train[t])
        out = rows(packed(torch.ones_like(expected)))
        for k, to in enumerate(out):
            small = to.copy()
            heard = summed(found, train, t, k, to)
            assert 0 <= heard <= int((train[t, k] != 0).sum())
            close = {torch.float64: 1e-14, torch.float32: 1e-5}[dtype] * float(1 + expected.abs().max())
            assert np.abs(to - 1 - rows(packed(expected))[k]).max() < close
            assert summed(found, train.to(torch.int8), t, k, small) == heard and np.array_equal(small, to)


@pytest.mark.parametrize("registers", [28, 6])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_add_up_to_the_map(
    name: str, dtype: torch.dtype, registers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scatter, "REGISTERS", registers)
    torch.manual_seed(0)
    layer = LAYERS[name]()
    first = nn.Conv2d(4, getattr(layer, "in_channels", 4), 1)
    model = nn.Sequential(first, nn.ReLU(), layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(2, 4, 8, 7)
    model(x)
    network = iso.convert(model, x, iso.Rate(), input_range=(0.0, 1.0), dtype=dtype)
    assert_adds_up(network.stages[1].groups[0].chain, network.stages[0].shape, dtype)


@pytest.mark.parametrize("shapes", [[], [(4, 1, 1)], [(1, 1, 1), (4, 8, 7)]])
def test_what_is_only_multiplied(shapes: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    chain = tuple(Scale(torch.randn(shape, dtype=torch.float64)) for shape in shapes)
    assert_adds_up(chain, (4, 8, 7), torch.float64)


def test_all_spikes_that_are_seen_are_counted() -> None:
    train = torch.ones(1, 1, 4, 8, 7)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(2, 4, 8, 7)
    model(x)
    network = iso.convert(model, x, iso.Rate(4), input_range=(0.0, 1.0))
    found = events(network.stages[1].groups[0].chain, (4, 8, 7), train)
    assert found is not None and found.fits
    assert summed(found, train, 0, 0, np.zeros(8 * 6 * 5, np.float32)) == train.numel()


def test_what_does_not_pay_or_fit_is_left_to_dense_maps() -> None:
    like = torch.ones(1, 1, 1, 4, 40)
    wide = Conv(torch.randn(2, 4, 1, 12), (1, 1), (0, 0), (1, 1), 1)
    assert events((wide,), (4, 1, 40), like) is None
    assert events((Scale(torch.randn(4, 8, 7)),), (4, 1, 1), like) is None  # more outputs than inputs
