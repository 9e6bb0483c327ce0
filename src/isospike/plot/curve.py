"""A network of steps against T."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isospike.measure import Moment
from isospike.plot.look import canvas, ink, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curve(
    moments: Sequence[Moment] | Mapping[str, Sequence[Moment]], key: str | None = None, axes: "Axes | None" = None
) -> "Axes":
    """A figure of `iso.curve` against T: accuracy with the original's as a dotted line, or any other by `key`.

    moments: of one network, or of several by name.  key: a field of `Moment`; accuracy, else agreement, unless
    given."""
    axes = canvas(axes)
    lines = moments if isinstance(moments, Mapping) else {"": moments}
    first = next(iter(lines.values()))[0]
    key = key or ("accuracy" if first.accuracy is not None else "agreement")
    share = key in ("accuracy", "agreement", "active_fraction")
    ticks: set[int] = set()
    for i, (name, line) in enumerate(lines.items()):
        shown = [(one.steps, getattr(one, key)) for one in line if getattr(one, key) is not None]
        steps, values = zip(*shown, strict=True) if shown else ((), ())
        axes.plot(steps, [100 * v if share else v for v in values], label=name or None, **ink(i))
        ticks |= set(steps)
    if key == "accuracy" and first.accuracy_original is not None:
        axes.axhline(100 * first.accuracy_original, color="black", lw=0.9, ls=":")
        style: dict[str, Any] = {"xytext": (-2, 3), "textcoords": "offset points", "ha": "right", "fontsize": 8}
        axes.annotate("original", (1, 100 * first.accuracy_original), xycoords=("axes fraction", "data"), **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(ticks), [str(t) for t in sorted(ticks)])
    axes.minorticks_off()
    said = key.replace("_", " ")
    tidy(axes, "", xlabel="time steps T", ylabel=f"{said} [%]" if share else said.replace(" nj", " [nJ]"))
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=False)
    return axes
