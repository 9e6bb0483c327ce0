"""When the neurons of each stage fire first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from isospike.plot.look import BLUE, GREY, SHADE, canvas
from isospike.simulate import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS, HEIGHT = 60, 0.82  # of windows; of steps each has one.  HEIGHT: of the fullest bin, of the room that a stage has


def spike_times(trace: Trace, stages: Sequence[str] | None = None, axes: "Axes | None" = None) -> "Axes":
    """Histograms of first spikes over all samples of a trace, one above another, each over its stage's window; beside
    it the share of neurons that stay silent.  Raises `InvalidSetting`."""
    own = [stage for stage in trace.network.stages[:-1] if not stage.neuron.relays]
    chosen = own if stages is None else [trace.stage(name) for name in stages]
    axes = canvas(axes, (6.4, 0.9 + 0.45 * len(chosen)))
    for row, stage in enumerate(chosen):
        times = trace.times(stage.name).flatten().double()
        fired, window = times[times.isfinite()], float(trace.network.body.steps or stage.end - stage.begin)
        steps = trace.network.body.steps
        bins = steps or BINS
        counts = torch.histc((fired + (0.5 if steps else 0.0)) / window, bins, 0.0, 1.0)  # a step lies within its bin
        left, bottom = (torch.arange(bins) / bins).numpy(), len(chosen) - 1.0 - row
        axes.fill_between((0, 1), bottom, bottom + HEIGHT, color=SHADE, lw=0)
        heights = (HEIGHT * counts / counts.max().clamp_min(1)).numpy()
        axes.bar(left, heights, 1 / bins, bottom=bottom, align="edge", color=BLUE, lw=0)
        silent = 1 - len(fired) / max(len(times), 1)
        axes.text(1.01, bottom + HEIGHT / 2, f"{silent:.0%} silent", va="center", fontsize=8, color=GREY)
    axes.set_yticks([len(chosen) - 1 - i + HEIGHT / 2 for i in range(len(chosen))], [one.name for one in chosen])
    axes.set(xlim=(0, 1), ylim=(-0.05, len(chosen)), xlabel="first spike, of the window")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return axes
