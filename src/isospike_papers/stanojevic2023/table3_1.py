"""Trained from scratch with the linearly mappable condition, spiking networks are as accurate as ReLU networks trained
as they are.

Both begin with the same weights and see the same batches; accuracies are means over seeds.  Source: Stanojevic 2023,
Table 3.1, Fig. 3.4a."""

import math
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from isospike.errors import InvalidData
from isospike.report.claim import Claim, Found, Row, Setup, Value, at_most
from isospike_papers.shared.data import cifar10_name
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.twins import MAPPABLE, RELU, Curve, Plan, Twins, opened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RELU_MEAN, RELU_SD, SNN_MEAN, SNN_SD = "ReLU accuracy [%]", "ReLU SD", "SNN accuracy [%]", "SNN SD"
DIFFERENCE, SAME_SEED = "difference of means", "largest difference, same seed"
NETWORK = {"fc16": "16 dense layers", "lenet": "LeNet-5", "vgg16": "VGG16"}
DATA = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


@dataclass(frozen=True)
class Case:
    """A row.  seeds, width: how many networks, and the width of VGG16, if the size is not `full`."""

    network: str
    data: str
    seeds: int = 5
    width: int | None = None

    @property
    def name(self) -> str:
        """As tables have it."""
        return f"{NETWORK[self.network]}, {DATA[self.data]}"

    def plan(self, setup: Setup, seed: int) -> Plan:
        """The paper's batches of 8 if `full`, else of 64: Adam's rate is then √8 times as high, and falls alike with
        the samples seen."""
        plan = Plan(
            self.network,
            cifar10_name(setup.data_dir) if self.data == "cifar10" else self.data,
            setup.epochs or 1,
            setup.training,
            setup.samples,
            batch=8,
            seed=seed,
        )
        return (
            plan
            if setup.full
            else replace(plan, batch=64, rate=plan.rate * 8**0.5, decay=plan.decay**8, width=self.width)
        )

    def seeds_of(self, setup: Setup) -> range:
        """Seeds of the networks."""
        return range(setup.seed, setup.seed + (setup.trials if setup.full else min(self.seeds, setup.trials)))


SMALL = tuple(Case(network, data) for data in ("mnist", "fashion_mnist") for network in ("fc16", "lenet"))
# Without its first pool, as images of 28 × 28 have it, VGG16 costs four times as much
CASES = (*SMALL, *(Case("vgg16", data, seeds=1, width=16 if data == "cifar10" else 8) for data in DATA))


@dataclass(frozen=True)
class Curves:
    """Curves of each seed."""

    relu: list[Curve]
    snn: list[Curve]

    def last(self, curves: list[Curve]) -> list[float]:
        """Accuracies in the end [%]."""
        return [100 * curve[-1]["accuracy"] for curve in curves]

    @property
    def measured(self) -> dict[str, Value]:
        """A row of the table."""
        relu, snn = self.last(self.relu), self.last(self.snn)
        return {
            RELU_MEAN: fmean(relu),
            RELU_SD: _sd(relu),
            SNN_MEAN: fmean(snn),
            SNN_SD: _sd(snn),
            DIFFERENCE: fmean(snn) - fmean(relu),
            SAME_SEED: max(abs(a - b) for a, b in zip(relu, snn, strict=True)),
            "seeds": len(relu),
        }

    def excess(self, images: int) -> float:
        """The difference of means over the largest of the seeds' standard deviations and the standard error of one
        accuracy over so many images."""
        relu, snn = self.last(self.relu), self.last(self.snn)
        wrong = 1 - fmean(relu) / 100
        by_chance = 100 * math.sqrt(wrong * (1 - wrong) / images)
        return abs(fmean(snn) - fmean(relu)) / max(_sd(relu), _sd(snn), by_chance, 1e-9)


class Table31(Claim):
    """Table 3.1: ReLU networks and spiking networks trained from scratch."""

    source = "Stanojevic 2023, Table 3.1 and Fig. 3.4a"
    paper = {
        "VGG16, MNIST": {RELU_MEAN: 99.57, RELU_SD: 0.01, SNN_MEAN: 99.57, SNN_SD: 0.0},
        "VGG16, Fashion-MNIST": {RELU_MEAN: 94.24, RELU_SD: 0.02, SNN_MEAN: 94.26, SNN_SD: 0.03},
        "VGG16, CIFAR-10": {RELU_MEAN: 93.68, RELU_SD: 0.02, SNN_MEAN: 93.69, SNN_SD: 0.001},
    }
    options = {"samples": (64, None, None), "trials": (2, 16, 16)} | TRAINS | {"epochs": (1, 20, 50)}

    def measure(self, setup: Setup) -> Found:
        """Train or fetch both networks of every seed and row."""
        rows, found, excess = list[Row](), dict[Case, Curves](), list[float]()
        for case in CASES:
            try:
                split = opened(case.data, setup.data_dir)
            except InvalidData as error:
                rows.append(Row(case.name, {}, note=f"not run: {error.what}"))
                continue
            tested = list(split.reported.values())[-1]
            twins = [Twins(case.plan(setup, seed), split.train, tested, setup.device) for seed in case.seeds_of(setup)]
            found[case] = Curves([one.run(RELU).curve for one in twins], [one.run(MAPPABLE).curve for one in twins])
            rows.append(Row(case.name, found[case].measured))
            excess.append(found[case].excess(len(tested.first(setup.samples))))
        if not found:
            raise InvalidData(
                "none of the table's data sets is here.", remedy="Name their place: --data-dir, ISOSPIKE_DATA."
            )
        return Found(
            rows=tuple(rows),
            held=(
                at_most(
                    "means of ReLU and spiking networks differ by less than seeds do, or draws of test images",
                    max(excess),
                    1,
                    "SD, the largest of these, in all rows",
                ),
            ),
            notes=_notes(setup),
            draw=lambda: _figure(found),
        )


def _notes(setup: Setup) -> tuple[str, ...]:
    few = f"the first {setup.training:,}" if setup.training else "all training"
    short = (
        f"Trained for {setup.epochs} epochs with batches of 64 on {few} images; VGG16 has width 8, or 16 for "
        "CIFAR-10, and one seed.  The rate is √8 times the paper's, as batches are 8 times as large.  Images are not "
        "moved and there is no batch norm, so VGG16 is less accurate than the paper's on CIFAR-10."
    )
    return (
        *(() if setup.full else (short,)),
        "The paper gives one figure a data set and does not name the network.  That it is VGG16 is inferred: §3.6.3 "
        "describes the training of VGG16, Table 2.1 has 99.60 % for it on MNIST and 93.70 % on Fashion-MNIST, and no "
        "LeNet-5 comes near on Fashion-MNIST.",
        "Nor does it say for how many epochs; at full size it is 50, as in Table 3.3.",
    )


def _sd(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _figure(found: dict[Case, Curves]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    sets = list(dict.fromkeys(case.data for case in found))
    for axes, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        for (case, one), mark in zip(
            ((case, one) for case, one in found.items() if case.data == data), "os^", strict=False
        ):
            _curves(axes, one.relu, "#c55a11", "--", mark, f"{NETWORK[case.network]}, ReLU", -0.03)
            _curves(axes, one.snn, "#1f4e79", "-", mark, f"{NETWORK[case.network]}, SNN", 0.03)
        axes.set(xlabel="epoch", title=DATA[data])
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7.5, frameon=False)
    figure.axes[0].set_ylabel("test accuracy [%], mean and SD")
    return figure


def _curves(axes: "Axes", curves: list[Curve], color: str, line: str, mark: str, label: str, beside: float) -> None:
    by_epoch = [[100 * moment["accuracy"] for moment in moments] for moments in zip(*curves, strict=True)]
    epochs = [epoch + 1 + beside for epoch in range(len(by_epoch))]
    axes.errorbar(
        epochs,
        [fmean(a) for a in by_epoch],
        [_sd(a) for a in by_epoch],
        color=color,
        ls=line,
        marker=mark,
        ms=4,
        capsize=2,
        lw=1.2,
        label=label,
    )
