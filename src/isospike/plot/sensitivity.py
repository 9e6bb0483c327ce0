"""Accuracy against the strength of an imperfection."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from isospike.plot.look import canvas, ink, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def sensitivity(
    levels: Sequence[float],
    accuracies: Mapping[str, Sequence[Sequence[float]]],
    xlabel: str = "",
    original: float | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Mean accuracy, with its standard deviation over trials, against the strength of an imperfection.

    levels: of it.  accuracies: by network, of each level those of all trials, between 0 and 1.  original: dotted."""
    axes = canvas(axes)
    for i, (name, found) in enumerate(accuracies.items()):
        middle = [100 * mean(trials) for trials in found]
        spread = [100 * stdev(trials) if len(trials) > 1 else 0.0 for trials in found]
        axes.errorbar(levels, middle, spread, label=name, capsize=2.5, elinewidth=1, **ink(i))
    if original is not None:
        axes.axhline(100 * original, color="black", lw=0.9, ls=":", label="original")
    tidy(axes, "", xlabel=xlabel, ylabel="accuracy [%]")
    axes.set_ylim(top=min(axes.get_ylim()[1], 101))
    axes.legend(fontsize=8, frameon=False)
    return axes
