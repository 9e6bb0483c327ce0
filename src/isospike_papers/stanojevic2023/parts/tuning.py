"""A converted VGG16 and what fine-tuning on some hardware makes of it: each tuned network is kept, an interrupt loses
at most one epoch."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

import torch

from isospike import constrain, convert, load, save
from isospike.codings import TTFS
from isospike.constraints import Constraint, Noise, reseeded
from isospike.data import Data, loader
from isospike.engine import SpikingNetwork
from isospike.importers import digest
from isospike.report.claim import Setup
from isospike.simulate import ClosedForm
from isospike.store import Store
from isospike.train import Trainee, fit, prepare
from isospike_papers.shared.data import MOVED
from isospike_papers.shared.subject import Subject
from isospike_papers.stanojevic2023.parts.subjects import VGG16, vgg16_cifar10

Made = TypeVar("Made")
CODING = TTFS(scale="channel")
RATE, BATCH = 2e-4, 64
FALL = 0.1  # of the learning rate, over all epochs
EPOCHS, FULL = 4, 10  # of tuning
FILE = "network.safetensors"
# Options of claims about it; epochs, where given, are those of the training before the tuning as well
TUNED = VGG16 | {"training": (512, None, None)}


class Tuning:
    """VGG16 on CIFAR-10, the images it is tuned on at a learning rate, and those that figures are reported on."""

    def __init__(self, setup: Setup, coding: TTFS = CODING, rate: float = RATE) -> None:
        self.setup, self.coding, self.rate = setup, coding, rate
        self.subject: Subject = vgg16_cifar10(setup)
        self.images = self.subject.split.train.first(setup.training)
        self.reported = {name: data.first(setup.samples) for name, data in self.subject.split.reported.items()}
        self.epochs = setup.epochs or (FULL if setup.full else EPOCHS)
        self.calibration = list(self.subject.split.train.first(512))
        self.network = convert(
            self.subject.model, self.subject.split.train.first(500), coding, self.subject.input_range
        )

    def fit(self, trainee: Trainee[Made], images: Data, epochs: int, **options: Any) -> Made:
        """Tune on these images."""
        adam, decay = partial(torch.optim.Adam, lr=self.rate), FALL ** (1 / epochs)
        batches = loader(images, BATCH, **MOVED)
        return fit(trainee, batches, epochs, optimizer=adam, decay=decay, seed=self.setup.seed, **options)

    def kept(
        self,
        name: str,
        how: dict[str, Any],
        trainee: Callable[[], Trainee[Made]],
        keep: Callable[[Made, Path], object],
    ) -> Path:
        """The file of what is tuned on all images, or was; its curve is beside it, and an interrupt loses at most one
        epoch."""

        def tune(path: Path) -> None:
            keep(self.fit(trainee(), self.images, self.epochs, folder=path.parent, resume=True), path)

        tuning = {
            "epochs": self.epochs,
            "rate": self.rate,
            "fall": FALL,
            "batch": BATCH,
            "seed": self.setup.seed,
            "images": len(self.images),
            "model": digest(self.subject.model),
            "moved": MOVED,
        }
        return Store().kept(f"tuned-{name}", tuning | how, FILE, tune)

    def path(self, constraints: Sequence[Constraint]) -> Path:
        """The file of the network tuned under these constraints."""
        how = {"constraints": list(map(repr, constraints)), "coding": repr(self.coding)}
        return self.kept("vgg16", how, lambda: prepare(self.network, constraints, self.calibration), save)

    def tuned(self, constraints: Sequence[Constraint]) -> SpikingNetwork:
        """The network tuned under these constraints."""
        return load(self.path(constraints))

    def accuracy(self, network: SpikingNetwork, constraints: Sequence[Constraint], data: Data) -> tuple[float, float]:
        """Per cent of right answers on such hardware: mean and standard deviation over draws of what is random."""
        trials = self.setup.trials if any(isinstance(c, Noise) for c in constraints) else 1
        found = []
        for trial in range(trials):
            chip = ClosedForm().prepare(
                constrain(network, reseeded(constraints, 1000 * self.setup.seed + trial), self.calibration)
            )
            found.append(
                100 * sum(int((chip(x).argmax(1) == y).sum()) for x, y in data.batches() if y is not None) / len(data)
            )
        return mean(found), stdev(found) if trials > 1 else 0.0
