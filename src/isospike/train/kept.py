"""What is kept of a training run in its folder: configuration, curve and last checkpoint, each file whole or not at
all."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isospike import store
from isospike.errors import InvalidFile
from isospike.train.base import Trainee

CONFIGURATION, CURVE, CHECKPOINT = "run.json", "curve.csv", "checkpoint.ckpt"
Curve = list[dict[str, float]]  # epoch, loss, accuracy


class Run:
    """trainee, optimizer: whose state a checkpoint is of.  folder: None if nothing is to be kept.  patience: if given,
    the best epoch is kept besides the last, and a run has settled so many epochs after it.  writes: whether this
    process does."""

    def __init__(
        self,
        folder: Path | None,
        trainee: Trainee[Any],
        optimizer: Any,
        configuration: dict[str, Any],
        patience: int | None = None,
        writes: bool = True,
    ) -> None:
        self.folder, self.configuration, self.patience, self.writes = folder, configuration, patience, writes
        self.trainee, self.optimizer, self.curve = trainee, optimizer, Curve()
        self.best: dict[str, Tensor] | None = None

    @property
    def settled(self) -> bool:
        """Whether the last epochs, as many as there is patience for, were no better than the best before."""
        return self.patience is not None and len(self.curve) - self._best_epoch() >= self.patience

    def _best_epoch(self) -> int:
        """Its number from 1; 0 before there is one."""
        return 1 + max(range(len(self.curve)), key=lambda i: self.curve[i]["accuracy"], default=-1)

    def begin(self, resume: bool) -> int:
        """The epoch to begin with: the first, or the one after the last that was kept.  Raises `InvalidFile`."""
        if self.folder is None:
            return 0
        store.folder(self.folder)
        checkpoint = self.folder / CHECKPOINT
        if not (resume and checkpoint.exists()):
            if self.writes:
                store.write(self.folder / CONFIGURATION, json.dumps(self.configuration, indent=1))
                for old in (checkpoint, self.folder / CURVE):
                    old.unlink(missing_ok=True)
            return 0
        try:
            kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # PyTorch's and pickle's, which share no base
            raise InvalidFile(
                f"`{checkpoint}` cannot be read: {error}",
                "Checkpoints written by `fit`.",
                "Leave --resume out to begin anew.",
            ) from error
        if differing := _differing(json.loads(kept["run"]), self.configuration):
            what = f"`{checkpoint}` is of another run: {differing}."
            raise InvalidFile(
                what,
                "The run that it was written by, with as many epochs as you like.",
                "Leave --resume out to begin anew.",
            )
        self.trainee.load_state_dict(kept["trainee"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.curve, self.best = kept["curve"], kept.get("best")
        return int(kept["epoch"])

    def keep(self, epoch: int, loss: float, accuracy: float | None) -> None:
        """Write down an epoch."""
        self.curve.append({"epoch": epoch, "loss": loss, "accuracy": math.nan if accuracy is None else accuracy})
        if self.patience is not None and self._best_epoch() == epoch:
            self.best = {name: t.detach().cpu().clone() for name, t in self.trainee.state_dict().items()}
        if self.folder is None or not self.writes:
            return
        rows = io.StringIO()
        table = csv.DictWriter(rows, ["epoch", "loss", "accuracy"], lineterminator="\n")
        table.writeheader()
        table.writerows(self.curve)
        store.write(self.folder / CURVE, rows.getvalue())
        states: dict[str, Any] = {"trainee": self.trainee.state_dict(), "optimizer": self.optimizer.state_dict()}
        content = io.BytesIO()
        more = {"epoch": epoch, "curve": self.curve, "best": self.best, "run": json.dumps(self.configuration)}
        torch.save(states | more, content)
        # Written last, so that the curve is never behind its checkpoint.
        store.write(self.folder / CHECKPOINT, content.getvalue())


def read_curve(folder: str | Path) -> Curve:
    """The epochs of a run so far: loss and accuracy of each, numbered from 1; none where there is no run."""
    path = Path(folder) / CURVE
    if not path.exists():
        return []
    with path.open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _differing(kept: dict[str, Any], own: dict[str, Any]) -> str:
    """How two configurations differ, apart from the number of epochs: no epoch depends on how many there will be."""
    told = []
    for part in {**kept, **own}:
        there, here = kept.get(part) or {}, own.get(part) or {}
        told += [
            f"{part} {key} {there.get(key)} there, {here.get(key)} here"
            for key in {**there, **here}
            if key != "epochs" and there.get(key) != here.get(key)
        ]
    return "; ".join(told)
