"""A ReLU network and its spiking twins: the same weights at the start, the same batches, the same optimizer; runs are kept and resumed."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isospike import convert, load, save
from isospike.codings import TTFS
from isospike.data import Data, loader
from isospike.experiments._data import Split, cifar10, with_test_set
from isospike.experiments._inverse import equivalent, reordered, synapses_of, weights_of
from isospike.experiments._relu_loop import Curve, Watch, read_curve, train_relu
from isospike.experiments._training import cache, replace_file
from isospike.network import SpikingNetwork
from isospike.simulate import ClosedForm
from isospike.train import SpikeTimes, accuracy, fit
from isospike.train.fit import Diverged
from isospike.train.networks import initial

RELU, REORDERED, MAPPABLE, HELD = "relu", "relu-reordered", "mappable", "held"
CODINGS = {MAPPABLE: TTFS(), HELD: TTFS(mapping="fixed", alpha=1.0, delta=0.5, lowest_sum=1.0)}  # the latter has slopes of ½ to 2
DECAY_STEPS = 5000  # after which the learning rate has fallen by the factor (§3.6.3)


@dataclass(frozen=True)
class Plan:
    """How a network and its twins are trained; with the versions, what a run is kept under.

    | field      | meaning                                                                                  |
    |------------|------------------------------------------------------------------------------------------|
    | `training` | on the first so many samples, or all                                                     |
    | `tested`   | accuracy is taken over the first so many, or all                                         |
    | `decay`    | factor on the learning rate after 5,000 steps                                            |
    | `rescaled` | rows rescaled to sums of −1 to ½, for α = 1 to have slopes of ½ to 2                      |
    | `traced`   | whether the weights after each epoch are kept                                            |
    """

    network: str
    data: str
    epochs: int
    training: int | None = None
    tested: int | None = None
    batch: int = 64
    rate: float = 5e-4
    decay: float = 0.9
    optimizer: str = "Adam"
    double: bool = False
    rescaled: bool = False
    traced: bool = False
    seed: int = 0

    @property
    def dtype(self) -> torch.dtype:
        """Precision of weights and inputs."""
        return torch.float64 if self.double else torch.float32

    def folder(self, kind: str) -> Path:
        """Where a run is kept."""
        versions = {name: version(name) for name in ("isospike", "torch", "lightning")}
        text = json.dumps(asdict(self) | versions, sort_keys=True)
        return cache() / f"scratch-{self.network}-{self.data}-{hashlib.sha256(text.encode()).hexdigest()[:10]}-{kind}"


@dataclass(frozen=True)
class Run:
    """A trained network: loss and accuracy by epoch, its outputs (batch, classes), and by epoch the weights of each layer, w = J / s."""

    curve: Curve
    outputs: Callable[[Tensor], Tensor]
    weights: list[list[Tensor]]


def opened(data: str, data_dir: Path | None) -> Split:
    """A data set with pixels in [0, 1]."""
    return cifar10(data_dir, ((0.0,), (1.0,))) if data == "cifar10" else with_test_set(data, data_dir)


class Twins:
    """The networks of a plan.  tested: what accuracy is taken over; device: where they are trained."""

    def __init__(self, plan: Plan, train: Data, tested: Data, device: str = "cpu") -> None:
        self.plan, self.device = plan, device
        train = train.first(plan.training)
        self.batches = loader(train, plan.batch, dtype=plan.dtype)
        self.held_out = [(x.to(plan.dtype), y) for x, y in tested.first(plan.tested).batches() if y is not None]
        self.calibration, self.input_range = next(train.batches(1000))[0].to(plan.dtype), train.input_range()
        self.initial = initial(plan.network, tuple(self.calibration.shape[1:]), 10, plan.seed).to(plan.dtype)
        if plan.rescaled:
            self.initial = equivalent(self.network(HELD).body, self.initial)

    def relu(self, kind: str = RELU) -> nn.Sequential:
        """The ReLU network before training; reordered, it takes the same sums in another order."""
        return reordered(self.initial, torch.Generator().manual_seed(self.plan.seed)) if kind == REORDERED else copy.deepcopy(self.initial)

    def network(self, kind: str) -> SpikingNetwork:
        """The spiking network of this kind that computes what the ReLU network does before training."""
        return convert(self.initial, self.calibration, CODINGS[kind], self.input_range)

    def trainee(self, kind: str) -> SpikeTimes:
        """The same, to be trained: with slopes held, or ramps."""
        return SpikeTimes(self.network(kind), mappable=kind == MAPPABLE)

    def run(self, kind: str) -> Run:
        """Train a network of this kind, go on with it, or fetch it."""
        folder = self.plan.folder(kind)
        folder.mkdir(parents=True, exist_ok=True)
        curve = self._relu(kind, folder) if kind in (RELU, REORDERED) else self._spiking(kind, folder)
        epochs = range(1, self.plan.epochs + 1) if self.plan.traced else ()
        weights = [list(load_file(folder / f"epoch-{epoch}.safetensors").values()) for epoch in epochs]
        return Run(curve, self._outputs(kind, folder), weights)

    def _outputs(self, kind: str, folder: Path) -> Callable[[Tensor], Tensor]:
        if kind in CODINGS:
            return ClosedForm().prepare(load(folder / "network.safetensors"))
        model = self.relu()
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval().requires_grad_(False)

    def _relu(self, kind: str, folder: Path) -> Curve:
        done = folder / "model.safetensors"
        if not done.exists():
            model = self.relu(kind)
            self.train_relu(model, folder=folder, watch=self._trace(folder, lambda: weights_of(model)))
            replace_file(done, lambda path: save_file({k: v.contiguous().cpu() for k, v in model.state_dict().items()}, path))
            (folder / "checkpoint.ckpt").unlink()
        return read_curve(folder)

    def _spiking(self, kind: str, folder: Path) -> Curve:
        done = folder / "network.safetensors"
        if not done.exists():
            trainee = self.trainee(kind)
            try:
                trained = self.fit(trainee, folder=folder, resume=True, watch=self._trace(folder, lambda: synapses_of(trainee.body())))
            except Diverged:  # as ramps that are held may
                trained = trainee.network()
                self._diverged(folder, accuracy(trainee, self.held_out))
            replace_file(done, lambda path: save(trained, path))
            (folder / "checkpoint.ckpt").unlink(missing_ok=True)
        return read_curve(folder)

    def _diverged(self, folder: Path, right: float | None) -> None:
        """What a network that has no numbers any more would show in the epochs that are left."""
        curve = folder / "curve.csv"
        kept = curve.read_text() if curve.exists() else "epoch,loss,accuracy\n"
        rows = (f"{epoch},nan,{right}\n" for epoch in range(kept.count("\n"), self.plan.epochs + 1))
        replace_file(curve, lambda path: Path(path).write_text(kept + "".join(rows)))

    def fit(self, trainee: SpikeTimes, **options: Any) -> SpikingNetwork:
        """Train a spiking network by the plan."""
        return fit(trainee, self.batches, accelerator=self.device, **self._how(), **options)

    def train_relu(self, model: nn.Module, **options: Any) -> None:
        """Train a ReLU network by the plan."""
        train_relu(model, self.batches, device=self.device, **self._how(), **options)

    def _how(self) -> dict[str, Any]:
        optimizer = partial(getattr(torch.optim, self.plan.optimizer), lr=self.plan.rate)
        decay = float(self.plan.decay ** (len(self.batches) / DECAY_STEPS))  # a factor an epoch
        return {"epochs": self.plan.epochs, "optimizer": optimizer, "decay": decay, "seed": self.plan.seed, "held_out": self.held_out}

    def _trace(self, folder: Path, weights: Callable[[], list[Tensor]]) -> Watch | None:
        """Keeps the weights after the last step of each epoch, counted from the last that was kept."""
        checkpoint = folder / "checkpoint.ckpt"
        step = len(self.batches) * (int(torch.load(checkpoint, weights_only=True)["epoch"]) if checkpoint.exists() else 0)

        def watch(_: float) -> None:
            nonlocal step
            step += 1
            if step % len(self.batches) == 0:
                found = {f"{i:02}": w.detach().cpu().contiguous() for i, w in enumerate(weights())}
                replace_file(folder / f"epoch-{step // len(self.batches)}.safetensors", lambda path: save_file(found, path))

        return watch if self.plan.traced else None
