"""Spikes of one sample through the stages of a network."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.network import Stage
from isospike.plot.look import BLUE, GREY, INKS, SHADE, canvas
from isospike.simulate import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 2.5  # rows between stages
SHADES = ("#a9c6e3", "#0a2342")  # of small and of large activations


def raster(
    trace: Trace,
    sample: int = 0,
    stages: Sequence[str] | None = None,
    neurons: int = 10,
    seed: int = 0,
    axes: "Axes | None" = None,
) -> "Axes":
    """Spikes of one sample, a band a stage and a row a neuron: the one that fires first, and others at random.

    First spikes: time [τ] to the right, each stage in its window; filled circles are spikes, darker the larger the
    activation, and open ones neurons that stay silent.  Networks that fire step by step: every spike of every step;
    crosses are negative ones.  stages: by name, all populations unless given.  Raises `InvalidSetting`."""
    chosen = spiking(trace, stages)
    if not chosen:
        what = "there is no stage with spikes of its own."
        raise InvalidSetting(what, "Networks with a hidden layer.", "Take readout.")
    size = (7.0, 0.6 + 0.14 * height(chosen, neurons))
    axes, generator, top = canvas(axes, size), torch.Generator().manual_seed(seed), 0.0
    within(trace, sample)
    for stage in chosen:
        top = (_steps if trace.network.body.steps else _window)(axes, trace, sample, stage, neurons, generator, top)
    _frame(axes, trace, chosen, top)
    return axes


def height(stages: Sequence[Stage], neurons: int) -> float:
    """Rows of a raster of these stages, at most so many neurons of each."""
    return sum(min(neurons, math.prod(stage.shape)) + GAP for stage in stages)


def within(trace: Trace, sample: int) -> None:
    """Raise `InvalidSetting` for a sample that the trace has not."""
    if not 0 <= sample < len(trace.readout):
        what = f"there is no sample {sample} in a trace of {len(trace.readout)}."
        raise InvalidSetting(what, f"0 to {len(trace.readout) - 1}.", "Choose one of these.")


def spiking(trace: Trace, names: Sequence[str] | None = None) -> list[Stage]:
    """The stages of these names, or all that have spikes of their own."""
    if names is not None:
        return [trace.stage(name) for name in names]
    return [stage for stage in trace.network.stages[:-1] if not stage.neuron.relays]


def _window(
    axes: "Axes", trace: Trace, sample: int, stage: Stage, neurons: int, generator: torch.Generator, top: float
) -> float:
    times = trace.times(stage.name)[sample].flatten()
    values = stage.neuron.value(trace.codes[stage.name])[sample].flatten()
    begin, end = float(stage.begin), float(stage.end)
    at = _some(times, neurons, generator)
    band(axes, stage.name, begin, end, begin + times[at], values[at], times.isfinite().double().mean().item(), top)
    return top + len(at) + GAP


def band(
    axes: "Axes", name: str, begin: float, end: float, times: Tensor, values: Tensor, fires: float, top: float
) -> None:
    """One window: circles at `times`, darker the larger `values` are; open ones where a time is not finite."""
    from matplotlib.colors import LinearSegmentedColormap

    rows = top + torch.arange(len(times))
    _ground(axes, name, begin, end, f"{fires:.0%} fire", rows, top)
    shades, silent = LinearSegmentedColormap.from_list("activation", SHADES), ~times.isfinite()
    shade = values[~silent].abs() / values.abs().max().clamp_min(1e-12)
    style: dict[str, Any] = {"s": 20, "zorder": 3, "clip_on": False}
    axes.scatter(times[~silent], rows[~silent], c=shade, cmap=shades, vmin=0, vmax=1, **style)
    axes.scatter([end] * int(silent.sum()), rows[silent], facecolors="white", edgecolors=GREY, **style)


def _steps(
    axes: "Axes", trace: Trace, sample: int, stage: Stage, neurons: int, generator: torch.Generator, top: float
) -> float:
    first = trace.times(stage.name)[sample].flatten()
    train = trace.trains[stage.name][:, sample].flatten(1)
    at = _some(first, neurons, generator)
    rows = top + torch.arange(len(at))
    count = float(train.abs().sum()) / train.shape[1]
    _ground(axes, stage.name, 0, len(train), f"{count:.2g} spikes a neuron", rows, top)
    for sign, marker, size, color in ((1, "|", 26, BLUE), (-1, "x", 14, INKS[1])):
        steps, hit = (train[:, at].sign() == sign).nonzero(as_tuple=True)
        axes.scatter(steps + 1, rows[hit], color=color, linewidths=1, zorder=3, marker=marker, s=size)
    return top + len(at) + GAP


def _some(times: Tensor, neurons: int, generator: torch.Generator) -> Tensor:
    """The neuron that fires first, and others at random."""
    others = torch.randperm(len(times), generator=generator)
    first = times.argmin()
    return torch.cat([first[None], others[others != first][: max(neurons - 1, 0)]])


def _ground(axes: "Axes", name: str, begin: float, end: float, said: str, rows: Tensor, top: float) -> None:
    axes.fill_between((begin, end), top - 1, top + len(rows), color=SHADE, lw=0)
    axes.hlines(rows.tolist(), begin, end, color="white", lw=1)
    at: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False, "va": "bottom"}
    label = axes.annotate(name, (begin, top - 1), xytext=(1, 1), **at, fontsize=8, weight="bold", color=BLUE)
    axes.annotate(said, (1, 0), xycoords=label, xytext=(5, 0), **at, fontsize=7.5, color=GREY)


def _frame(axes: "Axes", trace: Trace, stages: list[Stage], rows: float) -> None:
    if trace.network.body.steps:
        begin, end = 0.0, float(trace.network.body.steps)
        axes.set_xlabel("time step\ncrosses: negative spikes" if _negative(trace, stages) else "time step", fontsize=8)
    else:
        begin, end = float(stages[0].begin), max(float(stage.end) for stage in stages)
        ends = sorted({float(t) for stage in stages for t in (stage.begin, stage.end)})
        axes.set_xticks(_room(ends, end - begin))
        axes.xaxis.set_major_formatter("{x:.3g}")
        for t in ends:
            axes.axvline(t, color="#d0d0d0", lw=0.7, zorder=0)
        axes.set_xlabel("time [τ]\nfilled: spikes, darker for larger activations; open: silent", fontsize=8)
    axes.set(ylim=(rows - GAP + 1, -3), xlim=(begin - 0.02 * (end - begin), end + 0.02 * (end - begin)))
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _negative(trace: Trace, stages: list[Stage]) -> bool:
    return any(bool((trace.trains[stage.name] < 0).any()) for stage in stages)


def _room(ends: list[float], width: float) -> list[float]:
    """Those that have room for a number."""
    kept = [ends[-1]]
    for end in reversed(ends[:-1]):
        if kept[-1] - end >= 0.07 * width:
            kept.append(end)
    return kept
