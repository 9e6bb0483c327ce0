"""A ReLU network and its spiking twins: the same weights at the start, the same batches, the same optimizer; runs are
kept and resumed."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from isospike import convert
from isospike.codings import TTFS
from isospike.data import Data, loader
from isospike.engine import SpikingNetwork
from isospike.store import LATER, Store, write
from isospike.train import Classifier, SpikeTimes, Trainee, accuracy, fit, read_curve
from isospike.train.fit import Diverged
from isospike.train.kept import Curve
from isospike.zoo import NETWORKS, initial, vgg16
from isospike_papers.shared.data import Split, cifar10, with_test_set
from isospike_papers.stanojevic2023.parts.inverse import equivalent, reordered, synapses_of, weights_of

Watch = Callable[[float], None]
TRAINED = "trained.safetensors"

RELU, REORDERED, MAPPABLE, HELD = "relu", "relu-reordered", "mappable", "held"
# HELD has slopes of ½ to 2.
CODINGS = {MAPPABLE: TTFS(), HELD: TTFS(mapping="fixed", alpha=1.0, delta=0.5, lowest_sum=1.0)}
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
    | `width`    | of VGG16, if not its own                                                                 |
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
    width: int | None = field(default=None, metadata=LATER)

    @property
    def make(self) -> Callable[[tuple[int, ...], int], nn.Sequential]:
        """The network, for samples of a shape and a number of classes."""
        return NETWORKS[self.network] if self.width is None else partial(vgg16, width=self.width)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of weights and inputs."""
        return torch.float64 if self.double else torch.float32

    def kept(self, kind: str, train: Callable[[Path], object]) -> Path:
        """The weights of a run, trained or from the store."""
        versions = {name: version(name) for name in ("isospike", "torch", "lightning")}
        configuration = {"plan": self, "kind": kind, "versions": versions}
        return Store().kept(f"{self.network}-{self.data}-{kind}", configuration, TRAINED, train)


def learned(trainee: Trainee[Any]) -> list[Tensor]:
    """Weights of each layer of the ReLU network that a trainee is equivalent to."""
    return synapses_of(trainee.body()) if isinstance(trainee, SpikeTimes) else weights_of(trainee)


@dataclass(frozen=True)
class Run:
    """A trained network: loss and accuracy by epoch, its outputs (batch, classes), and by epoch the weights of each
    layer, w = J / s."""

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
        self.initial = initial(plan.make, tuple(self.calibration.shape[1:]), 10, plan.seed).to(plan.dtype)
        if plan.rescaled:
            self.initial = equivalent(self.network(HELD), self.initial)

    def relu(self, kind: str = RELU) -> nn.Sequential:
        """The ReLU network before training; reordered, it takes the same sums in another order."""
        return (
            reordered(self.initial, torch.Generator().manual_seed(self.plan.seed))
            if kind == REORDERED
            else copy.deepcopy(self.initial)
        )

    def network(self, kind: str) -> SpikingNetwork:
        """The spiking network of this kind that computes what the ReLU network does before training."""
        return convert(self.initial, self.calibration, CODINGS[kind], self.input_range)

    def relu_trainee(self, kind: str = RELU) -> Classifier:
        """The ReLU network, to be trained."""
        return Classifier(self.relu(kind))

    def trainee(self, kind: str) -> SpikeTimes:
        """The spiking network, to be trained: with slopes held, or ramps."""
        return SpikeTimes(self.network(kind), mappable=kind == MAPPABLE)

    def run(self, kind: str) -> Run:
        """Train a network of this kind, go on with it, or fetch it."""
        trainee = self.relu_trainee(kind) if kind in (RELU, REORDERED) else self.trainee(kind)

        def train(path: Path) -> None:
            folder = path.parent
            try:
                self.fit(trainee, folder=folder, resume=True, watch=self._trace(folder, lambda: learned(trainee)))
            except Diverged:  # as ramps that are held may
                self._diverged(folder, accuracy(trainee, self.held_out))
            write(path, to_bytes({name: t.contiguous() for name, t in trainee.cpu().state_dict().items()}))

        path = self.plan.kept(kind, train)
        trainee.load_state_dict(load_file(path))
        epochs = range(1, self.plan.epochs + 1) if self.plan.traced else ()
        weights = [list(load_file(path.with_name(f"epoch-{epoch}.safetensors")).values()) for epoch in epochs]
        return Run(read_curve(path.parent), trainee.eval().requires_grad_(False), weights)

    def _diverged(self, folder: Path, right: float | None) -> None:
        """What a network that has no numbers any more would show in the epochs that are left."""
        curve = folder / "curve.csv"
        kept = curve.read_text() if curve.exists() else "epoch,loss,accuracy\n"
        rows = (f"{epoch},nan,{right}\n" for epoch in range(kept.count("\n"), self.plan.epochs + 1))
        write(curve, kept + "".join(rows))

    def fit(self, trainee: Trainee[Any], **options: Any) -> None:
        """Train a network by the plan."""
        fit(trainee, self.batches, accelerator=self.device, **self._how(), **options)

    def _how(self) -> dict[str, Any]:
        optimizer = partial(getattr(torch.optim, self.plan.optimizer), lr=self.plan.rate)
        decay = float(self.plan.decay ** (len(self.batches) / DECAY_STEPS))  # a factor an epoch
        return {
            "epochs": self.plan.epochs,
            "optimizer": optimizer,
            "decay": decay,
            "seed": self.plan.seed,
            "held_out": self.held_out,
        }

    def _trace(self, folder: Path, weights: Callable[[], list[Tensor]]) -> Watch | None:
        """Keeps the weights after the last step of each epoch, counted from the last that was kept."""
        checkpoint = folder / "checkpoint.ckpt"
        step = len(self.batches) * (
            int(torch.load(checkpoint, weights_only=True)["epoch"]) if checkpoint.exists() else 0
        )

        def watch(_: float) -> None:
            nonlocal step
            step += 1
            if step % len(self.batches) == 0:
                found = {f"{i:02}": w.detach().cpu().contiguous() for i, w in enumerate(weights())}
                write(folder / f"epoch-{step // len(self.batches)}.safetensors", to_bytes(found))

        return watch if self.plan.traced else None
