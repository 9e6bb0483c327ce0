"""The networks of Lu & Xu, none with biases, and how they are turned into spikes: weights as they are, V_th = 1, a
coding range k."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from isospike import SpikingNetwork, convert
from isospike.codings import Rate
from isospike.codings.normalise import Unscaled
from isospike.data import Data
from isospike.encoders import RegularSpikes
from isospike.errors import InvalidData
from isospike.neurons import LIF
from isospike.report.claim import Setup, Value
from isospike.simulate import Stepped
from isospike_papers.shared.data import Split, folder, with_test_set
from isospike_papers.shared.recipe import Recipe
from isospike_papers.shared.subject import Subject, subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DT = 0.01  # s, one time step; the highest frequency is one spike a step, 100 Hz
SECONDS = 3.0  # the time window of dense networks
AGREEMENT, RELU, SNN = "agreement [%]", "ReLU accuracy [%]", "SNN accuracy [%]"
Reset = Literal["soft", "zero"]  # "soft" is the paper's linear reset
RESETS: dict[Reset, str] = {"soft": "linear", "zero": "to zero"}


def dense(inputs: int, hidden: int, classes: int, bias: bool = False) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, hidden, bias=bias), nn.ReLU(), nn.Linear(hidden, classes, bias=bias)
    )


def convnet() -> nn.Sequential:
    """Table V: 12 and 64 kernels of 5 × 5 with padding, max pools, a hidden layer of 100."""
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 64, 5, padding=2, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(3136, 100, bias=False), nn.ReLU(), nn.Linear(100, 10, bias=False)),
    )


def synapses(model: nn.Module) -> int:
    """Weights, counted once wherever they are shared, as the paper's Table VI counts."""
    return sum(weights.numel() for weights in model.parameters())


def faces(setup: Setup) -> Split:
    """Faces and motorbikes of Caltech 101, 80 × 130 pixels: 200 of each for training, then 464 for testing."""
    place = folder(setup.data_dir) / "caltech101_faces_motorbikes"
    files = [place / f"{name}_80x130_gray.npz" for name in ("faces", "motorbikes")]
    if not all(file.exists() for file in files):
        raise InvalidData("data set not here (caltech101_faces_motorbikes in the data directory)")
    parts = []
    for kind, file in enumerate(files):
        with np.load(file, allow_pickle=False) as archive:
            images = torch.from_numpy(archive["images"])[:, None]
        # Photographs of a person follow each other in the file.
        parts.append((images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))], kind))
    train = _mixed("faces-motorbikes", [(x[: min(200, len(x) // 2)], kind) for x, kind in parts])
    test = _mixed("faces-motorbikes", [(x[min(200, len(x) // 2) :][:232], kind) for x, kind in parts])
    return Split(train, {"test images": test})


def _mixed(name: str, parts: list[tuple[Tensor, int]]) -> Data:
    images, labels = torch.cat([x for x, _ in parts]), torch.cat([torch.full((len(x),), kind) for x, kind in parts])
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    return Data(name, images[order], labels[order])


PIXELS = (0.0, 1.0)  # range of the inputs


def dense_faces(setup: Setup) -> Subject:
    """10400-600-2."""
    return subject(
        Recipe("lu2022-faces-600", 20, rate=2e-4, decay=0.9, batch=32),
        lambda: dense(10400, 600, 2),
        faces(setup),
        setup,
        PIXELS,
    )


def dense_mnist(setup: Setup, hidden: int = 600, bias: bool = False) -> Subject:
    """784-600-10, or with another hidden layer, or with biases."""
    recipe = Recipe(f"lu2022-mnist-{hidden}{'-bias' if bias else ''}", 10)
    return subject(recipe, lambda: dense(784, hidden, 10, bias), with_test_set("mnist", setup.data_dir), setup, PIXELS)


def convnet_mnist(setup: Setup) -> Subject:
    """Table V."""
    return subject(
        Recipe("lu2022-convnet-mnist", 100, decay=0.95),
        convnet,
        with_test_set("mnist", setup.data_dir),
        setup,
        PIXELS,
    )


def coding(k: float, seconds: float, reset: Reset = "soft", conductance: float = 0.0) -> Rate:
    """The paper's: spikes of fixed frequency, k Hz for the largest input; weights as they are, V_th = C = 1,
    potentials from 0.

    Then one spike a step, in any layer, stands for an activation of 1 / (k Δt).
    """
    rate = k * DT
    neuron = LIF(reset=reset, conductance=scalar(conductance), dt=scalar(DT))
    encoder = partial(RegularSpikes, rate=rate)
    return Rate(round(seconds / DT), neuron, Unscaled(1 / rate), initial=0.0, encoder=encoder, pool="window")


def spiking(subject: Subject, coding: Rate) -> SpikingNetwork:
    """Its network of spiking neurons, those of the output included: their spikes are counted."""
    assert isinstance(subject.model, nn.Module)
    return convert(
        nn.Sequential(subject.model, nn.ReLU()), next(iter(subject.split.train.first(8))), coding, subject.input_range
    )


@dataclass(frozen=True)
class Compared:
    """Labels of a spiking network, by the output neuron with most spikes (the first of several), beside its ReLU
    network's.

    `confusion`: how many samples have which label, (ReLU network's, spiking network's); `right`: how many are right,
    by network."""

    confusion: Tensor
    right: tuple[int, int]

    @property
    def samples(self) -> int:
        """How many."""
        return int(self.confusion.sum())

    @property
    def agreement(self) -> float:
        """Share of equal labels."""
        return float(self.confusion.trace()) / self.samples

    @property
    def accuracies(self) -> tuple[float, float]:
        """[%], of the ReLU network and of the spiking one."""
        return 100 * self.right[0] / self.samples, 100 * self.right[1] / self.samples

    @property
    def increment(self) -> float:
        """By how many points the spiking network is right less often."""
        return 100 * (self.right[0] - self.right[1]) / self.samples

    @property
    def figures(self) -> dict[str, Value]:
        """A row of a table."""
        relu, snn = self.accuracies
        return {AGREEMENT: 100 * self.agreement, "images": self.samples, RELU: relu, SNN: snn}


def compared(subject: Subject, coding: Rate, data: Data, batch: int = 64) -> Compared:
    """Run both on the data, in batches that the trains of a whole window fit into memory for."""
    assert isinstance(subject.model, nn.Module)
    simulation = Stepped().prepare(spiking(subject, coding))
    confusion, right = None, [0, 0]
    with torch.no_grad():
        for x, labels in data.batches(batch):
            wanted = subject.model(x)
            confusion = torch.zeros((wanted.shape[1],) * 2, dtype=torch.long) if confusion is None else confusion
            expected, found = wanted.argmax(1), simulation(x).argmax(1)
            confusion.index_put_((expected, found), torch.ones_like(found), accumulate=True)
            assert labels is not None
            right = [right[0] + int((expected == labels).sum()), right[1] + int((found == labels).sum())]
    assert confusion is not None
    return Compared(confusion, (right[0], right[1]))


def show_confusion(axes: "Axes", confusion: Tensor, title: str, names: Sequence[str] | None = None) -> None:
    """Counts in a grid: rows the ReLU network's labels, columns the spiking network's."""
    axes.imshow(confusion.double().clamp_min(0.3).log().numpy(), cmap="Blues")
    for (i, j), count in np.ndenumerate(confusion.numpy()):
        if count:
            axes.text(
                j,
                i,
                str(count),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if count > confusion.max() ** 0.6 else "black",
            )
    ticks = [str(i) for i in range(len(confusion))] if names is None else list(names)
    axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=8)
    axes.set(xlabel="spiking network", ylabel="ReLU network")
    axes.set_title(title, fontsize=10, loc="left")


def scalar(value: float) -> Tensor:
    """A parameter of all neurons."""
    return torch.tensor(value, dtype=torch.float64)
