"""Sums of the rows of weights that spikes choose, against the maps themselves."""

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.engine.events import events
from isospike.ir.layout import packed, rows
from isospike.ir.ops.affine import through
from isospike.kernels.gather import gather

# 32 numbers of double precision are a block: sums lie in the output itself, or in a room of their own.
# The layer, how wide its input is, and whether they lie in the output
LAYERS = {
    "whole blocks": (lambda: nn.Conv2d(4, 32, 3, padding=1), 7, True),
    "whole blocks of two places": (lambda: nn.Conv2d(4, 16, 3, padding=1), 8, True),
    "blocks that are not filled": (lambda: nn.Conv2d(4, 5, 3, padding=1), 7, False),
    "places left over": (lambda: nn.Conv2d(4, 16, 3), 7, False),
    "stride": (lambda: nn.Conv2d(4, 32, 3, stride=2, padding=1), 7, True),
    "dense, whole blocks": (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(64)), 7, True),
    "dense, not filled": (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), 7, False),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_add_up_to_the_map(name: str) -> None:
    torch.manual_seed(0)
    layer, wide, whole = LAYERS[name]
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), layer(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(2, 4, 8, wide)
    model(x)
    network = iso.convert(model, x, iso.Rate(), input_range=(0.0, 1.0), dtype=torch.float64)
    chain = network.stages[1].groups[0].chain
    train = torch.randint(-1, 2, (3, 2, 4, 8, wide), dtype=torch.float64)
    found = events(chain, tuple(train.shape[2:]), train)
    assert found is not None
    size = found.window
    assert (size.line == size.out_wide * size.outputs and size.width == size.together * size.outputs) == whole
    spikes, *work = found.hearing(train)
    for t in range(len(train)):
        expected = through(chain, train[t])
        out = rows(packed(torch.ones_like(expected)))
        for k in range(2):
            assert gather(spikes[t, k], work[0], out[k], *work[1:]) == int((train[t, k] != 0).sum())
        assert torch.allclose(torch.from_numpy(out), 1 + torch.from_numpy(rows(packed(expected))), rtol=0, atol=1e-12)
