"""Hidden layers of the two networks are strongly correlated, image by image and neuron by neuron.

A: correlation of spike counts and activations for each image; B: correlation matrices over images and over neurons.
Source: Lu 2022, Fig. 12.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from isospike import simulate
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least
from isospike_papers.lu2022.parts.setting import DT, SECONDS, coding, dense_mnist, spiking
from isospike_papers.shared.recipe import TRAINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES, RANGES_HZ = 20, (1.0, 10.0)


class Fig12(Claim):
    """Fig. 12: correlation of the hidden layers of a linear LIF network and its ReLU network on MNIST."""

    source = "Lu 2022, Fig. 12"
    paper = {"60 hidden": {"least": 0.90, "mean": 0.94, "largest": 0.97}}
    options = TRAINS | {"epochs": (1, 10, 10)}

    def measure(self, setup: Setup) -> Found:
        """The first test images, for hidden layers of 60 and 600 and two coding ranges."""
        rows, kept = [], {}
        for hidden in (60, 600):
            subject = dense_mnist(setup, hidden)
            x, _ = next(subject.split.reported["test set"].first(IMAGES).batches())
            assert isinstance(subject.model, nn.Sequential)
            activations = subject.model[:3](x).double()
            for k in RANGES_HZ:
                network = spiking(subject, coding(k, SECONDS))
                rates = simulate(network, x).codes[network.stages[0].name].double()
                found = by_image(rates, activations)
                kept[hidden, k] = (rates, activations, found)
                figures: dict[str, Value] = {
                    "least": float(found.min()),
                    "mean": float(found.mean()),
                    "largest": float(found.max()),
                }
                rows.append(Row(f"{hidden} hidden, k = {k:g} Hz", figures))
        rates, activations, found = kept[60, 10.0]
        images, neurons = matrix(rates, activations), matrix(*_alive(rates.T, activations.T))
        own, other = _own(images)
        own_neuron, other_neuron = _own(neurons)
        least = min(float(f.min()) for _, _, f in kept.values())
        return Found(
            rows=(
                *rows,
                Row("B, the same image in both", {"least": float(own.min()), "mean": float(own.mean())}),
                Row(
                    "B, another image, ReLU against ReLU", {"mean": float(other.mean()), "largest": float(other.max())}
                ),
                Row(
                    "B, the same neuron in both", {"least": float(own_neuron.min()), "mean": float(own_neuron.mean())}
                ),
                Row(
                    "B, another neuron, ReLU against ReLU",
                    {"mean": float(other_neuron.mean()), "largest": float(other_neuron.max())},
                ),
            ),
            held=(
                at_least("correlation is strong for every image", least, 0.8, "the paper's mark, in all four"),
                Held(
                    "at k = 10 Hz and 60 neurons it is stronger than the paper's",
                    float(found.min()),
                    "least at least 0.97",
                    float(found.min()) >= 0.97,
                ),
                Held(
                    "an image is more like itself in the other network than like any other image",
                    float((own - other).min()),
                    "difference above 0",
                    bool((own > other).all()),
                ),
                Held(
                    "so is a neuron, on average",
                    float((own_neuron - other_neuron).mean()),
                    "difference at least 0.1",
                    float((own_neuron - other_neuron).mean()) >= 0.1,
                ),
            ),
            notes=(
                f"First {len(found)} test images (the paper: 20, in the text also 50), {SECONDS:g} s in steps of {DT} "
                "s, no leak.  The paper does not give k; with more spikes a second correlation rises.",
                "B is of 60 hidden neurons at k = 10 Hz.  Neurons that are silent for all images in one of the "
                "networks have no correlation and are left out, as in the paper.",
            ),
            draw=lambda: _figure(kept, images, neurons),
        )


def by_image(rates: Tensor, activations: Tensor) -> Tensor:
    """ρ of the two layers, for each image (eq. 16)."""
    return torch.stack(
        [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(rates, activations, strict=True)]
    ).nan_to_num(0.0)


def matrix(rates: Tensor, activations: Tensor) -> Tensor:
    """ρ of every row with every row: those of the ReLU network first."""
    return torch.corrcoef(torch.cat([activations, rates])).nan_to_num(0.0)


def _alive(rates: Tensor, activations: Tensor) -> tuple[Tensor, Tensor]:
    alive = (rates.std(1) > 0) & (activations.std(1) > 0)
    return rates[alive], activations[alive]


def _own(rho: Tensor) -> tuple[Tensor, Tensor]:
    """ρ of each row with itself in the other network, and the largest with another row of the ReLU network."""
    n = len(rho) // 2
    return rho[:n, n:].diagonal(), (rho[:n, :n] - 3 * torch.eye(n, dtype=rho.dtype)).amax(1)


def _figure(kept: dict, images: Tensor, neurons: Tensor) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for (hidden, k), (_, _, found) in kept.items():
        left.plot(
            range(1, len(found) + 1),
            found,
            "o-" if hidden == 60 else "s--",
            ms=3,
            lw=1,
            label=f"{hidden} hidden, k = {k:g} Hz",
        )
    left.axhspan(0.90, 0.97, color="#f0f0f0", lw=0)
    left.axhline(0.94, color="black", lw=1, ls=":", label="paper: range and mean")
    tidy(left, "A  correlation of counts and activations", xlabel="image", ylabel="ρ")
    left.set_ylim(min(0.83, *(float(found.min()) for _, _, found in kept.values())), 1.005)
    left.legend(fontsize=7.5, frameon=False, loc="lower left", ncols=2)
    for axes, rho, title in ((middle, images, "B  between images"), (right, neurons, "B  between neurons")):
        n = len(rho) / 2
        picture = axes.imshow(rho.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
        axes.axhline(n - 0.5, color="black", lw=0.8)
        axes.axvline(n - 0.5, color="black", lw=0.8)
        axes.set_xticks([n / 2, 3 * n / 2], ["ReLU", "linear LIF"])
        axes.set_yticks([n / 2, 3 * n / 2], ["ReLU", "linear LIF"], rotation=90, va="center")
        axes.set_title(title, fontsize=10, loc="left")
    figure.colorbar(picture, ax=[middle, right], shrink=0.8)
    return figure
