"""Claim: a converted VGG16 keeps its accuracy, and fine-tuning in spike times gains what fine-tuning the ReLU network gains.

Both are tuned from the same weights, over the same batches, at the same rate.  Source: Stanojevic 2023, Table 3.2 and Fig. 3.4b.
"""

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from isospike.codings import TTFS
from isospike.data import loader
from isospike.experiments._result import Claim, Result, Row, Settings, Value
from isospike.experiments._tuning import BATCH, DECAY, Tuning
from isospike.importers import read
from isospike.ir.graph import Graph
from isospike.passes import canonical
from isospike.train import accuracy, fit, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "stanojevic2023-table3.2"
RATE = 1e-4
BEFORE, AFTER = ("ReLU before [%]", "SNN before [%]"), ("ReLU after [%]", "SNN after [%]")
PAPER: dict[str, dict[str, Value]] = {
    "CIFAR-100": dict(zip((*BEFORE, *AFTER), (70.48, 70.48, 72.23, 72.24), strict=True)),
    "Places365": dict(zip((*BEFORE, *AFTER), (52.69, 52.69, 53.86, 53.86), strict=True)),
}


class Twin(nn.Module):
    """The ReLU network in canonical form, batch norm fused, its weights and biases learned: what the spiking network is equivalent to.

    Of a bias that is a map over places, one number a channel is learned.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        weights = {path: t.clone() for path, t in graph.tensors().items() if path.endswith(".weight")}
        moves = {path: torch.zeros(len(t), *(1,) * (t.ndim - 1)) for path, t in graph.tensors().items() if path.endswith(".bias")}
        self.learned = nn.ParameterDict({path.replace(".", "/"): nn.Parameter(t) for path, t in (weights | moves).items()})

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of a batch."""
        learned = {path.replace("/", "."): t for path, t in self.learned.items()}

        def current(path: str, t: Tensor) -> Tensor:
            return t + learned[path] if path.endswith(".bias") else learned.get(path, t)

        return self.graph.map_tensors(current)(x)


def run(settings: Settings | None = None) -> Result:
    """Tune both and compare them after every epoch."""
    settings = settings or Settings()
    settings = replace(settings, width=settings.width or 16)
    tuning = Tuning(settings, TTFS())
    place, data = next(iter(tuning.reported.items()))
    test = [(x, y) for x, y in data.batches() if y is not None]
    encoder = tuning.network.body.encoder
    twin = Twin(canonical(read(tuning.subject.model, tuning.calibration[0]).with_range(encoder.low, encoder.high)).to(torch.float32))
    started = time.perf_counter()
    trainee = prepare(tuning.network)
    curves: dict[str, list[float]] = {"ReLU": [100 * (accuracy(twin, test) or 0.0)], "SNN": [100 * (accuracy(trainee, test) or 0.0)]}
    losses: dict[str, list[float]] = {"ReLU": [], "SNN": []}
    batches = loader(tuning.images, BATCH, shift=2, flip=True)
    optimizer = torch.optim.Adam(twin.parameters(), lr=RATE)
    for epoch in track(range(tuning.epochs), "ReLU network", transient=True):
        torch.manual_seed(settings.seed * 1_000_003 + epoch + 1)  # as the trainer does
        twin.train()
        for step, (x, y) in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = RATE * DECAY ** (epoch + step / len(batches))
            loss = F.cross_entropy(twin(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses["ReLU"].append(float(loss.detach()))
        curves["ReLU"].append(100 * (accuracy(twin, test) or 0.0))
    heard: list[float] = []

    def hear(loss: float) -> None:
        heard.append(loss)

    network = fit(trainee, batches, tuning.epochs, optimizer=partial(torch.optim.Adam, lr=RATE), decay=DECAY, seed=settings.seed, held_out=test, watch=hear)
    losses["SNN"] = heard
    after = 100 * (accuracy(network, test) or 0.0)
    measured: dict[str, Value] = dict(zip((*BEFORE, *AFTER), (curves["ReLU"][0], curves["SNN"][0], curves["ReLU"][-1], after), strict=True))
    apart = [abs(a - b) for a, b in zip(losses["ReLU"], losses["SNN"], strict=True)]
    rows = [Row("CIFAR-10", {}, measured), *(Row(name, figures, {}, note="not run: data set not here.") for name, figures in PAPER.items())]
    gain = curves["ReLU"][-1] - curves["ReLU"][0], after - curves["SNN"][0]
    one = 100 / len(data)
    return Result(
        name=NAME,
        title="Table 3.2 and Fig. 3.4b: VGG16 before and after fine-tuning, ReLU and spiking",
        source="Stanojevic 2023, Table 3.2 and Fig. 3.4b",
        rows=tuple(rows),
        claims=(
            Claim(
                "conversion loses nothing",
                abs(curves["ReLU"][0] - curves["SNN"][0]),
                "difference of accuracies at most one image",
                abs(curves["ReLU"][0] - curves["SNN"][0]) <= one,
            ),
            Claim("the first 20 steps have the same loss", max(apart[:20]), "difference at most 1e-3 in single precision", max(apart[:20]) <= 1e-3),
            Claim("both gain alike", abs(gain[0] - gain[1]), "difference at most 1 point", abs(gain[0] - gain[1]) <= 1),
            Claim("fine-tuning does not harm the spiking network", gain[1], "at least −0.5 points", gain[1] >= -0.5),
        ),
        notes=(
            *(() if settings.full else (f"VGG16 has width {settings.channels} instead of 64.",)),
            f"CIFAR-10 takes the place of CIFAR-100 and Places365.  Tuned for {tuning.epochs} epochs of {len(tuning.images):,} images at a rate of {RATE:g}; "
            f"accuracy over {len(data):,} images ({place}).",
            "In single precision the two drift apart as any two orders of summation do; in double precision see stanojevic2023-fig3.3.",
        ),
        configuration={"width": settings.channels, "images": len(tuning.images), "epochs": tuning.epochs, "rate": RATE, "batch": BATCH, "full": settings.full},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
        figure=_figure(losses, len(batches)),
    )


def _figure(losses: dict[str, list[float]], steps: int) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, values), style in zip(losses.items(), ("-", "--"), strict=True):
        means = [sum(values[i : i + steps]) / steps for i in range(0, len(values), steps)]
        axes.plot(range(1, len(means) + 1), means, style, marker="o", ms=4, label=name, color="#1f4e79" if style == "-" else "#c55a11")
    axes.set(xlabel="epoch of fine-tuning", ylabel="training loss")
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
