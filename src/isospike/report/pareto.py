"""The plot of a comparison: what each coding costs, and what it loses."""

import io
from collections.abc import Sequence
from typing import Any

from isospike.report.compare import Row


def pareto(rows: Sequence[Row], title: str) -> bytes:
    """A PNG: energy a sample against the share of changed predictions, a line a coding, the front of the cheapest
    drawn bold."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for i, name in enumerate(dict.fromkeys(row.coding for row in rows)):
        line = [row for row in rows if row.coding == name]
        style: dict[str, Any] = {
            "marker": "osD^v<>Ph*X"[i % 11],
            "color": f"C{i % 10}",
            "linestyle": "-" if i < 10 else "--",
        }
        axes.plot(
            [row.energy_nj for row in line],
            [100 * (1 - row.agreement) for row in line],
            label=name,
            markersize=4,
            linewidth=0.9,
            **style,
        )
    front = _front(rows)
    axes.plot(
        [row.energy_nj for row in front],
        [100 * (1 - row.agreement) for row in front],
        color="black",
        linewidth=2.2,
        alpha=0.35,
        zorder=0,
    )
    axes.axvline(rows[0].energy_original_nj, color="grey", linestyle=":", linewidth=1)
    at: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "rotation": 90,
        "va": "top",
        "ha": "right",
        "fontsize": 8,
        "color": "grey",
    }
    axes.text(rows[0].energy_original_nj, 0.98, "original ", **at)
    axes.set(xscale="log", xlabel="energy a sample [nJ]", ylabel="changed predictions [%]", title=title)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    pyplot.close(figure)
    return picture.getvalue()


def _front(rows: Sequence[Row]) -> list[Row]:
    """Rows that none of the cheaper ones surpasses."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.energy_nj, -r.agreement)):
        if not front or row.agreement > front[-1].agreement:
            front.append(row)
    return front
