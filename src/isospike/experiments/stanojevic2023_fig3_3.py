"""Claim: under the linearly mappable condition training follows the ReLU network's trajectory; with α = 1 it does not, from the same start.

(a) training curves of eight dense layers under SGD, (b) the weights of each layer, w = W / B (eq. 3.4), beside those of the ReLU network, and the
gradient by depth before training, (c) the loss of every step for 16 layers, beside what rounding alone does to the ReLU network.

All begin as one ReLU network, rescaled so that α = 1 has a positive slope.  Source: Stanojevic 2023, Fig. 3.3 and §3.6.3.
"""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.data import Data
from isospike.experiments._inverse import weights_of
from isospike.experiments._result import Claim, Result, Row, Settings, Value
from isospike.experiments._scratch import HELD, MAPPABLE, RELU, REORDERED, Curve, Plan, Run, Twins, opened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "stanojevic2023-fig3.3"
PAPER = ("a: α = 1 struggles to surpass 20 % at the rate of the others, and is slower at its best", "b: cosine 1 if linearly mappable, else it falls")
RATE, SMALL = 5e-4, 3e-5  # for the mapping; the best for α = 1, and for all three in (b)
LABELS = {RELU: "ReLU", MAPPABLE: "SNN, linearly mappable", HELD: "SNN, α = 1"}
STEPS = 500  # in (c)
COSINE, APART = "cosine with ReLU", "distance from ReLU / way that ReLU went"


@dataclass(frozen=True)
class Layers:
    """By layer, after training: cosine of a twin's weights with the ReLU network's, and their distance over how far the latter moved."""

    cosine: Tensor
    apart: Tensor


def plans(settings: Settings) -> tuple[Plan, Plan, Plan]:
    """Those of (a), (b) and (c); (a) is for the rate 5e-4."""
    epochs = settings.epochs or (50 if settings.full else 6)
    training = settings.training or (None if settings.full else 4000)
    a = Plan("fc8", "mnist", epochs, training, settings.samples or 2000, batch=8, rate=RATE, optimizer="SGD", rescaled=True, seed=settings.seed)
    b = replace(a, rate=SMALL, double=True, traced=True)
    c = Plan("fc16", "mnist", 1, min(8 * STEPS, settings.training or 8 * STEPS), 1, batch=8, double=True, seed=settings.seed)
    return a, b, c


def run(settings: Settings | None = None) -> Result:
    """Train or fetch the networks of (a) and (b), and train those of (c)."""
    settings = settings or Settings()
    started = time.perf_counter()
    train = opened("mnist", settings.data_dir).train
    a, b, c = plans(settings)
    curves = _curves(a, train, settings.device)
    followed = Twins(b, train, train, settings.device)
    runs = {kind: followed.run(kind) for kind in LABELS}
    layers = {kind: along(followed, runs[RELU], runs[kind]) for kind in (MAPPABLE, HELD)}
    norms = gradients(followed, train)
    steps = losses(Twins(c, train, train))
    return Result(
        name=NAME,
        title="Fig. 3.3: training trajectories with and without the linearly mappable condition",
        source="Stanojevic 2023, Fig. 3.3 and §3.6.3",
        rows=(*_rows(curves), *_layer_rows(layers, norms), *_loss_rows(steps)),
        claims=_claims(curves, layers, steps),
        notes=(
            f"(a) and (b): eight dense layers on the first {a.training or 'all'} MNIST training images, {a.epochs} epochs of batches of 8, plain SGD; "
            f"accuracy is over {a.tested:,} of the images trained on.  (b) is in double precision.  The paper trains on all images, for at least 20 epochs.",
            "With α = 1 rows must sum to less than 1; the rows of the common start are rescaled to 0.99 at most.  Their slopes B = 1 / (1 − S) then lie "
            "between 0.2 and 100, and a step in W is a very different step in w.",
            "Cosines are all close to 1 at the small rate, for no network goes far: the distance between the trained networks, over the way that the ReLU "
            "network went, tells trajectories apart.",
            f"(c): {STEPS} steps of Adam on 16 layers in double precision.  Rounding alone: the same ReLU network with its hidden neurons in another order, "
            "so that the same sums are taken in another order.",
        ),
        configuration={"full": settings.full, "a": repr(a), "b": f"rate {SMALL:g}, double", "c": repr(c)},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
        figure=_figure(curves, followed, runs, norms, steps),
    )


def _curves(plan: Plan, train: Data, device: str) -> dict[str, Curve]:
    at = {RATE: Twins(plan, train, train, device), SMALL: Twins(replace(plan, rate=SMALL), train, train, device)}
    cases = ((RELU, RATE), (MAPPABLE, RATE), (HELD, SMALL), (HELD, RATE))
    return {f"{LABELS[kind]}, rate {rate:g}": at[rate].run(kind).curve for kind, rate in cases}


def along(twins: Twins, relu: Run, other: Run, epoch: int = -1) -> Layers:
    """How a twin's weights lie to the ReLU network's after an epoch."""
    start = [w.detach() for w in weights_of(twins.initial)]
    pairs = list(zip(start, relu.weights[epoch], other.weights[epoch], strict=True))
    cosine = [F.cosine_similarity(r.flatten(), o.flatten(), dim=0) for _, r, o in pairs]
    return Layers(torch.stack(cosine), torch.stack([(o - r).norm() / (r - s).norm() for s, r, o in pairs]))


def gradients(twins: Twins, train: Data) -> dict[str, Tensor]:
    """Norm of the gradient by layer before training, with respect to w or W, over 256 images."""
    x, y = next(train.batches(256))
    assert y is not None
    x, found = x.to(twins.plan.dtype), {}
    for kind in LABELS:
        if kind == RELU:
            parameters = weights_of(twins.initial.requires_grad_(True))
            loss = F.cross_entropy(twins.initial(x), y)
        else:
            trainee = twins.trainee(kind)
            parameters, loss = list(trainee.synapses.values()), trainee.loss(x, y)
        found[kind] = torch.stack([g.norm() for g in torch.autograd.grad(loss, parameters)])
    return found


def losses(twins: Twins) -> dict[str, Tensor]:
    """The loss of every step: ReLU, spiking, and ReLU with its neurons in another order."""
    found: dict[str, list[float]] = {RELU: [], MAPPABLE: [], REORDERED: []}
    twins.fit(twins.trainee(MAPPABLE), watch=found[MAPPABLE].append)
    for kind in (RELU, REORDERED):
        twins.train_relu(twins.relu(kind), watch=found[kind].append)
    return {kind: torch.tensor(values, dtype=torch.float64) for kind, values in found.items()}


def differences(steps: dict[str, Tensor]) -> dict[str, Tensor]:
    """By how much the loss of a step differs from the ReLU network's."""
    return {kind: (steps[kind] - steps[RELU]).abs() for kind in (MAPPABLE, REORDERED)}


def _rows(curves: dict[str, Curve]) -> list[Row]:
    return [Row(f"a: {name}", {}, {"training accuracy [%]": 100 * curve[-1]["accuracy"], "loss": curve[-1]["loss"]}) for name, curve in curves.items()]


def _layer_rows(layers: dict[str, Layers], norms: dict[str, Tensor]) -> list[Row]:
    def measured(i: int) -> dict[str, Value]:
        apart = {f"{APART}, {LABELS[kind]}": float(found.apart[i]) for kind, found in layers.items()}
        cosine = {f"1 − {COSINE}, {LABELS[kind]}": 1 - float(found.cosine[i]) for kind, found in layers.items()}
        return {**cosine, **apart, **{f"gradient, {LABELS[kind]}": float(norm[i]) for kind, norm in norms.items()}}

    return [Row(f"b: layer {i + 1}", {}, measured(i)) for i in range(len(norms[RELU]))]


def _loss_rows(steps: dict[str, Tensor]) -> list[Row]:
    found = differences(steps)
    key = "largest difference of the loss"
    return [
        Row(f"c: {LABELS[MAPPABLE]}", {}, {"loss": float(steps[MAPPABLE][-1]), key: float(found[MAPPABLE].max())}),
        Row("c: ReLU, sums in another order", {}, {"loss": float(steps[REORDERED][-1]), key: float(found[REORDERED].max())}),
    ]


def _claims(curves: dict[str, Curve], layers: dict[str, Layers], steps: dict[str, Tensor]) -> tuple[Claim, ...]:
    relu, mappable, small, large = (100 * curve[-1]["accuracy"] for curve in curves.values())
    off = float((1 - layers[MAPPABLE].cosine).abs().max())
    cosine, apart = float(layers[HELD].cosine.min()), float(layers[HELD].apart.max())
    found = {kind: float(difference.max()) for kind, difference in differences(steps).items()}
    ratio = found[MAPPABLE] / max(found[REORDERED], 1e-16)
    return (
        Claim("a: linearly mappable, the curve is the ReLU network's", abs(mappable - relu), "within 1 point in the end", abs(mappable - relu) <= 1),
        Claim("a: α = 1 at the same rate struggles to surpass about 20 %", large, "at most 25 %", large <= 25),
        Claim("a: α = 1 at the small rate is slower", relu - small, "at least 5 points behind ReLU in the end", relu - small >= 5),
        Claim("b: linearly mappable, the weights remain the ReLU network's", off, "cosine within 1e-9 of 1 in all layers", off <= 1e-9),
        Claim("b: with α = 1 they do not", cosine, "cosine at most 0.99 in some layer", cosine <= 0.99),
        Claim("b: with α = 1 they go another way", apart, "as far from ReLU in some layer as that went, or half of it", apart >= 0.5),
        Claim("c: losses are equal within rounding", ratio, "at most 100 times what another order of sums makes", ratio <= 100),
    )


def _figure(curves: dict[str, Curve], twins: Twins, runs: dict[str, Run], norms: dict[str, Tensor], steps: dict[str, Tensor]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 6.4), layout="constrained")
    (a, b), (c, d) = figure.subplots(2, 2)
    styles = (("#c55a11", "--"), ("#5b9bd5", "-"), ("#1f4e79", "-"), ("#1f4e79", ":"))
    for (name, curve), (color, line) in zip(curves.items(), styles, strict=True):
        a.plot([p["epoch"] for p in curve], [100 * p["accuracy"] for p in curve], line, marker="o", ms=3, color=color, label=name)
    a.set(xlabel="epoch", ylabel="training accuracy [%]", title="a  eight layers, SGD")
    epochs = range(1, twins.plan.epochs + 1)
    for kind, color in ((MAPPABLE, "#5b9bd5"), (HELD, "#1f4e79")):
        by_epoch = torch.stack([along(twins, runs[RELU], runs[kind], epoch - 1).apart for epoch in epochs])
        for layer, line in enumerate(by_epoch.T):
            b.plot(epochs, line, "o-", ms=2, lw=1, color=color, alpha=0.35 + 0.65 * layer / by_epoch.shape[1], label=LABELS[kind] if not layer else None)
    b.set(yscale="log", xlabel="epoch", ylabel=APART.replace(" / ", " /\n"), title=f"b  each layer, rate {SMALL:g} (the deeper the darker)")
    for (kind, norm), mark in zip(norms.items(), ("s--", "o-", "^-"), strict=True):
        c.plot(range(1, len(norm) + 1), norm, mark, ms=4, lw=1.2, label=LABELS[kind], mfc="none")
    c.set(yscale="log", xlabel="layer", ylabel="norm of the gradient", title="gradient before training")
    for (kind, difference), color in zip(differences(steps).items(), ("#1f4e79", "#c55a11"), strict=True):
        d.plot(difference.clamp_min(1e-17), color=color, lw=0.8, label=LABELS.get(kind, "ReLU, sums in another order"))
    d.set(yscale="log", xlabel="step", ylabel="difference of the loss from ReLU", title="c  16 layers, Adam, double precision")
    for axes in (a, b, c, d):
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7.5, frameon=False)
    return figure
