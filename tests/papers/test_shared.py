"""What papers share: how CIFAR-10 is divided, and what trained weights are kept by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isospike.data import Data
from isospike.report.claim import Setup
from isospike.store import Store, plain
from isospike_papers.han2023.parts.nets import LONG, NETS
from isospike_papers.shared import recipe as recipes
from isospike_papers.shared.data import cifar10, cifar10_name
from isospike_papers.shared.recipe import Recipe, trained


def written(folder: Path, train: int, test: int) -> Path:
    """CIFAR-10 whose images tell their numbers."""
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = np.zeros((count, 32, 32, 3), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count) % 10
    np.savez_compressed(folder / "cifar10.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_the_whole_of_cifar10_is_used_where_it_is_here(tmp_path: Path) -> None:
    split = cifar10(written(tmp_path, 500, 10_000))
    assert len(split.train) == 500 and {name: len(data) for name, data in split.reported.items()} == {
        "test set": 10_000
    }
    assert cifar10_name(tmp_path) == "cifar10-whole"


def test_a_tenth_is_held_out_where_test_images_are_missing(tmp_path: Path) -> None:
    split = cifar10(written(tmp_path, 500, 1_000))
    assert len(split.train) == 450 and {name: len(data) for name, data in split.reported.items()} == {
        "held-out part of the training set": 50,
        "first 1,000 test images": 1_000,
    }
    assert cifar10_name(tmp_path) == "cifar10"


def test_networks_whose_images_are_not_moved_keep_their_key() -> None:
    """The fields that a recipe had when the first networks were kept by it, at their values of then."""
    fields = {"name": "a", "epochs": 2, "batch": 128, "rate": 1e-3, "decay": 0.8, "l1": 0.0}
    before = {"type": "Recipe", **fields, "shift": 0, "flip": True, "seed": 0, "training": None, "after": None}
    assert plain(Recipe("a", 2, flip=True).key) == before
    assert plain(Recipe("a", 2, cutout=16, autoaugment=True).key)["cutout"] == 16


@pytest.mark.parametrize("moved", [Recipe("a", 2, shift=1), Recipe("a", 2, after=Recipe("b", 1, shift=1))])
def test_networks_whose_images_are_moved_have_another(moved: Recipe) -> None:
    """Batches were moved as a whole once."""
    assert plain(moved.key) == {"recipe": plain(moved), "moved": "each image by itself"}


def test_a_recipe_is_what_is_trained_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path))
    asked = {}

    def loader(data: Data, **settings: object) -> list[tuple[torch.Tensor, torch.Tensor]]:
        asked.update(settings)
        assert data.labels is not None
        return [(torch.cat(list(data)), data.labels)]

    monkeypatch.setattr(recipes, "loader", loader)
    start, images = torch.tensor([[1.0], [2.0]]), Data("d", torch.tensor([[0.5]]), torch.tensor([0]))

    def make() -> nn.Module:
        layer = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            layer.weight.copy_(start)
        return layer

    recipe = Recipe("n", 1, 7, 0.1, 1.0, shift=3, flip=True, cutout=5, autoaugment=True, momentum=0.9)
    model = trained(recipe, make, lambda: images)
    assert asked == {"batch": 7, "shift": 3, "flip": True, "cutout": 5, "autoaugment": True}
    # One step of SGD by hand: w − rate · x (softmax(w x) − one-hot)
    step = 0.1 * 0.5 * (torch.softmax(0.5 * start[:, 0], 0) - torch.tensor([1.0, 0.0]))
    assert torch.allclose(model.weight[:, 0], start[:, 0] - step)  # type: ignore[union-attr]
    assert Store().entry("n", recipe.key).joinpath("weights.safetensors").exists()


def test_han_augments_colour_images_as_the_paper_does_where_training_is_long(tmp_path: Path) -> None:
    """§4.1: autoaugment and cutout, crops after padding by four pixels, mirrors; nothing for grey images."""
    setup = Setup(data_dir=written(tmp_path, 20, 10))
    for net in NETS.values():
        for epochs in (LONG - 1, LONG):
            recipe = net.recipe("stReLU", replace(setup, epochs=epochs))
            colour, strong = net.data == "cifar10", net.data == "cifar10" and epochs == LONG
            assert (recipe.shift, recipe.flip) == ((4, True) if colour else (0, False))
            assert (recipe.cutout, recipe.autoaugment) == ((16, True) if strong else (0, False))
