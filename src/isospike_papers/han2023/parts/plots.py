"""How the curves of Han 2023 are drawn: a panel a network, a line a scheme, against the number of time steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from isospike.measure import Moment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#1f4e79", "#5b9bd5", "#c55a11", "#7f7f7f", "#548235", "#bf9000")

Curves = Mapping[str, Sequence[Moment]]


def panels(
    found: Mapping[str, Curves],
    value: Callable[[Moment], float | None],
    label: str,
    original: bool = False,
    scale: str = "linear",
    columns: int = 2,
) -> "Figure":
    """found: by network, then by scheme.  original: whether to draw the accuracy of each scheme's own original as
    well."""
    from matplotlib.figure import Figure

    rows = -(-len(found) // columns)
    figure = Figure(figsize=(5.2 * columns, 0.5 + 3.1 * rows), layout="constrained")
    for axes, (net, curves) in zip(figure.subplots(rows, columns, squeeze=False).flat, found.items(), strict=False):
        for (scheme, moments), colour in zip(curves.items(), COLOURS, strict=False):
            axes.plot(
                [m.steps for m in moments],
                [_or_nan(value(m)) for m in moments],
                "o-",
                ms=2.5,
                lw=1.3,
                color=colour,
                label=scheme,
            )
            if original and moments[0].accuracy_original is not None:
                axes.axhline(100 * moments[0].accuracy_original, color=colour, lw=0.8, ls=":")
        if original:
            axes.plot([], [], ":", color="#7f7f7f", lw=0.8, label="its own network")
        axes.set_xscale("log", base=2)
        axes.set(title=net, xlabel="time steps T", ylabel=label, yscale=scale)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        axes.title.set(fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e6e6", lw=0.7)
        axes.set_axisbelow(True)
        axes.legend(fontsize=8, frameon=False)
    return figure


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
