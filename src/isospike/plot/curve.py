"""A network of steps against T."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isospike.errors import InvalidSetting
from isospike.measure import Moment
from isospike.plot.look import canvas, ink, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


USUAL = "accuracy", "rmse", "agreement"  # what is drawn of those that there are


def curve(
    moments: Sequence[Moment] | Mapping[str, Sequence[Moment]], key: str | None = None, axes: "Axes | None" = None
) -> "Axes":
    """A figure of `iso.curve` against T: accuracy with the original's as a dotted line, or any other by `key`.

    moments: of one network, or of several by name.  key: a field of `Moment`; unless given accuracy, else what there
    is of RMSE, agreement and spikes.  Raises `InvalidSetting`."""
    axes = canvas(axes)
    lines = moments if isinstance(moments, Mapping) else {"": moments}
    moment = next((line[0] for line in lines.values() if line), None)
    known = () if moment is None else [name for name, value in moment.as_dict().items() if value is not None]
    key = key or next((name for name in USUAL if name in known), "spikes_per_neuron")
    if moment is None or key not in known:
        what = f"there is no {key} to draw."
        raise InvalidSetting(what, f"{', '.join(known) or 'none'}.", "Choose one of these: key=….")
    share = key in ("accuracy", "agreement", "active_fraction")
    ticks: set[int] = set()
    for i, (name, line) in enumerate(lines.items()):
        shown = [(one.steps, getattr(one, key)) for one in line if getattr(one, key) is not None]
        steps, values = zip(*shown, strict=True) if shown else ((), ())
        axes.plot(steps, [100 * v if share else v for v in values], label=name or None, **ink(i))
        ticks |= set(steps)
    if key == "accuracy" and moment.accuracy_original is not None:
        axes.axhline(100 * moment.accuracy_original, color="black", lw=0.9, ls=":")
        style: dict[str, Any] = {"xytext": (-2, 3), "textcoords": "offset points", "ha": "right", "fontsize": 8}
        axes.annotate("original", (1, 100 * moment.accuracy_original), xycoords=("axes fraction", "data"), **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(ticks), [str(t) for t in sorted(ticks)])
    axes.minorticks_off()
    said = key.replace("_", " ")
    tidy(axes, "", xlabel="time steps T", ylabel=f"{said} [%]" if share else said.replace(" nj", " [nJ]"))
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=False)
    return axes
