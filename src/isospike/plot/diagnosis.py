"""Where a network of steps makes its error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isospike.measure.diagnose import MECHANISMS, Finding
from isospike.plot.look import GREY, HATCHES, canvas, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0b3c6f", "#c55a11", "#9db7d5")


def diagnosis(findings: Sequence[Finding], axes: "Axes | None" = None) -> "Axes":
    """What `iso.diagnose` found, layer by layer: the error that each mechanism makes, in per cent of the layer's rms
    activation, and as a grey line what is inherited."""
    axes = canvas(axes, (max(4.5, 1.2 + 0.75 * len(findings)), 3.4))
    scale = [max(one.scale, 1e-300) for one in findings]
    width = 0.8 / len(MECHANISMS)
    for k, name in enumerate(MECHANISMS):
        heights = [100 * getattr(one, name) / s for one, s in zip(findings, scale, strict=True)]
        left = [i - 0.4 + k * width for i in range(len(findings))]
        axes.bar(left, heights, width, align="edge", label=name, color=COLORS[k], hatch=HATCHES[k], edgecolor="white",
                 lw=0.5)  # fmt: skip
    inherited = [100 * one.inherited / s for one, s in zip(findings, scale, strict=True)]
    axes.plot(range(len(findings)), inherited, "o-", color=GREY, ms=4, lw=1.2, label="inherited")
    turned = 30 if max(len(one.name) for one in findings) * len(findings) > 60 else 0
    axes.set_xticks(range(len(findings)), [one.name for one in findings], fontsize=8, rotation=turned,
                    ha="right" if turned else "center")  # fmt: skip
    tidy(axes, "", ylabel="rms error\n[% of rms activation]")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    axes.grid(axis="x", visible=False)
    return axes
