"""A ReLU network in an ordinary PyTorch loop, and its spiking twins in `fit`: the same weights, batches and optimizer; runs are kept and resumed."""

import copy
import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isospike import convert, load, save
from isospike.codings import TTFS
from isospike.data import Data, loader
from isospike.experiments._data import Split, cifar10, with_test_set
from isospike.experiments._training import cache, replace_file
from isospike.hardware import trained_maps
from isospike.network import Body, SpikingNetwork
from isospike.neurons import FirstSpikeIF
from isospike.simulate import ClosedForm
from isospike.train import SpikeTimes, accuracy, fit
from isospike.train.networks import initial

RELU, MAPPABLE, HELD = "relu", "mappable", "held"
CODINGS = {MAPPABLE: TTFS(), HELD: TTFS(mapping="fixed", alpha=1.0)}
DECAY_STEPS = 5000  # after which the learning rate has fallen by the factor (§3.6.3)

Watch = Callable[[float], None]
Curve = list[dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """How a network and its twins are trained; with the versions, what a run is kept under.

    | field      | meaning                                                                                  |
    |------------|------------------------------------------------------------------------------------------|
    | `training` | on the first so many samples, or all                                                     |
    | `tested`   | accuracy is taken over the first so many, or all                                         |
    | `decay`    | factor on the learning rate after 5,000 steps                                            |
    | `rescaled` | rows rescaled so that they sum to 0.99 at most, as α = 1 asks for                        |
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
        curve = self._relu(folder) if kind == RELU else self._spiking(kind, folder)
        epochs = range(1, self.plan.epochs + 1) if self.plan.traced else ()
        weights = [list(load_file(folder / f"epoch-{epoch}.safetensors").values()) for epoch in epochs]
        return Run(curve, self._outputs(kind, folder), weights)

    def _outputs(self, kind: str, folder: Path) -> Callable[[Tensor], Tensor]:
        if kind != RELU:
            return ClosedForm().prepare(load(folder / "network.safetensors"))
        model = copy.deepcopy(self.initial)
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval().requires_grad_(False)

    def _relu(self, folder: Path) -> Curve:
        done = folder / "model.safetensors"
        if not done.exists():
            model = copy.deepcopy(self.initial).to(self.device)
            train_relu(model, self, folder, self._trace(folder, lambda: weights_of(model)))
            replace_file(done, lambda path: save_file({k: v.contiguous().cpu() for k, v in model.state_dict().items()}, path))
            (folder / "checkpoint.ckpt").unlink()
        return _curve(folder)

    def _spiking(self, kind: str, folder: Path) -> Curve:
        done = folder / "network.safetensors"
        if not done.exists():
            trainee = self.trainee(kind)
            trained = self.fit(trainee, folder=folder, resume=True, watch=self._trace(folder, lambda: synapses_of(trainee.body())))
            replace_file(done, lambda path: save(trained, path))
            (folder / "checkpoint.ckpt").unlink()
        return _curve(folder)

    def fit(self, trainee: SpikeTimes, **options: Any) -> SpikingNetwork:
        """Train by the plan."""
        plan = self.plan
        options |= {"held_out": self.held_out, "accelerator": self.device, "seed": plan.seed}
        return fit(trainee, self.batches, plan.epochs, optimizer=self.optimizer, decay=self.decay, **options)

    @property
    def decay(self) -> float:
        """Factor on the learning rate after an epoch."""
        return float(self.plan.decay ** (len(self.batches) / DECAY_STEPS))

    @property
    def optimizer(self) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
        """Of PyTorch's, by name."""
        return partial(getattr(torch.optim, self.plan.optimizer), lr=self.plan.rate)

    def _trace(self, folder: Path, weights: Callable[[], list[Tensor]]) -> Watch | None:
        """Keeps the weights after the last step of each epoch, counted from the last that was kept."""
        step = len(_curve(folder)) * len(self.batches)

        def watch(_: float) -> None:
            nonlocal step
            step += 1
            if step % len(self.batches) == 0:
                found = {f"{i:02}": w.detach().cpu().contiguous() for i, w in enumerate(weights())}
                replace_file(folder / f"epoch-{step // len(self.batches)}.safetensors", lambda path: save_file(found, path))

        return watch if self.plan.traced else None


def train_relu(model: nn.Module, twins: Twins, folder: Path | None = None, watch: Watch | None = None) -> None:
    """PyTorch's loop: what `fit` does with its trainee, done with a ReLU network."""
    optimizer = twins.optimizer(model.requires_grad_(True).parameters())
    curve: Curve = []
    if folder is not None and (folder / "checkpoint.ckpt").exists():
        state = torch.load(folder / "checkpoint.ckpt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        curve = _curve(folder)[: state["epoch"]]
    steps = len(twins.batches)
    with torch.random.fork_rng(devices=[]):
        for epoch in range(len(curve), twins.plan.epochs):
            torch.manual_seed(twins.plan.seed * 1_000_003 + epoch + 1)  # as `fit` does, so that batches are the same
            losses = 0.0
            model.train()
            for step, (x, y) in enumerate(track(twins.batches, f"ReLU, epoch {epoch + 1} of {twins.plan.epochs}", total=steps, transient=True)):
                optimizer.param_groups[0]["lr"] = twins.plan.rate * twins.decay ** (epoch + step / steps)
                loss = F.cross_entropy(model(x.to(twins.device)), y.to(twins.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses += float(loss.detach())
                if watch is not None:
                    watch(float(loss.detach()))
            right = accuracy(model, twins.held_out)
            curve.append({"epoch": epoch + 1, "loss": losses / steps, "accuracy": float("nan") if right is None else right})
            if folder is not None:
                replace_file(folder / "curve.csv", partial(_write, curve))
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
                replace_file(folder / "checkpoint.ckpt", partial(torch.save, state))


def _write(curve: Curve, path: str) -> None:
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, ["epoch", "loss", "accuracy"])
        table.writeheader()
        table.writerows(curve)


def _curve(folder: Path) -> Curve:
    if not (folder / "curve.csv").exists():
        return []
    with (folder / "curve.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def weights_of(model: nn.Module) -> list[Tensor]:
    """Weights of each layer of a ReLU network."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def synapses_of(body: Body) -> list[Tensor]:
    """The same in the ReLU network that a network of dense first-spike layers is equivalent to: w = J / s, and J of the read-out (eq. 3.4)."""
    found = []
    for stage in body.stages:
        (layer,) = trained_maps(stage)
        found.append(layer.weight / stage.neuron.slope.reshape(-1, 1) if isinstance(stage.neuron, FirstSpikeIF) else layer.weight)
    return found


def equivalent(body: Body, like: nn.Sequential) -> nn.Sequential:
    """The ReLU network that a network of dense first-spike layers computes: b = B / τ − θ / s besides (eq. 3.4, the ramp beginning at t_min)."""
    model = copy.deepcopy(like)
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight, stage in zip(dense, synapses_of(body), body.stages, strict=True):
            layer.weight.copy_(weight)
            neuron = stage.neuron
            if isinstance(neuron, FirstSpikeIF):
                layer.bias.copy_((neuron.window / neuron.tau - neuron.threshold / neuron.slope).expand_as(layer.bias))
            else:
                layer.bias.copy_((neuron.ramp * neuron.onset / neuron.tau).expand_as(layer.bias))
    return model
