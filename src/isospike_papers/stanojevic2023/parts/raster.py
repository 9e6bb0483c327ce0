"""Draws spikes of one image through the layers of a network, with the membranes of a few neurons and a histogram of
spike times."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isospike import plot
from isospike.measure.membrane import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BLUE, GREY = "#1f4e79", "#8a8a8a"
GAP = 3.0  # rows between layers


@dataclass(frozen=True)
class Band:
    """A layer of the raster: its window [time], the leads and activations of the neurons shown, and the share of its
    neurons that fire."""

    name: str
    begin: float
    end: float
    leads: Tensor
    activations: Tensor
    fires: float


@dataclass(frozen=True)
class Panels:
    """What is shown below the raster: membranes of layer 2, and spikes a bin, neuron and image.

    The photograph itself is not drawn: the page is published, and the data set's images may not be.
    """

    membranes: tuple[Trajectory, ...]
    counts: Tensor
    fires: float


def draw(bands: tuple[Band, ...], readout: Tensor, panels: Panels) -> "Figure":
    """The whole figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 8.2))
    grid = figure.add_gridspec(
        2, 1, height_ratios=(1.7, 1), left=0.085, right=0.975, top=0.965, bottom=0.07, hspace=0.2
    )
    raster = grid[0].subgridspec(1, 2, width_ratios=(1.9, 1), wspace=0.05)
    early, late = figure.add_subplot(raster[0]), figure.add_subplot(raster[1])
    rows = len(bands[0].leads) + GAP
    for i, band in enumerate(bands):
        times = torch.where(band.leads > 0, band.end - band.leads, torch.inf)
        panel = late if i == len(bands) - 1 else early
        plot.band(panel, band.name, band.begin, band.end, times, band.activations, band.fires, i * rows)
    _potentials(late, bands[-1], readout, (len(bands) - 1) * rows)
    for axes, shown, room in ((early, bands[:-1], 0.02), (late, bands[-1:], 1.05)):
        _frame(axes, shown, rows * len(bands), room)
    _break(early, late)
    _legend(late)
    lower = grid[1].subgridspec(1, 2, wspace=0.17)
    _membranes(figure.add_subplot(lower[0]), panels.membranes)
    _histogram(figure.add_subplot(lower[1]), panels, panels.membranes[0].window)
    return figure


def _width(band: Band) -> float:
    return band.end - band.begin


def _frame(axes: "Axes", bands: tuple[Band, ...], rows: float, room: float) -> None:
    """Time below; layers downwards; room to the right as a share of the time shown."""
    begin, end = bands[0].begin, bands[-1].end
    axes.set(ylim=(rows - 1, -3), xlim=(begin - 0.02 * (end - begin), end + room * (end - begin)), xlabel="time [τ]")
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    ends = sorted({band.begin for band in bands} | {band.end for band in bands})
    axes.set_xticks(ends, [f"{t:.3g}" for t in ends])
    for t in ends:
        axes.axvline(t, color="#d0d0d0", lw=0.7, zorder=0)


def _break(early: "Axes", late: "Axes") -> None:
    early.annotate(
        "… layers 3–13 …", (1.0, 0.02), xycoords="axes fraction", ha="right", va="bottom", fontsize=8, color=GREY
    )
    for axes, x in ((early, 1.0), (late, 0.0)):
        axes.plot(
            [x],
            [0.0],
            transform=axes.transAxes,
            marker=[(-1, -2), (1, 2)],
            ms=9,
            color="black",
            mew=1,
            clip_on=False,
            ls="none",
        )


def _potentials(axes: "Axes", band: Band, readout: Tensor, top: float) -> None:
    """The read-out at the end of the last window: darker and longer the larger the potential."""
    low, high = float(readout.min()), float(readout.max())
    start, unit, first = band.end + 0.62 * _width(band), 0.4 * _width(band), top - 10.0
    for i, potential in enumerate(readout.tolist()):
        share, winner, y = (potential - low) / max(high - low, 1e-12), i == int(readout.argmax()), first + 2.1 * i
        axes.barh(y, (0.03 + 0.97 * share) * unit, left=start, height=1.4, color=BLUE, alpha=0.15 + 0.85 * share)
        style: dict[str, Any] = {
            "va": "center",
            "fontsize": 8,
            "weight": "bold" if winner else "normal",
            "color": "black" if winner else "#555555",
        }
        axes.text(start - 0.19 * _width(band), y, CLASSES[i], ha="right", **style)
        axes.text(start - 0.02 * _width(band), y, f"{potential:.1f}", ha="right", **style)
    axes.text(band.end + 0.07 * _width(band), first - 2.2, "read-out at t_max", fontsize=9, weight="bold", color=BLUE)


def _legend(axes: "Axes") -> None:
    legend = "filled: a spike, darker\nthe larger the activation\nopen: silent until t_max"
    axes.text(
        0.03,
        0.985,
        legend,
        transform=axes.transAxes,
        va="top",
        fontsize=8,
        color=GREY,
        linespacing=1.5,
        bbox={"fc": "white", "lw": 0},
    )


def _membranes(axes: "Axes", paths: tuple[Trajectory, ...]) -> None:
    """V(t) against the threshold, from the first input spike to the neuron's own."""
    plot.trajectories(paths, axes=axes)
    axes.set(xlabel="time from t_min(2) [τ]", ylabel="membrane potential")
    axes.annotate(
        "window",
        (0, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
    )
    axes.set_title(
        "layer 2: membranes of three neurons of one channel", fontsize=9, weight="bold", color=BLUE, loc="left"
    )


def _histogram(axes: "Axes", panels: Panels, window: float) -> None:
    bins = len(panels.counts)
    width = window / bins
    left = np.arange(bins) * width
    axes.bar(left, 100 * panels.counts.numpy(), width, align="edge", color=BLUE, lw=0)
    axes.bar([window], [100 * (1 - panels.fires)], 2 * width, align="edge", color="white", edgecolor=GREY)
    axes.set_yscale("log")
    axes.set(xlabel="time from t_min(2) [τ]", ylabel="neurons a bin [%]", ylim=(1e-4, 100))
    axes.set_title("layer 2: spike times over all images", fontsize=9, weight="bold", color=BLUE, loc="left")
    text = f"{panels.fires:.2%} fire before t_max\nopen bar: silent until t_max"
    axes.text(0.04, 0.93, text, transform=axes.transAxes, va="top", fontsize=9, color=BLUE)
    _open(axes)


def _open(axes: "Axes") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
