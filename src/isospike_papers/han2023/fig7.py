"""The share of positive activations in each layer of VGG16 is similar with stReLU and with tReLU.

Positive and negative activations with stReLU, positive and zero ones with tReLU, of 1,024 samples.  Source: Han 2023,
Fig. 7."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from isospike.data import Data
from isospike.report.claim import Claim, Found, Row, Setup, at_most
from isospike_papers.han2023.parts.curves import trained_notes
from isospike_papers.han2023.parts.nets import ACTIVATIONS, NETS, OPTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = {"stReLU": "negative", "tReLU": "zero"}


class Fig7(Claim):
    """Fig. 7: positive and negative activations in the layers of Net6."""

    source = "Han 2023, Fig. 7"
    options = OPTIONS | {"samples": (64, 1024, 1024)}

    def measure(self, setup: Setup) -> Found:
        """Count signs in the two ANNs."""
        net = NETS["Net6"]
        data = net.split(setup).train.first(setup.samples)
        found = {line: shares(net.trained(line, setup), type(ACTIVATIONS[line]()), data) for line in LINES}
        layers = len(found["stReLU"])
        rows = tuple(
            Row(
                f"layer {i + 1}",
                {
                    f"{sign} [%], {line}": 100 * share
                    for line, rest in LINES.items()
                    for sign, share in zip(("positive", rest), _two(found[line][i], rest), strict=True)
                },
            )
            for i in range(layers)
        )
        apart = [abs(found["stReLU"][i][0] - found["tReLU"][i][0]) for i in range(layers)]
        mean, most = 100 * sum(apart) / layers, 100 * max(apart)
        return Found(
            rows=rows,
            held=(
                at_most(
                    "shares of positive activations with stReLU and tReLU differ little on average over the layers; "
                    "points",
                    mean,
                    10,
                ),
                at_most("and in every layer; points", most, 20),
            ),
            notes=(
                *trained_notes(setup, "Net6"),
                f"Counted over {len(data):,} training images, in the ANNs.  With stReLU hardly any activation is "
                "exactly zero.",
                "A batch norm precedes each activation and centres it, so about half of the values are positive "
                "whatever is trained.",
            ),
            draw=lambda: _figure(found),
        )


def shares(model: nn.Module, kind: type[nn.Module], data: Data) -> list[tuple[float, float]]:
    """Of each activation layer, the shares of positive and of negative values."""
    layers = [m for m in model.modules() if isinstance(m, kind)]
    counts = [torch.zeros(3) for _ in layers]

    def hook(i: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def see(_: nn.Module, __: tuple[Tensor, ...], y: Tensor) -> None:
            counts[i] += torch.tensor([float((y > 0).sum()), float((y < 0).sum()), float(y.numel())])

        return see

    hooks = [layer.register_forward_hook(hook(i)) for i, layer in enumerate(layers)]
    with torch.no_grad():
        for x, _ in data.batches():
            model(x)
    for one in hooks:
        one.remove()
    return [(float(c[0] / c[2]), float(c[1] / c[2])) for c in counts]


def _two(share: tuple[float, float], rest: str) -> tuple[float, float]:
    return share[0], share[1] if rest == "negative" else 1 - share[0] - share[1]


def _figure(found: dict[str, list[tuple[float, float]]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    for axes, (line, shares_) in zip(figure.subplots(1, 2, sharey=True), found.items(), strict=True):
        layers = range(1, len(shares_) + 1)
        up, down = zip(*((100 * a, 100 * b) for a, b in (_two(share, LINES[line]) for share in shares_)), strict=True)
        axes.bar(layers, up, color="#c55a11", label="positive")
        axes.bar(
            layers, down, bottom=up, color="#1f4e79" if LINES[line] == "negative" else "#bfbfbf", label=LINES[line]
        )
        axes.set(xlabel="convolutional layer", xticks=list(layers))
        axes.set_title(line, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    figure.axes[0].set_ylabel("share of activations [%]")
    return figure
