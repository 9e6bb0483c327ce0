"""A converted VGG16 keeps its accuracy, and fine-tuning in spike times gains what fine-tuning the ReLU network gains.

Both are tuned from the same weights, over the same batches, at the same rate.  Source: Stanojevic 2023, Table 3.2 and
Fig. 3.4b."""

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from isospike.codings import TTFS
from isospike.data import loader
from isospike.importers import read
from isospike.ir.graph import Graph
from isospike.passes import canonical
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least, at_most
from isospike.train import Classifier, Trainee, accuracy, fit, prepare
from isospike_papers.shared.data import MOVED
from isospike_papers.stanojevic2023.parts.tuning import BATCH, DECAY, TUNED, Tuning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = 1e-4
BEFORE, AFTER = ("ReLU before [%]", "SNN before [%]"), ("ReLU after [%]", "SNN after [%]")


class Twin(nn.Module):
    """The ReLU network in canonical form, batch norm fused, its weights and biases learned: what the spiking network
    is equivalent to.

    Of a bias that is a map over places, one number a channel is learned.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        weights = {path: t.clone() for path, t in graph.tensors().items() if path.endswith(".weight")}
        moves = {
            path: torch.zeros(len(t), *(1,) * (t.ndim - 1))
            for path, t in graph.tensors().items()
            if path.endswith(".bias")
        }
        self.learned = nn.ParameterDict(
            {path.replace(".", "/"): nn.Parameter(t) for path, t in (weights | moves).items()}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of a batch."""
        learned = {path.replace("/", "."): t for path, t in self.learned.items()}

        def current(path: str, t: Tensor) -> Tensor:
            return t + learned[path] if path.endswith(".bias") else learned.get(path, t)

        return self.graph.map_tensors(current)(x)


class Table32(Claim):
    """Table 3.2 and Fig. 3.4b: VGG16 before and after fine-tuning, ReLU and spiking."""

    source = "Stanojevic 2023, Table 3.2 and Fig. 3.4b"
    paper = {
        "CIFAR-100": dict(zip((*BEFORE, *AFTER), (70.48, 70.48, 72.23, 72.24), strict=True)),
        "Places365": dict(zip((*BEFORE, *AFTER), (52.69, 52.69, 53.86, 53.86), strict=True)),
    }
    options = TUNED

    def measure(self, setup: Setup) -> Found:
        """Tune both, step by step over the same batches."""
        tuning = Tuning(setup, TTFS())
        place, data = next(iter(tuning.reported.items()))
        test = [(x, y) for x, y in data.batches() if y is not None]
        encoder = tuning.network.body.encoder
        twin = Twin(
            canonical(read(tuning.subject.model, tuning.calibration[0]).with_range(encoder.low, encoder.high)).to(
                torch.float32
            )
        )
        trainees: dict[str, tuple[nn.Module, Trainee[Any]]] = {
            "ReLU": (twin, Classifier(twin)),
            "SNN": (tuning.network, prepare(tuning.network)),
        }
        batches = loader(tuning.images, BATCH, **MOVED)
        how: dict[str, Any] = {"optimizer": partial(torch.optim.Adam, lr=RATE), "decay": DECAY, "seed": setup.seed}
        losses: dict[str, list[float]] = {name: [] for name in trainees}
        before = {name: 100 * (accuracy(model, test) or 0.0) for name, (model, _) in trainees.items()}
        tuned = {
            name: fit(trainee, batches, tuning.epochs, watch=losses[name].append, **how)
            for name, (_, trainee) in trainees.items()
        }
        after = {name: 100 * (accuracy(model, test) or 0.0) for name, model in tuned.items()}
        measured: dict[str, Value] = dict(zip((*BEFORE, *AFTER), (*before.values(), *after.values()), strict=True))
        apart = [abs(a - b) for a, b in zip(losses["ReLU"], losses["SNN"], strict=True)]
        rows = [
            Row("CIFAR-10", measured),
            *(Row(name, {}, note="not run: data set not here.") for name in self.paper),
        ]
        gain = {name: after[name] - before[name] for name in trainees}
        lost = abs(before["ReLU"] - before["SNN"])
        return Found(
            rows=tuple(rows),
            held=(
                Held(
                    "conversion loses nothing",
                    lost,
                    "difference of accuracies at most one image",
                    lost <= 100 / len(data),
                ),
                Held(
                    "the first 20 steps have the same loss",
                    max(apart[:20]),
                    "difference at most 1e-3 in single precision",
                    max(apart[:20]) <= 1e-3,
                ),
                at_most("both gain alike", abs(gain["ReLU"] - gain["SNN"]), 1, "point apart"),
                at_least("fine-tuning does not harm the spiking network", gain["SNN"], -0.5, "points"),
            ),
            notes=(
                *(() if setup.full else (f"VGG16 has width {setup.width} instead of 64.",)),
                f"CIFAR-10 takes the place of CIFAR-100 and Places365.  Tuned for {tuning.epochs} epochs of "
                f"{len(tuning.images):,} images at a rate of {RATE:g}; accuracy over {len(data):,} images ({place}).",
                "In single precision the two drift apart as any two orders of summation do; in double precision see "
                "stanojevic2023-fig3.3.",
            ),
            draw=lambda: _figure(losses, len(batches)),
        )


def _figure(losses: dict[str, list[float]], steps: int) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, values), style in zip(losses.items(), ("-", "--"), strict=True):
        means = [sum(values[i : i + steps]) / steps for i in range(0, len(values), steps)]
        axes.plot(
            range(1, len(means) + 1),
            means,
            style,
            marker="o",
            ms=4,
            label=name,
            color="#1f4e79" if style == "-" else "#c55a11",
        )
    axes.set(xlabel="epoch of fine-tuning", ylabel="training loss")
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
