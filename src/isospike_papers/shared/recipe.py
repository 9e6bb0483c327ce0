"""Trains the networks that figures are taken of, once for each recipe."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import nn
from torch.optim import Optimizer

from isospike.data import Data, loader
from isospike.report.claim import Option, Setup
from isospike.store import LATER, Store, write
from isospike.train import Classifier, Sparsity, fit

# Options of claims that train networks, each for its own number of epochs
TRAINS: dict[str, Option | tuple[Option, Option, Option]] = {
    "training": (512, None, None),
    "epochs": (1, None, None),
    "seed": 0,
    "device": "cpu",
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    | field      | meaning                                                                                     |
    |------------|---------------------------------------------------------------------------------------------|
    | `name`     | architecture, width and data set: with the rest, what its weights are kept by               |
    | `decay`    | factor on the learning rate after each epoch                                                |
    | `l1`       | weight in the loss of the hidden layers' mean activity                                      |
    | `shift`    | each image is moved by up to so many pixels, and half of them mirrored if `flip`            |
    | `training` | on the first so many samples, or all                                                        |
    | `after`    | of the weights that it begins with, if it does not begin with random ones                   |
    | `momentum` | of SGD; without it the optimizer is Adam                                                    |
    | `cutout`   | side of a square that is cut out of each image                                              |
    | `autoaugment` | whether images are changed by the policy found for CIFAR-10                              |
    """

    name: str
    epochs: int
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.8
    l1: float = 0.0
    shift: int = 0
    flip: bool = False
    seed: int = 0
    training: int | None = None
    after: "Recipe | None" = None
    momentum: float | None = field(default=None, metadata=LATER)
    cutout: int = field(default=0, metadata=LATER)
    autoaugment: bool = field(default=False, metadata=LATER)

    @property
    def key(self) -> "Recipe | dict[str, Recipe | str]":
        """What the weights are kept by.  It says how images are moved where they are: batches were moved as a whole
        once, and networks that were trained so are not taken for those of today."""
        return {"recipe": self, "moved": "each image by itself"} if self._moves else self

    @property
    def _moves(self) -> bool:
        return self.shift > 0 or (self.after is not None and self.after._moves)

    @property
    def optimizer(self) -> Callable[[Iterable[nn.Parameter]], Optimizer]:
        """Adam, or SGD with momentum."""
        if self.momentum is None:
            return partial(torch.optim.Adam, lr=self.rate)
        return partial(torch.optim.SGD, lr=self.rate, momentum=self.momentum)

    def at(self, setup: Setup) -> "Recipe":
        """The recipe with what a setup says of epochs, samples and seed."""
        return replace(self, epochs=setup.epochs or self.epochs, training=setup.training, seed=setup.seed)


def trained(recipe: Recipe, make: Callable[[], nn.Module], data: Callable[[], Data], device: str = "cpu") -> nn.Module:
    """The network, trained or from the store; an interrupt loses at most one epoch.  `data` is opened only if there is
    something to train."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = make() if recipe.after is None else trained(recipe.after, make, data, device)
    how: dict[str, Any] = {
        "epochs": recipe.epochs,
        "optimizer": recipe.optimizer,
        "decay": recipe.decay,
        "seed": recipe.seed,
        "accelerator": device,
        "resume": True,
    }
    batches = partial(
        loader,
        batch=recipe.batch,
        shift=recipe.shift,
        flip=recipe.flip,
        cutout=recipe.cutout,
        autoaugment=recipe.autoaugment,
    )
    price = Sparsity(recipe.l1) if recipe.l1 else None

    def train(path: Path) -> None:
        write(
            path,
            weights(fit(Classifier(model, price), batches(data().first(recipe.training)), folder=path.parent, **how)),
        )

    path = Store().kept(recipe.name, recipe.key, "weights.safetensors", train)
    model.load_state_dict(load_file(path))
    return model.eval().requires_grad_(False)


def weights(model: nn.Module) -> bytes:
    """A module's parameters and buffers as a safetensors file."""
    return to_bytes({name: t.contiguous() for name, t in model.state_dict().items()})
