"""A converted VGG16 and what fine-tuning on some hardware makes of it: each tuned network is kept, an interrupt loses
at most one epoch."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev

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
from isospike.train import fit, prepare
from isospike_papers.shared.data import MOVED
from isospike_papers.shared.subject import Subject
from isospike_papers.stanojevic2023.parts.subjects import VGG16, vgg16_cifar10

CODING = TTFS(scale="channel")
RATE, DECAY, BATCH = 2e-4, 0.8, 64
EPOCHS = 10  # of tuning
# Options of claims about it; epochs, where given, are those of the training before the tuning as well
TUNED = VGG16 | {"training": (512, None, None)}


class Tuning:
    """VGG16 on CIFAR-10, the images it is tuned on, and those that figures are reported on."""

    def __init__(self, setup: Setup, coding: TTFS = CODING) -> None:
        self.setup, self.coding = setup, coding
        self.subject: Subject = vgg16_cifar10(setup)
        self.images = self.subject.split.train.first(setup.training)
        self.reported = {name: data.first(setup.samples) for name, data in self.subject.split.reported.items()}
        self.epochs = setup.epochs or EPOCHS
        self.calibration = list(self.subject.split.train.first(512))
        self.network = convert(
            self.subject.model, self.subject.split.train.first(500), coding, self.subject.input_range
        )

    def tuned(self, constraints: Sequence[Constraint]) -> SpikingNetwork:
        """The network fine-tuned under these constraints, or from the cache."""
        how = {
            "constraints": list(map(repr, constraints)),
            "epochs": self.epochs,
            "rate": RATE,
            "decay": DECAY,
            "batch": BATCH,
            "seed": self.setup.seed,
            "images": len(self.images),
            "model": digest(self.subject.model),
            "coding": repr(self.coding),
            "moved": MOVED,
        }

        def tune(path: Path) -> None:
            batches = loader(self.images, BATCH, **MOVED)
            trainee = prepare(self.network, constraints, self.calibration)
            adam = partial(torch.optim.Adam, lr=RATE)
            save(
                fit(
                    trainee,
                    batches,
                    self.epochs,
                    optimizer=adam,
                    decay=DECAY,
                    seed=self.setup.seed,
                    folder=path.parent,
                    resume=True,
                ),
                path,
            )

        return load(Store().kept("tuned-vgg16", how, "network.safetensors", tune))

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
