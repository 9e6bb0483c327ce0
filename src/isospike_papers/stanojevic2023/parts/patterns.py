"""Networks of units on features, each trained once for a plan and kept; what they are held against (appendix A.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isospike import CTE, ECTE, load, save
from isospike.data import Data, loader
from isospike.encoders import Bernoulli, PatternEncoder
from isospike.encoders.pattern import Patterns
from isospike.engine import SpikingNetwork
from isospike.errors import IsospikeError
from isospike.export.shift_add import MEMORY
from isospike.measure.operations import fans
from isospike.report.claim import Setup
from isospike.store import Store
from isospike.train import OverTime, fit, units
from isospike.zoo import initial
from isospike_papers.shared.data import with_test_set
from isospike_papers.shared.recipe import Recipe, trained

CODES = "CTE", "ECTE"
FEWER = {6: "ECTE", 4: "ECTE-4", 2: "ECTE-2", 1: "ECTE-1"}  # by spikes of a segment
ENCODERS: dict[str, Patterns] = {"CTE": CTE(), "CTE-8": CTE(8), "CTE-n10": CTE(spikes=10)} | {
    code: ECTE(spikes=spikes) for spikes, code in FEWER.items()
}
RATE, STEPS, WHITE = "rate", 300, 100  # the code of Woźniak 2020: spikes that a white pixel has in so many steps
SHALLOW, DEEP = (800,), (256, 256, 256)
LEAK = 0.8125  # 2⁻¹ + 2⁻² + 2⁻⁴ for 0.8: trained with the shifts that inference takes
RATES = {"mnist": 1e-2, "fashion_mnist": 8e-3, "bbc": 1e-2}  # of Adam, chosen by the loss after 500 steps
THRESHOLD, WIDTH = 1.0, 0.5  # β at the start and the surrogate's width: the loss falls faster than from 0.07
IMAGES: dict[str, Any] = {  # what the source does not have, or does not give; the ReLU network has the same
    "mnist": {"shift": 1, "dropout": 0.1},
    "fashion_mnist": {"flip": True, "dropout": 0.1},
}
BATCH, EPS, DROPOUT, PATIENCE, WEIGHT = 64, 1e-7, 0.2, 100, 10.0
DIVISION = 7  # seed of what is held out, the same in every trial
PENALTY, PENALTY_OF_TEXTS = 0.01, 1.0  # C of the support vector machine, which the source does not give
LAST = 0.06  # of the learning rate, in the last epoch


@dataclass(frozen=True)
class Plan:
    """How a network of units is trained: with the encoder's settings, what it is kept by.

    | field           | meaning                                                        |
    |-----------------|----------------------------------------------------------------|
    | `hidden`        | widths of the dense layers, or channels of the convolutions    |
    | `convolutional` | which of them they are                                         |
    | `outputs`       | neurons a class                                                |
    | `weight`        | ω, of the steps at which a target spikes                       |
    | `shift`, `flip` | an image is moved by up to so many pixels; half are mirrored   |
    """

    data: str
    code: str
    hidden: tuple[int, ...]
    outputs: int
    epochs: int
    images: int
    seed: int
    rate: float
    leak: float = LEAK
    memory: float = MEMORY
    threshold: float = THRESHOLD
    width: float = WIDTH
    batch: int = BATCH
    dropout: float = DROPOUT
    patience: int = PATIENCE
    weight: float = WEIGHT
    convolutional: bool = False
    shift: int = 0
    flip: bool = False


def plan(data: str, code: str, hidden: tuple[int, ...], train: Data, setup: Setup) -> Plan:
    """Five output neurons a class behind one hidden layer, one behind three (Fig. A.5); rates, which take five times
    as long, for a quarter of the epochs."""
    outputs = 5 if len(hidden) == 1 else 1
    epochs = quarter(setup.epochs or 1) if code == RATE else setup.epochs or 1
    images = IMAGES.get(data, {})
    return replace(Plan(data, code, hidden, outputs, epochs, len(train), setup.seed, RATES[data]), **images)


def quarter(epochs: int) -> int:
    """Of the epochs, for rates."""
    return max(1, epochs // 4)


def parts(data: str, setup: Setup) -> tuple[Data, Data, Data]:
    """Training images, a ninth as many held out at random, and test images.  Raises `InvalidData`."""
    split = with_test_set(data, setup.data_dir)
    train, held_out = split.train.divided(len(split.train) // 10, DIVISION)
    cut = min(setup.training or len(train), len(train))
    return train.first(cut), held_out.first(cut // 9), split.reported["test set"].first(setup.samples)


def answering(one: Plan, train: Data, held_out: Data, device: str = "cpu") -> SpikingNetwork:
    """The network of the epoch that was best on the held-out samples, trained or from the store; an interrupt loses at
    most one epoch."""

    def make(path: Path) -> None:
        shape = tuple(next(iter(train.first(1))).shape[1:])
        rates = Bernoulli(shape, torch.zeros(()), torch.ones(()), clip=True, rate=WHITE / STEPS)
        layers = partial(convolutions, channels=one.hidden)
        network = units(
            rates if one.code == RATE else ENCODERS[one.code].fit(train),
            initial(layers, shape, classes(train) * one.outputs, one.seed) if one.convolutional else one.hidden,
            classes(train),
            outputs=one.outputs,
            steps=STEPS,
            decay=one.leak,
            memory=one.memory,
            threshold=one.threshold,
            own=True,
            seed=one.seed,
        )
        adam, decay = partial(torch.optim.Adam, lr=one.rate, eps=EPS), LAST ** (1 / one.epochs)
        batches, folder = loader(train, one.batch, shift=one.shift, flip=one.flip), path.parent
        save(
            fit(
                OverTime(network, weight=one.weight, dropout=one.dropout, width=one.width),
                batches,
                one.epochs,
                held_out=held_out,
                patience=one.patience,
                optimizer=adam,
                decay=decay,
                seed=one.seed,
                folder=folder,
                resume=True,
                accelerator=device,
            ),
            path,
        )

    name = f"units-{one.data}-{one.code.lower()}-{'-'.join(map(str, one.hidden))}"
    return load(
        Store().kept(
            name, {"plan": one, "encoder": ENCODERS.get(one.code, (RATE, STEPS, WHITE))}, "network.safetensors", make
        )
    )


def convolutions(shape: tuple[int, ...], outputs: int, channels: Sequence[int]) -> nn.Sequential:
    """Convolutions of 3 × 3 that halve the image, and a dense layer.  shape: (channels, height, width)."""
    (inputs, *size), layers = shape, list[nn.Module]()
    for found in channels:
        layers += [nn.Conv2d(inputs, found, 3, stride=2, padding=1, bias=False), nn.ReLU()]
        inputs, size = found, [(pixels + 1) // 2 for pixels in size]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * math.prod(size), outputs, bias=False))


def original(data: str, hidden: Sequence[int], train: Data, epochs: int, setup: Setup) -> nn.Module:
    """The ReLU network of the same widths on the features themselves."""
    moved = {"dropout": DROPOUT} | IMAGES.get(data, {})
    dropout = moved.pop("dropout")

    def make() -> nn.Module:
        widths = (features(train.first(1))[0].shape[1], *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, width in pairwise(widths):
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes(train)))

    name = f"ann-{data}-{'-'.join(map(str, hidden))}-of-{len(train)}"
    recipe = Recipe(name, epochs, batch=BATCH, seed=setup.seed, **moved)
    return trained(recipe, make, lambda: train, setup.device)


def machine(train: Data, test: Data, seed: int, penalty: float = PENALTY) -> float:
    """Accuracy of a linear support vector machine with L2, on the features [%].  Raises `IsospikeError`."""
    try:
        from sklearn.svm import LinearSVC
    except ImportError as error:
        raise IsospikeError(
            "the support vector machine needs scikit-learn, which is not installed.",
            remedy="Run: pip install 'isospike[papers]'",
        ) from error
    (x, y), (tested, labels) = features(train), features(test)
    fitted = LinearSVC(C=penalty, dual=False, random_state=seed).fit(x.numpy(), y.numpy())
    return 100 * float((torch.from_numpy(fitted.predict(tested.numpy())) == labels).double().mean())


def classes(data: Data) -> int:
    """How many there are."""
    assert data.labels is not None
    return int(data.labels.max()) + 1


def features(data: Data) -> tuple[Tensor, Tensor]:
    """All samples as rows, and their labels."""
    assert data.labels is not None
    return torch.cat(list(data)).flatten(1), data.labels


def reached(network: SpikingNetwork, data: Data) -> float:
    """Synapses of the first layer that the spikes of a sample reach; of rates, on average."""
    encoder, fan = network.body.encoder, fans(network.body)["input"].double()
    if not isinstance(encoder, PatternEncoder):
        return sum(float((encoder.encode(x).double() * fan).sum()) for x in data) * network.body.steps / len(data)
    counts = encoder.patterns.sum(2).flatten().double()
    return sum(float((counts[encoder.chosen(encoder.drive(x))] * fan.flatten()).sum()) for x in data) / len(data)
