"""Patterns of spikes."""

from typing import TYPE_CHECKING

from torch import Tensor

from isospike.errors import InvalidData
from isospike.plot.look import BLUE, canvas, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 64  # neurons that have a row each; of more every spike is a dot


def pattern(spikes: Tensor, name: str = "", axes: "Axes | None" = None) -> "Axes":
    """The spikes, or values between 0 and 1, of neurons over time.  spikes: (steps, neurons).  Raises
    `InvalidData`."""
    if spikes.ndim != 2:
        what = f"a pattern of shape {tuple(spikes.shape)}."
        raise InvalidData(what, "(steps, neurons).", "One sample's: encoder(x)[:, 0].flatten(1).")
    steps, neurons = spikes.shape
    axes = canvas(axes)
    if neurons <= FEW:
        axes.imshow(spikes.T.float().numpy(), aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=1,
                    interpolation="none")  # fmt: skip
    else:
        times, rows = (spikes > 0).nonzero(as_tuple=True)
        axes.scatter(times, rows, s=0.6, color=BLUE, linewidths=0, rasterized=True)
        axes.set_ylim(-1, neurons)
    tidy(axes, "", xlabel="time step", ylabel=f"{name}\n{neurons} neurons" if name else f"{neurons} neurons")
    axes.set_xlim(-1, steps)
    return axes
