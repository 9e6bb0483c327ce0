"""Draws spikes of one image through the layers of a network, with the membranes of a few neurons and a histogram of
spike times."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from isospike_papers.stanojevic2023.parts.membrane import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BLUE, GREY, SHADE = "#1f4e79", "#8a8a8a", "#eef2f7"
INKS = ("#0b3c6f", "#2b7a78", "#c55a11")
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
        _spikes(late if i == len(bands) - 1 else early, band, i * rows)
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


def _spikes(axes: "Axes", band: Band, top: float) -> None:
    """Ten rows of circles: filled and darker the larger the activation, open where the neuron stays silent until
    t_max."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("activation", ["#a9c6e3", "#0a2342"])
    rows = top + np.arange(len(band.leads))
    axes.fill_between((band.begin, band.end), top - 1, top + len(rows), color=SHADE, lw=0)
    axes.hlines(rows, band.begin, band.end, color="white", lw=1)
    leads, activations = band.leads.numpy(), band.activations.numpy()
    fires = leads > 0
    shade = activations[fires] / max(activations.max(), 1e-12)
    axes.scatter(
        band.end - leads[fires], rows[fires], c=shade, cmap=shades, vmin=0, vmax=1, s=26, zorder=3, clip_on=False
    )
    axes.scatter(
        [band.end] * int((~fires).sum()),
        rows[~fires],
        facecolors="white",
        edgecolors=GREY,
        s=26,
        zorder=3,
        clip_on=False,
    )
    at: dict[str, Any] = {"xytext": (1, 3), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(band.name, (band.begin, top - 1), **at, fontsize=9, weight="bold", color=BLUE)
    axes.annotate(
        f"{band.fires:.0%} fire", (band.begin, top - 1), **(at | {"xytext": (48, 3)}), fontsize=8, color=GREY
    )


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
    axes.axvspan(0, paths[0].window, color=SHADE, lw=0)
    axes.axhline(paths[0].threshold, color="black", lw=0.9, ls=":")
    for path, ink in zip(paths, INKS, strict=True):
        axes.plot(path.times.numpy(), path.potentials.numpy(), color=ink, lw=1.6)
        filled = path.spike is not None
        axes.plot(
            [path.times[-1]],
            [path.at_spike],
            "o",
            ms=6.5,
            mec=ink,
            mfc=ink if filled else "white",
            zorder=3,
            clip_on=False,
        )
    axes.set(xlabel="time from t_min(2) [τ]", ylabel="membrane potential")
    axes.annotate(
        "threshold",
        (float(paths[0].times[0]), paths[0].threshold),
        xytext=(2, -11),
        textcoords="offset points",
        fontsize=8,
    )
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
    axes.set_xlim(min(float(path.times[0]) for path in paths), paths[0].window)
    _open(axes)


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
