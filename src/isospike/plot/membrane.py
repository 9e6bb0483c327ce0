"""Membranes of a few neurons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.measure.membrane import Trajectory
from isospike.measure.membrane import membrane as found
from isospike.plot.look import DASHES, GREY, INKS, SHADE, canvas, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def membrane(
    network: SpikingNetwork, x: Tensor, stage: str, neurons: Sequence[tuple[int, ...]], axes: "Axes | None" = None
) -> "Axes":
    """Potentials of neurons of one stage for a sample, with threshold and window: full circles are spikes, an open
    one is a neuron that stays silent; on ideal hardware (`measure.membrane`).

    x: (1, *shape).  neurons: their places in the stage's shape: [(0,), (7,)].  Raises `InvalidSetting`."""
    axes = trajectories(found(network, x, stage, neurons), [str(one) for one in neurons], axes)
    unit = "step" if network.body.steps else "time from the window's begin [τ]"
    tidy(axes, f"{stage}: membranes", xlabel=unit, ylabel="potential")
    return axes


def trajectories(paths: Sequence[Trajectory], labels: Sequence[str] = (), axes: "Axes | None" = None) -> "Axes":
    """The same of trajectories."""
    axes = canvas(axes)
    axes.axvspan(0, paths[0].window, color=SHADE, lw=0, zorder=0)
    thresholds = {round(path.threshold, 9) for path in paths}
    for i, path in enumerate(paths):
        color, label = INKS[i % len(INKS)], labels[i] if labels else None
        dash = DASHES[i % len(DASHES)]
        axes.plot(path.times.numpy(), path.potentials.numpy(), color=color, lw=1.6, ls=dash, label=label)
        if len(thresholds) > 1:
            axes.axhline(path.threshold, color=color, lw=0.8, ls=":")
        at = path.times.tolist()
        spikes = path.spikes.tolist() or at[-1:]
        heights = [float(path.potentials[at.index(t)]) for t in spikes]
        fill = color if len(path.spikes) else "white"
        axes.plot(spikes, heights, "o", ms=5.5, mec=color, mfc=fill, zorder=3, clip_on=False)
    if len(thresholds) == 1:
        axes.axhline(paths[0].threshold, color="black", lw=0.9, ls=":")
    at_threshold = (min(float(path.times[0]) for path in paths), paths[0].threshold)
    axes.annotate("threshold", at_threshold, xytext=(2, 3), textcoords="offset points", fontsize=8, color=GREY)
    axes.set_xlim(at_threshold[0], max(path.window for path in paths))
    axes.spines[["top", "right"]].set_visible(False)
    if labels:
        axes.legend(fontsize=8, frameon=False, title="neuron", title_fontsize=8)
    return axes
