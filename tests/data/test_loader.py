"""What is done to images that networks are trained on: to each by itself, and as random as it should be."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import AutoAugment, AutoAugmentPolicy
from torchvision.transforms.v2.functional import crop, pad

from isospike.data import Data, loader
from isospike.errors import InvalidData, InvalidSetting


def images(count: int, dtype: torch.dtype = torch.uint8) -> Data:
    pixels = torch.randint(1, 256, (count, 3, 12, 10), generator=torch.Generator().manual_seed(3))
    return Data("images", pixels.to(dtype), torch.arange(count))


def drawn(data: Data, **settings: Any) -> tuple[Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return next(iter(loader(data, len(data), **settings)))


def test_each_image_is_moved_by_itself_and_every_way_is_as_likely() -> None:
    """Against crops of padded images, one by one, as torchvision makes them."""
    data, most = images(4000), 2
    moved, labels = drawn(data, shift=most)
    before = data.take(labels)
    dark = before.amin((0, 2, 3))[:, None, None]
    ways = torch.zeros(2 * most + 1, 2 * most + 1)
    padded = pad((before - dark).contiguous(), [most] * 4) + dark
    found = torch.zeros(len(data), dtype=torch.bool)
    for up in range(2 * most + 1):
        for left in range(2 * most + 1):
            same = (crop(padded, up, left, 12, 10) - moved).abs().amax((1, 2, 3)) < 1e-6
            ways[up, left], found = same.sum(), found | same
    assert bool(found.all()) and int(ways.sum()) == len(data)
    expected = len(data) / ways.numel()
    assert float((ways - expected).abs().max()) < 5 * expected**0.5


def test_a_square_is_cut_out_of_each_image_by_itself() -> None:
    data, side = images(3000), 4
    cut, labels = drawn(data, cutout=side)
    gone = (cut == 0).all(1)
    assert torch.equal(torch.where(gone[:, None], 0.0, data.take(labels)), cut), "what is left is as it was"
    rows, columns = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(rows * columns, gone.sum((1, 2))), "a rectangle"
    assert (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())) == (2, 4, 2, 4)
    # Pixels in the middle are cut out with a chance of side² / pixels
    assert float(gone[:, 4:8, 4:6].double().mean()) == pytest.approx(side**2 / 120, abs=0.02)
    assert len(gone.flatten(1).unique(dim=0)) == 12 * 10


def test_autoaugment_is_drawn_for_each_image() -> None:
    """Of 500 equal images most differ, and each is what torchvision makes of one."""
    alike = Data("alike", images(1).images[torch.zeros(500, dtype=torch.int64)], torch.zeros(500, dtype=torch.int64))
    changed, _ = drawn(alike, autoaugment=True)
    again, _ = drawn(alike, autoaugment=True)
    assert torch.equal(changed, again) and float(changed.min()) >= 0 and float(changed.max()) <= 1
    assert len(changed.flatten(1).unique(dim=0)) > 40  # of 25 policies of two steps each
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        policy = AutoAugment(AutoAugmentPolicy.CIFAR10)
        possible = torch.stack([policy(alike.images[0]) for _ in range(3000)]).float().div(255).flatten(1)
    whole = (changed.flatten(1)[:, None] == possible.unique(dim=0)).all(2).any(1)
    assert float(whole.double().mean()) > 0.9


@pytest.mark.parametrize("settings", [{"shift": -1}, {"cutout": -1}])
def test_augmentation_that_is_none_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="0 pixels or more"):
        loader(images(4), **settings)
    with pytest.raises(InvalidData, match="8-bit"):
        loader(images(4, torch.float32), autoaugment=True)
    flat = Data("flat", torch.zeros(3, 5), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(InvalidData, match="no images"):
        loader(flat, cutout=2)
