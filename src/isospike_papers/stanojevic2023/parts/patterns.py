"""Networks of units on features, each trained once for a plan and kept; what they are held against (appendix A.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from isospike import CTE, ECTE, load, save
from isospike.data import Data, loader
from isospike.encoders import Bernoulli, PatternEncoder
from isospike.encoders.pattern import Patterns
from isospike.engine import SpikingNetwork
from isospike.errors import IsospikeError
from isospike.export.shift_add import MEMORY
from isospike.report.claim import Setup
from isospike.store import Store
from isospike.train import OverTime, fit, units
from isospike_papers.shared.data import with_test_set
from isospike_papers.shared.recipe import Recipe, trained

CODES = "CTE", "ECTE"
FEWER = {6: "ECTE", 4: "ECTE-4", 2: "ECTE-2", 1: "ECTE-1"}  # by spikes of a segment
ENCODERS: dict[str, Patterns] = {"CTE": CTE()} | {code: ECTE(spikes=spikes) for spikes, code in FEWER.items()}
RATE, STEPS, WHITE = "rate", 300, 100  # the code of Woźniak 2020: spikes that a white pixel has in so many steps
SHALLOW, DEEP = (800,), (256, 256, 256)
LEAK = 0.8125  # 2⁻¹ + 2⁻² + 2⁻⁴ for 0.8: trained with the shifts that inference takes
RATES = {"mnist": 8e-3, "fashion_mnist": 2e-3, "bbc": 8e-3}  # of Adam, on held-out samples no worse than others
BATCH, EPS, DROPOUT, PATIENCE = 64, 1e-7, 0.2, 100
DIVISION = 7  # seed of what is held out, the same in every trial
PENALTY, PENALTY_OF_TEXTS = 0.01, 1.0  # C of the support vector machine, which the source does not give
LAST = 0.06  # of the learning rate, in the last epoch


@dataclass(frozen=True)
class Plan:
    """How a network of units is trained: with the encoder's settings, what it is kept by."""

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
    batch: int = BATCH
    dropout: float = DROPOUT
    patience: int = PATIENCE


def plan(data: str, code: str, hidden: tuple[int, ...], train: Data, setup: Setup) -> Plan:
    """Five output neurons a class behind one hidden layer, one behind three (Fig. A.5); rates, which take five times
    as long, for a quarter of the epochs."""
    outputs = 5 if len(hidden) == 1 else 1
    epochs = max(1, (setup.epochs or 1) // (4 if code == RATE else 1))
    return Plan(data, code, hidden, outputs, epochs, len(train), setup.seed, RATES[data])


def parts(data: str, setup: Setup) -> tuple[Data, Data, Data]:
    """Training images, a ninth as many held out at random, and test images.  Raises `InvalidData`."""
    split = with_test_set(data, setup.data_dir)
    train, held_out = split.train.divided(len(split.train) // 10, DIVISION)
    cut = min(setup.training or len(train), len(train))
    return train.first(cut), held_out.first(cut // 9), split.reported["test set"].first(setup.samples)


def answering(one: Plan, train: Data, held_out: Data, device: str = "cpu") -> SpikingNetwork:
    """The network of the epoch that was best on the held-out samples, trained or from the store; an interrupt loses at
    most one epoch."""
    rates = Bernoulli((1, 28, 28), torch.zeros(()), torch.ones(()), clip=True, rate=WHITE / STEPS)

    def make(path: Path) -> None:
        network = units(
            rates if one.code == RATE else ENCODERS[one.code].fit(train),
            one.hidden,
            classes(train),
            outputs=one.outputs,
            steps=STEPS,
            decay=one.leak,
            memory=one.memory,
            own=True,
            seed=one.seed,
        )
        adam, decay = partial(torch.optim.Adam, lr=one.rate, eps=EPS), LAST ** (1 / one.epochs)
        batches, folder = loader(train, one.batch), path.parent
        save(
            fit(
                OverTime(network, dropout=one.dropout),
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


def original(data: str, hidden: Sequence[int], train: Data, setup: Setup) -> nn.Module:
    """The ReLU network of the same widths on the features themselves, trained as long."""

    def make() -> nn.Module:
        widths = (features(train.first(1))[0].shape[1], *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, width in pairwise(widths):
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(DROPOUT)]
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes(train)))

    name = f"ann-{data}-{'-'.join(map(str, hidden))}-of-{len(train)}"
    recipe = Recipe(name, setup.epochs or 1, batch=BATCH, seed=setup.seed)
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


def sent(network: SpikingNetwork, data: Data) -> float:
    """Spikes of the input neurons, a sample; of rates, on average."""
    encoder = network.body.encoder
    if not isinstance(encoder, PatternEncoder):
        return sum(float(encoder.encode(x).sum()) for x in data) * network.body.steps / len(data)
    counts = encoder.patterns.sum(2).flatten().double()
    return sum(float(counts[encoder.chosen(encoder.drive(x))].sum()) for x in data) / len(data)
