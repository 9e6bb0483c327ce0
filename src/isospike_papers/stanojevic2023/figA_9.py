"""On colour images a classifier of units behind trained convolutions answers as well as one of ReLUs; a small network
of convolutions of units learns from patterns, with fewer spikes than from rates.

CIFAR-10 and CIFAR-100.  Source: Stanojevic 2023, Fig. A.9 and sec. A.2.4."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData
from isospike.report.claim import Claim, Found, Row, Setup, at_least, at_most, number
from isospike.store import DIGITS
from isospike_papers.shared.recipe import weights
from isospike_papers.shared.subject import Subject
from isospike_papers.stanojevic2023.parts.compared import ACCURACY, ADDITIONS, LOOKED_UP, drawn, figures, right
from isospike_papers.stanojevic2023.parts.patterns import (
    DIVISION,
    RATE,
    STEPS,
    Plan,
    answering,
    original,
    quarter,
)
from isospike_papers.stanojevic2023.parts.subjects import VGG16, vgg16_cifar10, vgg16_cifar100
from isospike_papers.stanojevic2023.parts.trunk import features

TOP = "right among five [%]"
SUBJECTS: dict[str, tuple[Callable[[Setup], Subject], int]] = {  # and the output neurons of a class
    "CIFAR-10": (vgg16_cifar10, 1),
    "CIFAR-100": (vgg16_cifar100, 5),
}
PATTERNS = {"CTE": "CTE-8", "ECTE": "ECTE"}  # one bin would see nothing of images without zeros
CONVOLUTIONS = PATTERNS | {"rate code": RATE}
NARROW = 0.3  # of convolutions' surrogates: through wider ones gradients explode
HEAVY, EPOCHS, IMAGES, FULL = (
    20.0,
    10,
    10_000,
    150,
)  # ω; epochs and images of the convolutions, and the source's epochs


class FigA9(Claim):
    """Fig. A.9: patterns of colour images, units behind trained convolutions and in convolutions of their own."""

    source = "Stanojevic 2023, Fig. A.9"
    paper = {
        "CIFAR-10, ECTE, convolutional": {TOP: 95},
        "CIFAR-100, ECTE, convolutional": {TOP: 50},
    }  # in the text, both about; its other figures are in the pictures
    options = VGG16

    def measure(self, setup: Setup) -> Found:
        """Train or fetch the convolutions, a classifier for each code behind them, and networks for each code."""
        rows: list[Row] = []
        shown: tuple[SpikingNetwork, Data] | None = None
        for name, (made, outputs) in SUBJECTS.items():
            try:
                subject = made(setup)
            except InvalidData as error:
                rows.append(Row(f"{name}, ECTE, convolutional", {}, note=f"not run: {error.what}."))
                continue
            rows += _classifiers(name, subject, outputs, setup)
            found, drawing = _convolutional(name, subject, setup)
            rows, shown = rows + found, shown or drawing
        if shown is None:
            raise InvalidData(
                "none of the figure's data sets is here.", remedy="Name their place: --data-dir, ISOSPIKE_DATA."
            )
        at = {row.case: {key: number(value) for key, value in row.measured.items()} for row in rows if row.measured}
        names = [name for name in SUBJECTS if f"{name}, ReLU classifier" in at]
        behind = max(
            at[f"{name}, ReLU classifier"][ACCURACY] - at[f"{name}, {code} classifier"][ACCURACY]
            for name in names
            for code in PATTERNS
        )
        codes = [{code: at[f"{name}, {code}, convolutional"] for code in CONVOLUTIONS} for name in names]
        added = max(of["ECTE"][ADDITIONS] / of["rate code"][ADDITIONS] for of in codes)
        ahead = min(of["ECTE"][ACCURACY] - of["CTE"][ACCURACY] for of in codes)
        drawing = shown
        return Found(
            rows=rows,
            held=(
                at_most("a classifier of units comes near one of ReLUs", behind, 1, "point behind"),
                at_least("convolutions of units have the class among five", codes[0]["ECTE"][TOP], 95, "%"),
                at_least("ECTE is no worse than CTE", ahead, 0, "points"),
                at_most("and takes fewer additions than rates", added, 1, "of theirs"),
            ),
            notes=(
                f"Classifiers hear what the convolutions of a VGG16 of width {setup.width} say (the source's: of "
                "width 64), and have one hidden layer as wide as its own.  Where test images of CIFAR-10 are missing, "
                "all are trained on training images 0–44,999 and reported on 45,000–49,999; for 1,000 test images the "
                "standard error is about 1 point.",
                f"Convolutional networks: three convolutions of {_channels(setup)} channels that halve the image, and "
                f"a dense layer; the source's widths are in the picture only.  {_epochs(setup)} epochs of at most "
                f"{_images(setup):,} images, the best by a ninth as many others; ω = {HEAVY:g}.  CTE has Q = 8: with "
                f"the Q = 1 of MNIST it would see nothing of images in which hardly a pixel is zero, and little of "
                f"features.  The rate code has {STEPS} steps, and a quarter of the epochs.",
                LOOKED_UP,
            ),
            draw=lambda: drawn([row for row in rows if row.measured], "colour images", *drawing),
        )


def _epochs(setup: Setup) -> int:
    return setup.epochs or (FULL if setup.full else EPOCHS)


def _images(setup: Setup) -> int:
    return setup.training or (50_000 if setup.full else IMAGES)


def _channels(setup: Setup) -> tuple[int, int, int]:
    first = setup.width if setup.full else max(1, setup.width // 2)
    return first, 2 * first, 4 * first


def _classifiers(name: str, subject: Subject, outputs: int, setup: Setup) -> list[Row]:
    heard = features(subject, subject.split.train.first(setup.training), f"{name} features")
    reported = {
        place: features(subject, data.first(setup.samples), place) for place, data in subject.split.reported.items()
    }
    train, held_out = heard.divided(len(heard) // 10, DIVISION)
    hidden = (8 * setup.width,)
    assert isinstance(subject.model, torch.nn.Module)
    trunk = hashlib.sha256(weights(subject.model)).hexdigest()[:DIGITS]  # other weights have other features
    data = f"{name.lower()}-{setup.width}-features-{trunk}"
    found: dict[str, SpikingNetwork | torch.nn.Module] = {
        case: answering(
            Plan(data, code, hidden, outputs, _epochs(setup), len(train), setup.seed, 1e-2, weight=HEAVY),
            train,
            held_out,
            setup.device,
        )
        for case, code in PATTERNS.items()
    }
    found["ReLU"] = original(data, hidden, train, _epochs(setup), setup)
    return [_row(f"{name}, {case} classifier", network, reported) for case, network in found.items()]


def _convolutional(name: str, subject: Subject, setup: Setup) -> tuple[list[Row], tuple[SpikingNetwork, Data]]:
    """Rows, and the network on extended patterns with data to show it on."""
    split = subject.split
    plain = {key: _pixels(data).first(setup.samples) for key, data in split.reported.items()}
    train, held_out = _pixels(split.train).divided(len(split.train) // 10, DIVISION)
    train, held_out = train.first(_images(setup)), held_out.first(max(1, _images(setup) // 9))
    networks = {}
    for case, code in CONVOLUTIONS.items():
        epochs = quarter(_epochs(setup)) if code == RATE else _epochs(setup)
        one = Plan(name.lower(), code, _channels(setup), 1, epochs, len(train), setup.seed, 1e-2)
        one = replace(one, weight=HEAVY, convolutional=True, width=NARROW)
        networks[case] = answering(one, train, held_out, setup.device)
    rows = [_row(f"{name}, {case}, convolutional", network, plain) for case, network in networks.items()]
    return rows, (networks["ECTE"], next(iter(plain.values())))


def _pixels(data: Data) -> Data:
    """Values from 0 to 1, not normalised: what is not there is 0."""
    return replace(data, mean=(0.0,), std=(1.0,))


def _row(case: str, network: SpikingNetwork | torch.nn.Module, reported: dict[str, Data]) -> Row:
    """Figures of the first set, and accuracies of the others."""
    (_, first), *others = reported.items()
    found = figures(network, first) if isinstance(network, SpikingNetwork) else {ACCURACY: right(network, first)}
    found[TOP] = _among(network, first)
    return Row(case, found | {f"{place} [%]": right(network, data) for place, data in others})


@torch.no_grad()
def _among(network: Callable[[Tensor], Tensor], data: Data, best: int = 5) -> float:
    """How often the class is among the best so many [%]."""
    hits = sum(int((network(x).topk(best).indices == y[:, None]).sum()) for x, y in data.batches() if y is not None)
    return 100 * hits / len(data)
