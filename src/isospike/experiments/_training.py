"""Trains the networks of the experiments, once for each configuration: progress is shown, an interrupt loses at most one epoch."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isospike.data import Data


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    | field      | meaning                                                                                     |
    |------------|---------------------------------------------------------------------------------------------|
    | `name`     | architecture, width and data set: with the rest, the cache's key                            |
    | `decay`    | factor on the learning rate after each epoch                                                |
    | `l1`       | weight in the loss of the hidden layers' mean activity                                      |
    | `shift`    | batches are shifted by up to so many pixels, and half of the images mirrored if `flip`      |
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

    @property
    def key(self) -> str:
        """File name of the trained weights."""
        return f"{self.name}-{hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:10]}"


def cache() -> Path:
    """Where trained weights are kept: $ISOSPIKE_CACHE, else the user's cache."""
    path = Path(os.environ.get("ISOSPIKE_CACHE") or Path.home() / ".cache" / "isospike") / "weights"
    path.mkdir(parents=True, exist_ok=True)
    return path


def trained(recipe: Recipe, make: Callable[[], nn.Module], data: Callable[[], Data], device: str = "cpu") -> nn.Module:
    """The network, trained or from the cache.  `data` is opened only if there is something to train."""
    torch.manual_seed(recipe.seed)
    model = make()
    done = cache() / f"{recipe.key}.safetensors"
    if not done.exists():
        _train(recipe, model.to(device).to(memory_format=torch.channels_last), data(), device)
        replace_file(done, lambda path: save_file({k: v.contiguous().cpu() for k, v in model.state_dict().items()}, path))
        _checkpoint(recipe).unlink(missing_ok=True)
    model = model.cpu().to(memory_format=torch.contiguous_format)
    model.load_state_dict(load_file(done))
    return model.eval().requires_grad_(False)


def _checkpoint(recipe: Recipe) -> Path:
    return cache() / f"{recipe.key}.checkpoint"


def _train(recipe: Recipe, model: nn.Module, data: Data, device: str) -> None:
    optimizer = torch.optim.Adam(model.requires_grad_(True).parameters(), lr=recipe.rate)
    checkpoint, start = _checkpoint(recipe), 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["epoch"]
    assert data.labels is not None
    images, labels = torch.cat([x for x, _ in data.batches(4096)]), data.labels
    for epoch in range(start, recipe.epochs):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * recipe.decay**epoch
        _epoch(recipe, epoch, model, optimizer, images, labels, device)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
        replace_file(checkpoint, partial(torch.save, state))


def _epoch(recipe: Recipe, epoch: int, model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, device: str) -> None:
    generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
    torch.manual_seed(recipe.seed * 1000 + epoch)  # dropout
    order = torch.randperm(len(images), generator=generator)
    model.train()
    activity: list[Tensor] = []
    # A batch norm behind a rectifier would undo a mere change of scale, so there the mean is taken relative to the root mean square.
    relative = any(isinstance(m, nn.BatchNorm2d) for m in model.modules())

    def note(_: nn.Module, __: tuple[Tensor, ...], y: Tensor) -> None:
        activity.append(y.mean() / (y.square().mean() + 1e-12).sqrt() if relative else y.mean())

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.ReLU) and recipe.l1]
    for part in track(order.split(recipe.batch), description=f"{recipe.name}: epoch {epoch + 1} of {recipe.epochs}", transient=True):
        if len(part) == 1:
            continue  # batch norm needs two
        activity.clear()
        x = _augmented(images[part], recipe, generator).to(device)
        loss = F.cross_entropy(model(x), labels[part].to(device)) + (recipe.l1 * torch.stack(activity).mean() if activity else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for hook in hooks:
        hook.remove()


def _augmented(x: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    if recipe.flip:
        mirror = torch.rand(len(x), generator=generator) < 0.5
        x = torch.where(mirror[:, None, None, None], x.flip(3), x)
    if recipe.shift:
        dy, dx = (int(v) for v in torch.randint(-recipe.shift, recipe.shift + 1, (2,), generator=generator))
        x = F.pad(x, (recipe.shift,) * 4)[:, :, recipe.shift + dy :, recipe.shift + dx :][:, :, : x.shape[2], : x.shape[3]]
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def replace_file(path: Path, write: Callable[[str], object]) -> None:
    """Write a file whole or not at all."""
    partial = f"{path}.partial"
    write(partial)
    os.replace(partial, path)
