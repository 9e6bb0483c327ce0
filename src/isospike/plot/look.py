"""The looks that pictures share: dark and light blues beside one orange, told apart by markers, dashes and hatches as
well as by colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

BLUE, GREY, SHADE, PALE = "#1f4e79", "#767676", "#eef2f7", "#bdbdbd"
INKS = ("#0b3c6f", "#c55a11", "#2b7a78", "#8a6fb0", "#5b9bd5", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))
HATCHES = ("", "///", "...", "xx")


def canvas(axes: "Axes | None", size: tuple[float, float] = (6.4, 3.6)) -> "Axes":
    """These axes, or those of a new figure."""
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def tidy(axes: "Axes", title: str = "", **labels: Any) -> None:
    """A title at the left, labels, a pale grid, and no frame at the top and at the right."""
    axes.set(**labels)
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)


def ink(i: int) -> dict[str, Any]:
    """Colour, marker and dash of the i-th line."""
    return {
        "color": INKS[i % len(INKS)],
        "marker": MARKERS[i % len(MARKERS)],
        "linestyle": DASHES[i % len(DASHES)],
        "markersize": 4.5,
        "linewidth": 1.5,
    }


def apart(texts: "Sequence[Text]", gap: float = 1.0) -> None:
    """Move labels up, one after another, until none lies on one before it.  gap: points."""
    if not texts:
        return
    figure = texts[0].get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    placed: list[Any] = []
    for text in texts:
        for _ in range(len(texts)):
            box = text.get_window_extent().expanded(1.02, 1.05)
            hit = next((other for other in placed if box.overlaps(other)), None)
            if hit is None:
                break
            x, y = text.get_position()  # an annotation's offset [points]
            text.set_position((x, y + (hit.y1 - box.y0) * 72 / figure.dpi + gap))
        placed.append(text.get_window_extent())
