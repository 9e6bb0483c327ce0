"""What each coding costs, and what it loses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from isospike.errors import InvalidSetting
from isospike.plot.look import BLUE, GREY, PALE, apart, canvas, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Priced(Protocol):
    """A coding at one latency, as `isospike.report.Row` has it."""

    @property
    def coding(self) -> str: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def agreement(self) -> float: ...
    @property
    def energy_nj(self) -> float: ...
    @property
    def energy_original_nj(self) -> float: ...


P = TypeVar("P", bound=Priced)


def pareto(rows: Sequence[Priced], axes: "Axes | None" = None) -> "Axes":
    """Energy a sample against the share of changed predictions.

    Dark, with names: the frontier, which no cheaper row surpasses.  Grey: all that is dominated, a line a coding.
    Dotted: what the original costs at the same prices.  Raises `InvalidSetting` where nothing costs anything."""
    axes, free = canvas(axes, (7.2, 4.6)), sum(row.energy_nj <= 0 for row in rows)
    rows = [row for row in rows if row.energy_nj > 0]  # the axis has no place for what costs nothing
    if not rows:
        raise InvalidSetting("no row costs anything.", "Prices above 0.", "Choose other prices.")
    for name in dict.fromkeys(row.coding for row in rows):
        line = sorted((row for row in rows if row.coding == name), key=lambda row: row.energy_nj)
        axes.plot(*_places(line), color=PALE, lw=0.7, marker=".", ms=4, zorder=1)
    front = frontier(rows)
    axes.step(*_places(front), where="post", color=BLUE, lw=1.6, zorder=2)
    axes.plot(*_places(front), "o", color=BLUE, ms=6, zorder=3, label="frontier")
    axes.plot([], [], color=PALE, marker=".", lw=0.7, label="dominated")
    original = rows[0].energy_original_nj
    if original > 0:
        axes.axvline(original, color=GREY, linestyle=":", linewidth=1.2, label="original")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.set_ylim(-0.012, 130)
    said = f"energy a sample [nJ]; {free} rows of 0 are left out" if free else "energy a sample [nJ]"
    tidy(axes, "", xlabel=said, ylabel="changed predictions [%]")
    at: dict[str, Any] = {"textcoords": "offset points", "xytext": (7, 4), "fontsize": 8, "color": BLUE, "zorder": 4}
    at["bbox"] = {"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.4}
    labels = [
        axes.annotate(_said(row), (row.energy_nj, 100 * (1 - row.agreement)), **at)
        for row, before in zip(front, [None, *front], strict=False)
        if before is None or before.coding != row.coding or row is front[-1]
    ]
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    apart(labels[::-1])
    return axes


def frontier(rows: "Sequence[P]") -> "list[P]":
    """Rows that none of the cheaper ones surpasses."""
    front: list[P] = []
    for row in sorted(rows, key=lambda r: (r.energy_nj, -r.agreement)):
        if not front or row.agreement > front[-1].agreement:
            front.append(row)
    return front


def _places(rows: Sequence[Priced]) -> tuple[list[float], list[float]]:
    return [row.energy_nj for row in rows], [100 * (1 - row.agreement) for row in rows]


def _said(row: Priced) -> str:
    return row.coding if row.steps is None else f"{row.coding}, T = {row.steps}"
