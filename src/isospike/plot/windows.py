"""The windows of a network of first spikes."""

from typing import TYPE_CHECKING

from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.plot.look import BLUE, GREY, canvas, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def windows(network: SpikingNetwork, axes: "Axes | None" = None) -> "Axes":
    """When each stage may fire, on one clock; light: stages that pass spikes on.  Raises `InvalidSetting` for a
    network that fires step by step, all of whose stages fire at all times."""
    if network.body.steps:
        raise InvalidSetting(
            f"a network of {network.body.steps} steps has no windows.", "Networks of first spikes.", "Take raster."
        )
    stages = list(network.stages[:-1])
    axes = canvas(axes, (6.4, 1.0 + 0.28 * (len(stages) + 1)))
    rows = [("input", 0.0, float(network.body.encoder.end), BLUE)]
    rows += [(s.name, float(s.begin), float(s.end), "#b9c9dc" if s.neuron.relays else BLUE) for s in stages]
    names, begins, ends, colors = zip(*rows, strict=True)
    widths = [end - begin for begin, end in zip(begins, ends, strict=True)]
    axes.barh(names, widths, left=begins, color=colors, height=0.62)
    for row, (_, begin, end, _color) in enumerate(rows):
        axes.annotate(f"{end - begin:.3g}", (end, row), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8, color=GREY)  # fmt: skip
    tidy(axes, f"windows; latency {network.latency:.4g} τ", xlabel="time [τ]")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.margins(x=0.08)
    axes.invert_yaxis()
    return axes
