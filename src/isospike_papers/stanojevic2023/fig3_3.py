"""Under the linearly mappable condition training follows the ReLU network's trajectory; with α = 1 it does not, from
the same start.

(a) training curves of eight dense layers under SGD, (b) the weights of each layer, w = W / B (eq. 3.4), beside those
of the ReLU network, and the gradient by depth before training, (c) the loss of every step for 16 layers, beside what
rounding alone does to the ReLU network.

All begin as one ReLU network, rescaled so that α = 1 has a positive slope.  Source: Stanojevic 2023, Fig. 3.3 and
§3.6.3."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from isospike.data import Data
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least, at_most
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.trajectories import Layers, along, differences, gradients, losses
from isospike_papers.stanojevic2023.parts.twins import HELD, MAPPABLE, RELU, REORDERED, Curve, Plan, Run, Twins, opened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE, SMALL = 5e-4, 3e-5  # for the mapping; the best for α = 1, and for all three in (b)
LABELS = {RELU: "ReLU", MAPPABLE: "SNN, linearly mappable", HELD: "SNN, α = 1"}
STEPS = 500  # in (c)
BLUE, DARK = "#5b9bd5", "#1f4e79"
COSINE, DIRECTION, APART = "cosine with ReLU", "cosine of the ways", "distance from ReLU / way that ReLU went"


def plans(setup: Setup) -> tuple[Plan, Plan, Plan]:
    """Those of (a), (b) and (c); (a) is for the rate 5e-4."""
    a = Plan(
        "fc8",
        "mnist",
        setup.epochs or 1,
        setup.training,
        setup.samples,
        batch=8,
        rate=RATE,
        optimizer="SGD",
        rescaled=True,
        seed=setup.seed,
    )
    b = replace(a, rate=SMALL, double=True, traced=True)
    c = Plan("fc16", "mnist", 1, min(8 * STEPS, setup.training or 8 * STEPS), 1, batch=8, double=True, seed=setup.seed)
    return a, b, c


class Fig33(Claim):
    """Fig. 3.3: training trajectories with and without the linearly mappable condition."""

    source = "Stanojevic 2023, Fig. 3.3 and §3.6.3"
    options = {"samples": (64, 2000, 2000)} | TRAINS | {"training": (512, None, None), "epochs": (1, 20, 50)}

    def measure(self, setup: Setup) -> Found:
        """Train or fetch the networks of (a) and (b), and train those of (c)."""
        train = opened("mnist", setup.data_dir).train
        a, b, c = plans(setup)
        curves = _curves(a, train, setup.device)
        followed = Twins(b, train, train, setup.device)
        runs = {kind: followed.run(kind) for kind in LABELS}
        layers = {kind: along(followed, runs[RELU], runs[kind]) for kind in (MAPPABLE, HELD)}
        norms = gradients(followed, train)
        steps = losses(Twins(c, train, train))
        return Found(
            rows=(*_rows(curves), *_layer_rows(layers, norms), *_loss_rows(steps)),
            held=_claims(curves, layers, steps),
            notes=(
                f"(a) and (b): eight dense layers on {f'the first {a.training:,}' if a.training else 'all'} MNIST "
                f"training images, {a.epochs} epochs of batches of 8, plain SGD; accuracy is over {a.tested:,} of the "
                "images trained on.  (b) is in double precision.  The paper trains on all, for at least 20 epochs.",
                "With α = 1 the slope of a neuron is B = 1 / (1 − S), S the sum of its row, and a step in W is "
                "another step in w.  The rows of the common start are rescaled to sums of −1 to ½.  That was narrowed "
                "after a first run with the bounds of ch. 2, −10 and 0.99, where slopes began between 0.1 and 100 and "
                "both networks with α = 1 ended in losses that are not finite; the paper does not say how its rows "
                "were bounded.",
                "A neuron whose slope falls to zero or below fires at t_min whatever it hears, and eq. 3.3 then "
                "lengthens its window tenfold after every step, until numbers overflow: that is what a loss of nan "
                "says.",
                "Cosines are close to 1 at the small rate, for no network goes far: the distance between the trained "
                "networks, over the way that the ReLU network went, tells trajectories apart better.  With α = 1 "
                "steps in w are also longer; the cosine of the two ways, from the common start, does not heed that, "
                "and its claim was added after a first run.  The first two columns of cosines are their distances "
                "from 1.",
                f"(c): {STEPS} steps of Adam on 16 layers in double precision.  Rounding alone: the same ReLU network "
                "with its hidden neurons in another order, so that the same sums are taken in another order.",
            ),
            draw=lambda: _figure(curves, followed, runs, norms, steps),
        )


def _curves(plan: Plan, train: Data, device: str) -> dict[str, Curve]:
    at = {RATE: Twins(plan, train, train, device), SMALL: Twins(replace(plan, rate=SMALL), train, train, device)}
    cases = ((RELU, RATE), (MAPPABLE, RATE), (HELD, SMALL), (HELD, RATE))
    return {f"{LABELS[kind]}, rate {rate:g}": at[rate].run(kind).curve for kind, rate in cases}


def _rows(curves: dict[str, Curve]) -> list[Row]:
    return [
        Row(f"a: {name}", {"training accuracy [%]": 100 * curve[-1]["accuracy"], "loss": curve[-1]["loss"]})
        for name, curve in curves.items()
    ]


def _layer_rows(layers: dict[str, Layers], norms: dict[str, Tensor]) -> list[Row]:
    def measured(i: int) -> dict[str, Value]:
        apart = {f"{APART}, {LABELS[kind]}": float(found.apart[i]) for kind, found in layers.items()}
        cosine = {f"1 − {COSINE}, {LABELS[kind]}": 1 - float(found.cosine[i]) for kind, found in layers.items()}
        direction = {f"{DIRECTION}, {LABELS[kind]}": float(found.direction[i]) for kind, found in layers.items()}
        return {
            **cosine,
            **direction,
            **apart,
            **{f"gradient, {LABELS[kind]}": float(norm[i]) for kind, norm in norms.items()},
        }

    return [Row(f"b: layer {i + 1}", measured(i)) for i in range(len(norms[RELU]))]


def _loss_rows(steps: dict[str, Tensor]) -> list[Row]:
    found = differences(steps)
    key = "largest difference of the loss"
    return [
        Row(f"c: {LABELS[MAPPABLE]}", {"loss": float(steps[MAPPABLE][-1]), key: float(found[MAPPABLE].max())}),
        Row(
            "c: ReLU, sums in another order", {"loss": float(steps[REORDERED][-1]), key: float(found[REORDERED].max())}
        ),
    ]


def _claims(curves: dict[str, Curve], layers: dict[str, Layers], steps: dict[str, Tensor]) -> tuple[Held, ...]:
    relu, mappable, small, large = (100 * curve[-1]["accuracy"] for curve in curves.values())
    off = float((1 - layers[MAPPABLE].cosine).abs().max())
    cosine, apart = float(layers[HELD].cosine.min()), float(layers[HELD].apart.max())
    direction = float(layers[HELD].direction.min())
    found = {kind: float(difference.max()) for kind, difference in differences(steps).items()}
    ratio = found[MAPPABLE] / max(found[REORDERED], 1e-16)
    return (
        Held(
            "a: linearly mappable, the curve is the ReLU network's",
            abs(mappable - relu),
            "within 1 point in the end",
            abs(mappable - relu) <= 1,
        ),
        at_most("a: α = 1 at the same rate struggles to surpass about 20 %", large, 25, "%"),
        at_least("a: α = 1 at the small rate is slower", relu - small, 5, "points behind ReLU in the end"),
        Held(
            "b: linearly mappable, the weights remain the ReLU network's",
            off,
            "cosine within 1e-9 of 1 in all layers",
            off <= 1e-9,
        ),
        Held("b: with α = 1 they do not", cosine, "cosine at most 0.99 in some layer", cosine <= 0.99),
        Held(
            "b: with α = 1 they go another way",
            apart,
            "as far from ReLU in some layer as that went, or half of it",
            apart >= 0.5,
        ),
        Held(
            "b: that is another direction, not only another speed",
            direction,
            "cosine of the two ways at most 0.9 in some layer",
            direction <= 0.9,
        ),
        at_most("c: losses are equal within rounding", ratio, 100, "times what another order of sums makes"),
    )


def _figure(
    curves: dict[str, Curve], twins: Twins, runs: dict[str, Run], norms: dict[str, Tensor], steps: dict[str, Tensor]
) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 6.6), layout="constrained")
    (a, b, apart), (gradient, loss, difference) = figure.subplots(2, 3)
    styles = (("#c55a11", "--"), (BLUE, "-"), (DARK, "-"), (DARK, ":"))
    for (name, curve), (color, line) in zip(curves.items(), styles, strict=True):
        a.plot(
            [p["epoch"] for p in curve],
            [100 * p["accuracy"] for p in curve],
            line,
            marker="o",
            ms=3,
            color=color,
            label=name,
        )
    a.set(xlabel="epoch", ylabel="training accuracy [%]", title="a  eight layers, SGD")
    epochs = range(twins.plan.epochs + 1)
    for kind, color in ((MAPPABLE, BLUE), (HELD, DARK)):
        found = [along(twins, runs[RELU], runs[kind], epoch) for epoch in epochs[:-1]]
        cosine = torch.stack([torch.ones_like(found[0].cosine), *(layers.cosine for layers in found)])
        for layer, (line, other) in enumerate(
            zip(cosine.T, torch.stack([layers.apart for layers in found]).T, strict=True)
        ):
            how: dict[str, Any] = {
                "ms": 2,
                "lw": 1,
                "color": color,
                "alpha": 0.3 + 0.7 * (layer + 1) / cosine.shape[1],
                "label": LABELS[kind] if layer + 1 == cosine.shape[1] else None,
            }
            b.plot(epochs, line, "o-", **how)
            apart.plot(epochs[1:], other, "o-", **how)
    b.set(xlabel="epoch", ylabel="cosine with the ReLU network's", title=f"b  weights by layer, rate {SMALL:g}")
    apart.set(
        yscale="log", xlabel="epoch", ylabel="over the way that ReLU went", title="b  distance (the deeper the darker)"
    )
    for (kind, norm), style, color in zip(norms.items(), ("s--", "o-", "^-"), ("#c55a11", BLUE, DARK), strict=True):
        gradient.plot(range(1, len(norm) + 1), norm, style, ms=4, lw=1.2, label=LABELS[kind], mfc="none", color=color)
    gradient.set(yscale="log", xlabel="layer", ylabel="norm", title="gradient before training")
    for kind, color, line in ((RELU, "#c55a11", "-"), (MAPPABLE, BLUE, ":")):
        loss.plot(steps[kind], line, color=color, lw=0.9, label=LABELS[kind])
    loss.set(xlabel="step", ylabel="loss", title="c  16 layers, Adam, double precision")
    for (kind, off), color in zip(differences(steps).items(), (BLUE, "#c55a11"), strict=True):
        difference.plot(
            off.clamp_min(1e-17), color=color, lw=0.8, label=LABELS.get(kind, "ReLU, sums in another order")
        )
    difference.set(yscale="log", xlabel="step", ylabel="difference from ReLU", title="c  the loss of every step")
    for axes in (a, b, apart):
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in figure.axes:
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7.5, frameon=False)
    return figure
