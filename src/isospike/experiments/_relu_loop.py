"""A ReLU network trained in an ordinary PyTorch loop, kept after each epoch: the other side of what `isospike.train.fit` is compared with."""

import csv
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from isospike.experiments._training import replace_file
from isospike.train import accuracy

Watch = Callable[[float], None]
Curve = list[dict[str, float]]  # epoch, loss, accuracy


def train_relu(
    model: nn.Module,
    batches: DataLoader[Any],
    epochs: int,
    *,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
    decay: float,
    seed: int,
    held_out: list[tuple[Tensor, Tensor]],
    device: str = "cpu",
    folder: Path | None = None,
    watch: Watch | None = None,
) -> None:
    """What `fit` does with its trainee, done with a ReLU network; the arguments are those of `fit`."""
    adjusted = optimizer(model.to(device).requires_grad_(True).parameters())
    rate = adjusted.param_groups[0]["lr"]
    curve: Curve = []
    if folder is not None and (folder / "checkpoint.ckpt").exists():
        state = torch.load(folder / "checkpoint.ckpt", weights_only=True)
        model.load_state_dict(state["model"])
        adjusted.load_state_dict(state["optimizer"])
        curve = read_curve(folder)[: state["epoch"]]
    steps = len(batches)
    with torch.random.fork_rng(devices=[]):
        for epoch in range(len(curve), epochs):
            torch.manual_seed(seed * 1_000_003 + epoch + 1)  # as `fit` does, so that batches are the same
            losses = 0.0
            model.train()
            for step, (x, y) in enumerate(track(batches, f"ReLU, epoch {epoch + 1} of {epochs}", total=steps, transient=True)):
                adjusted.param_groups[0]["lr"] = rate * decay ** (epoch + step / steps)
                loss = F.cross_entropy(model(x.to(device)), y.to(device))
                adjusted.zero_grad()
                loss.backward()
                adjusted.step()
                losses += float(loss.detach())
                if watch is not None:
                    watch(float(loss.detach()))
            right = accuracy(model, held_out)
            curve.append({"epoch": epoch + 1, "loss": losses / steps, "accuracy": float("nan") if right is None else right})
            if folder is not None:
                replace_file(folder / "curve.csv", partial(_write, curve))
                state = {"model": model.state_dict(), "optimizer": adjusted.state_dict(), "epoch": epoch + 1}
                replace_file(folder / "checkpoint.ckpt", partial(torch.save, state))


def _write(curve: Curve, path: str) -> None:
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, ["epoch", "loss", "accuracy"])
        table.writeheader()
        table.writerows(curve)


def read_curve(folder: Path) -> Curve:
    """The epochs of a run so far; `fit` writes the same file."""
    if not (folder / "curve.csv").exists():
        return []
    with (folder / "curve.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
