"""What a network answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isospike.errors import InvalidSetting
from isospike.plot.look import BLUE, canvas, tidy
from isospike.plot.raster import within
from isospike.simulate import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 12  # classes that are shown: the highest


def readout(trace: Trace, sample: int = 0, classes: Sequence[str] | None = None, axes: "Axes | None" = None) -> "Axes":
    """The scores of one sample at the end, the winner dark; of many classes those that scored highest.  classes:
    their names; those that the network's file keeps, or numbers, unless given.  Raises `InvalidSetting`."""
    within(trace, sample)
    axes = canvas(axes, (3.2, 3.2))
    scores, kept = trace.readout[sample].flatten(), trace.network.body.preprocessing
    if classes is not None and len(classes) != len(scores):
        what = f"{len(classes)} names of {len(scores)} classes."
        raise InvalidSetting(what, "A name for each.", "Leave them out for numbers.")
    own = kept.classes if kept is not None and len(kept.classes) == len(scores) else range(len(scores))
    names = own if classes is None else classes
    best = scores.argmax()
    shown = scores.argsort(descending=True)[:MOST].sort().values.tolist()
    colors = [BLUE if i == best else "#b9c9dc" for i in shown]
    bars = axes.barh(range(len(shown)), scores[shown].tolist(), color=colors, height=0.7)
    axes.bar_label(bars, fmt="%.3g", fontsize=7.5, padding=2)
    axes.set_yticks(range(len(shown)), [str(names[i]) for i in shown])
    axes.axvline(0, color="black", lw=0.6)
    tidy(axes, "read-out", xlabel="score")
    axes.margins(x=0.18)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    return axes
