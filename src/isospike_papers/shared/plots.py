"""The looks that figures share."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tidy(axes: "Axes", title: str = "", **labels: Any) -> None:
    """A title at the left, labels, a pale grid, and no frame at the top and at the right."""
    axes.set(**labels)
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
