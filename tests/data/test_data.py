"""Data by name: the values that a network is given, to the last bit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import isospike as iso
from isospike.data import Data, named, open_data
from isospike.errors import InvalidData

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (10, 3, 5, 4)).astype(np.uint8)
MEAN, STD = (0.5, 0.25, 0.125), (0.5, 0.25, 2.0)


def everything(data: Data) -> Tensor:
    return torch.cat(list(data))


def stored(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "d.npz", **arrays)
    return str(folder / "d.npz")


def channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1)


def test_pixels_are_scaled_and_normalised(tmp_path: Path) -> None:
    data = open_data(stored(tmp_path, images=PIXELS), normalize=(MEAN, STD))
    assert torch.equal(everything(data), (torch.from_numpy(PIXELS).float() / 255 - channel(MEAN)) / channel(STD))
    assert everything(data).dtype == torch.float32
    assert torch.equal(everything(open_data(stored(tmp_path, images=PIXELS))), torch.from_numpy(PIXELS).float() / 255)


def test_the_range_of_pixels_is_what_a_pixel_can_be(tmp_path: Path) -> None:
    grey = stored(tmp_path, images=np.full((4, 5, 4), 7, np.uint8))
    low, high = open_data(grey).input_range()
    assert (float(low), float(high)) == (0, 1)
    low, high = open_data(grey, normalize=((0.5,), (0.25,))).input_range()
    assert (float(low), float(high)) == (-2, 2)
    low, high = open_data(stored(tmp_path, images=PIXELS), normalize=(MEAN, STD)).input_range()
    ends = -channel(MEAN) / channel(STD), (1 - channel(MEAN)) / channel(STD)
    assert low.shape == high.shape == (3, 1, 1)
    assert torch.equal(low, ends[0]) and torch.equal(high, ends[1])
    assert bool((low < high).all()) and float(low[1]) == -1 and float(high[1]) == 3


def test_one_mean_for_all_channels(tmp_path: Path) -> None:
    data = open_data(stored(tmp_path, images=PIXELS), normalize=((0.5,), (0.25,)))
    assert torch.equal(everything(data), (torch.from_numpy(PIXELS).float() / 255 - 0.5) / 0.25)
    low, high = data.input_range()
    assert low.shape == (1, 1, 1) and (float(low), float(high)) == (-2, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_is_used_as_it_is(dtype: type, tmp_path: Path) -> None:
    images = RNG.normal(size=(300, 6)).astype(dtype)
    data = open_data(stored(tmp_path, images=images))
    assert torch.equal(everything(data), torch.from_numpy(images))
    low, high = data.input_range()
    margin = 0.1 * (images.max() - images.min())  # a tenth of the width: there is no physical range
    assert (float(low), float(high)) == pytest.approx((images.min() - margin, images.max() + margin))


def test_batches(tmp_path: Path) -> None:
    data = open_data(stored(tmp_path, images=PIXELS, labels=np.arange(10).astype(np.uint8)))
    batches = list(data.batches(4))
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([x for x, _ in batches]), torch.from_numpy(PIXELS).float() / 255)
    labels = torch.cat([y for _, y in batches if y is not None])
    assert labels.dtype == torch.int64 and labels.tolist() == list(range(10))
    assert [y for _, y in open_data(stored(tmp_path, images=PIXELS)).batches(5)] == [None, None]


@pytest.mark.parametrize(("asked", "given"), [(None, 10), (3, 3), (10, 10), (11, 10)])
def test_the_first_so_many(asked: int | None, given: int, tmp_path: Path) -> None:
    data = open_data(stored(tmp_path, images=PIXELS, labels=np.arange(10)), normalize=(MEAN, STD))
    part = data.first(asked)
    assert len(part) == given and torch.equal(everything(part), everything(data)[:given])
    assert part.labels is not None and part.labels.tolist() == list(range(given))
    assert torch.equal(torch.stack(part.input_range()), torch.stack(data.input_range()))


def test_some_are_held_out_at_random(tmp_path: Path) -> None:
    data = open_data(stored(tmp_path, images=PIXELS, labels=np.arange(10)), normalize=(MEAN, STD))
    lazy = open_data(str(folder(tmp_path / "images", PIXELS)), normalize=(MEAN, STD))
    for whole, names in ((data, range(10)), (lazy, [*range(0, 10, 2), *range(1, 10, 2)])):
        numbered = replace(whole, labels=torch.arange(10))
        kept, out = numbered.divided(3, seed=1)
        assert kept.labels is not None and out.labels is not None and len(kept) == 7 and len(out) == 3
        assert sorted([*kept.labels.tolist(), *out.labels.tolist()]) == list(range(10)), "each is in one of them"
        for part in (kept, out):
            pixels = torch.from_numpy(PIXELS[[list(names)[i] for i in part.labels]]).float() / 255
            assert torch.equal(everything(part), (pixels - channel(MEAN)) / channel(STD))
        again, others = numbered.divided(3, seed=1)[1].labels, [numbered.divided(3, seed)[1].labels for seed in (2, 3)]
        assert torch.equal(out.labels, again)
        assert any(sorted(other.tolist()) != sorted(out.labels.tolist()) for other in others)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (PIXELS[:, 0], (1, 5, 4)),
        (PIXELS, (3, 5, 4)),
        (PIXELS.transpose(0, 2, 3, 1), (3, 5, 4)),
        (PIXELS[:, :1].transpose(0, 2, 3, 1), (1, 5, 4)),
    ],
    ids=["grey", "channels first", "channels last", "grey, channels last"],
)
def test_layouts_of_pixels(images: np.ndarray, shape: tuple[int, ...], tmp_path: Path) -> None:
    found = everything(open_data(stored(tmp_path, images=images)))
    assert tuple(found.shape[1:]) == shape
    assert torch.equal(found, torch.from_numpy(PIXELS[:, : shape[0]].copy()).float() / 255)


def test_training_and_test_images(tmp_path: Path) -> None:
    arrays = {
        "train_images": PIXELS[:7],
        "train_labels": np.arange(7),
        "test_images": PIXELS[7:],
        "test_labels": np.arange(3),
    }
    for train, part in ((True, PIXELS[:7]), (False, PIXELS[7:])):
        data = open_data(stored(tmp_path, **arrays), train)
        assert torch.equal(everything(data), torch.from_numpy(part).float() / 255)
        assert data.labels is not None and data.labels.tolist() == list(range(len(part)))
    del arrays["train_images"]
    with pytest.raises(InvalidData, match="holds train_labels, test_images, test_labels"):
        open_data(stored(tmp_path, **arrays), True)


def test_the_sample_of_mnist() -> None:
    data = open_data("mnist-sample")
    with np.load(named.SAMPLE) as file:
        images, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"])
    assert torch.equal(everything(data), images[:, None].float() / 255)
    assert data.labels is not None and torch.equal(data.labels, labels.long())
    assert torch.bincount(data.labels, minlength=10).min() > 50


class Opened:
    """Counts the images that are opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, original = 0, Image.open

        def counted(*args: object, **kwargs: object) -> object:
            self.count += 1
            return original(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(Image, "open", counted)


def folder(path: Path, images: np.ndarray) -> Path:
    for i, image in enumerate(images):
        place = path / f"class {i % 2}" / f"{i:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(place)
    return path


def test_a_folder_is_read_as_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = [*range(0, 10, 2), *range(1, 10, 2)]  # by class
    expected = torch.from_numpy(PIXELS[order]).float() / 255
    opened = Opened(monkeypatch)
    data = open_data(str(folder(tmp_path / "images", PIXELS)), normalize=(MEAN, STD))
    part = data.first(6)
    assert (len(data), len(part), opened.count) == (10, 6, 1)  # the first, for its colours
    first = next(part.batches(4))[0]
    assert opened.count == 5 and torch.equal(first, ((expected - channel(MEAN)) / channel(STD))[:4])
    assert torch.equal(everything(part), ((expected - channel(MEAN)) / channel(STD))[:6])
    assert opened.count == 12  # the first once more, for the size of batches
    assert data.labels is not None and data.labels.tolist() == [0] * 5 + [1] * 5
    assert part.labels is not None and part.labels.tolist() == [0] * 5 + [1]
    assert torch.equal(
        torch.stack(data.input_range()),
        torch.stack(open_data(stored(tmp_path, images=PIXELS), normalize=(MEAN, STD)).input_range()),
    )


def test_a_folders_images_are_brought_to_a_size(tmp_path: Path) -> None:
    flat = np.broadcast_to(np.array([10, 20, 30], np.uint8)[:, None, None], (3, 9, 12))
    data = open_data(str(folder(tmp_path / "images", np.stack([flat, flat]))), size=6)
    assert torch.equal(
        everything(data), (torch.tensor([10, 20, 30]).float() / 255).reshape(1, 3, 1, 1).expand(2, 3, 6, 6)
    )


def test_a_folder_of_grey_images_stays_grey_and_a_flat_one_has_no_labels(tmp_path: Path) -> None:
    for i, image in enumerate(PIXELS[:4, 0]):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no image")
    data = open_data(str(tmp_path))
    assert data.labels is None and torch.equal(everything(data), torch.from_numpy(PIXELS[:4, :1]).float() / 255)
    Image.fromarray(PIXELS[0].transpose(1, 2, 0)).save(tmp_path / "4.png")
    with pytest.raises(InvalidData, match="image 4 is in colour, the first one is grey"):
        everything(open_data(str(tmp_path)))
    Image.fromarray(PIXELS[0].transpose(1, 2, 0)).save(tmp_path / "0.png")  # as ImageNet has it: a few are grey
    assert torch.equal(
        everything(open_data(str(tmp_path)))[1], torch.from_numpy(PIXELS[1, :1]).float().expand(3, 5, 4) / 255
    )


def test_folders_of_images_that_are_not_clear_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"no image")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    with pytest.raises(InvalidData, match=r"first image of .* cannot be read"):
        open_data(str(tmp_path))
    (tmp_path / "old").mkdir()
    with pytest.raises(InvalidData, match="images and folders beside one another"):
        open_data(str(tmp_path))


def test_images_of_sixteen_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(tmp_path / "0.png")
    with pytest.raises(InvalidData, match="more than 8 bits"):
        everything(open_data(str(tmp_path)))


def mnist_files(raw: Path) -> None:
    """Three images of MNIST in its own format."""
    for prefix, count in (("train", 3), ("t10k", 2)):
        images = (np.arange(count * 784) % 256).astype(np.uint8)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(
            np.array([0x803, count, 28, 28], ">i4").tobytes() + images.tobytes()
        )
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(
            np.array([0x801, count], ">i4").tobytes() + bytes(range(count))
        )


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_download_arrives_as_a_whole(by_variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(url: str, download_root: str, filename: str, md5: str) -> None:
        calls.append(Path(download_root))
        mnist_files(Path(download_root))

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", download)
    root = tmp_path / "sets"
    if by_variable:
        monkeypatch.setenv("ISOSPIKE_DATA", str(root))
    for train, count in ((True, 3), (False, 2)):
        data = open_data("mnist", train, None if by_variable else root)
        assert everything(data).shape == (count, 1, 28, 28)
        assert torch.equal(everything(data).flatten(), (torch.arange(count * 784) % 256).float() / 255)
        assert data.labels is not None and data.labels.tolist() == list(range(count))
    assert len(calls) == 1 or all(place == calls[0] for place in calls)  # once: the second time it was there
    assert sorted(os.listdir(root)) == ["MNIST"] and len(os.listdir(root / "MNIST" / "raw")) == 4
    assert root / "MNIST" / "raw" not in calls


@pytest.mark.parametrize(
    ("samples", "ends"),
    (
        ((-1.0, 3.0), (-1.4, 3.4)),  # a tenth of the width at either end
        ((0.0, 5.0), (0.0, 5.5)),  # nothing is less than no light
        ((-5.0, 0.0), (-5.5, 0.0)),
        ((0.0, 0.4, 1.0), (0.0, 1.0)),  # scaled images
        ((2.0, 2.0), (2.0, 2.0)),
    ),
    ids=str,
)
def test_the_range_of_measured_inputs_has_a_margin(samples: tuple[float, ...], ends: tuple[float, float]) -> None:
    x = torch.tensor(samples).reshape(-1, 1)
    assert torch.allclose(torch.stack(Data("d", x, None).input_range()), torch.tensor(ends))
    net = iso.convert(torch.nn.Linear(1, 2), x)
    encoder = net.body.encoder
    assert torch.allclose(torch.stack((encoder.low, encoder.high)), torch.tensor(ends).reshape(2, 1))
