"""A converted VGG16 keeps its accuracy, and fine-tuning in spike times gains what fine-tuning the ReLU network gains.

Both are tuned from the same weights, over the same batches, at the same rate.  Source: Stanojevic 2023, Table 3.2 and
Fig. 3.4b."""

from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from isospike import load
from isospike.codings import TTFS
from isospike.importers import read
from isospike.ir.graph import Graph
from isospike.passes import canonical
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least, at_most
from isospike.store import write
from isospike.train import Classifier, accuracy, prepare, read_curve
from isospike_papers.shared.recipe import weights
from isospike_papers.stanojevic2023.parts.tuning import BATCH, TUNED, Tuning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE, EARLY, NAMES = 1e-4, 20, ("ReLU", "SNN")
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
        tuning = Tuning(setup, TTFS(), RATE)
        place, data = next(iter(tuning.reported.items()))
        test = [(x, y) for x, y in data.batches() if y is not None]
        encoder = tuning.network.body.encoder
        read_in = read(tuning.subject.model, tuning.calibration[0]).with_range(encoder.low, encoder.high)
        graph = canonical(read_in).to(torch.float32)
        early: dict[str, list[float]] = {name: [] for name in NAMES}
        few = tuning.images.first(EARLY * BATCH)
        for name, trainee in zip(NAMES, (Classifier(Twin(graph)), prepare(tuning.network)), strict=True):
            tuning.fit(trainee, few, 1, watch=early[name].append)
        twin = Twin(graph)
        before = [100 * (accuracy(model, test) or 0.0) for model in (twin, tuning.network)]
        paths = (
            tuning.kept(
                "vgg16-relu", {}, lambda: Classifier(Twin(graph)), lambda one, path: write(path, weights(one))
            ),
            tuning.path([]),
        )
        twin.load_state_dict(load_file(paths[0]))
        after = [100 * (accuracy(model, test) or 0.0) for model in (twin, load(paths[1]))]
        losses = {
            name: [one["loss"] for one in read_curve(path.parent)] for name, path in zip(NAMES, paths, strict=True)
        }
        measured: dict[str, Value] = dict(zip((*BEFORE, *AFTER), (*before, *after), strict=True))
        apart = [abs(a - b) for a, b in zip(*early.values(), strict=True)]
        rows = [
            Row("CIFAR-10", measured),
            *(Row(name, {}, note="not run: data set not here.") for name in self.paper),
        ]
        gain = [b - a for a, b in zip(before, after, strict=True)]
        lost = abs(before[0] - before[1])
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
                    f"the first {EARLY} steps have the same loss",
                    max(apart),
                    "difference at most 1e-3 in single precision",
                    max(apart) <= 1e-3,
                ),
                at_most("both gain alike", abs(gain[0] - gain[1]), 1, "point apart"),
                at_least("fine-tuning does not harm the spiking network", gain[1], -0.5, "points"),
            ),
            notes=(
                *(() if setup.full else (f"VGG16 has width {setup.width} instead of 64.",)),
                f"CIFAR-10 takes the place of CIFAR-100 and Places365.  Tuned for {tuning.epochs} epochs of "
                f"{len(tuning.images):,} images at a rate of {RATE:g}; accuracy over {len(data):,} images ({place}).",
                "In single precision the two drift apart as any two orders of summation do; in double precision see "
                "stanojevic2023-fig3.3.",
            ),
            draw=lambda: _figure(losses),
        )


def _figure(losses: dict[str, list[float]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, values), style in zip(losses.items(), ("-", "--"), strict=True):
        axes.plot(
            range(1, len(values) + 1),
            values,
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
