"""The network: its stages, their windows on one clock, and the delays between them."""

from isospike.measure.inspect import inspect
from isospike.report.case import Case, Section
from isospike.web import Chart


def stages(case: Case) -> Section | None:
    """A bar a stage from the beginning of its window to its end; a table with neurons, synapses and thresholds."""
    if case.network is None:
        return None
    rows, body = inspect(case.network), case.network.body
    names = [row["name"] for row in rows]
    windows = body.steps == 0
    begins = [row["begin"] if windows else 0.0 for row in rows]
    widths = [row["window"] if windows else float(body.steps) for row in rows]
    bar = {"type": "bar", "stack": "window", "barMaxWidth": 18}
    series = [
        {**bar, "data": begins, "itemStyle": {"color": "transparent"}, "silent": True, "tooltip": {"show": False}},
        {**bar, "data": widths, "ink": 0, "tip": f"{{name}}: a window of {{0}} {case.unit}"},
    ]
    unit, latest = "τ" if windows else "steps", max(map(sum, zip(begins, widths, strict=True)))
    chart = Chart.of(
        f"Windows of {len(rows)} stages on one clock, up to {latest:.4g} {unit}.",
        series,
        {"type": "value", "name": f"time [{unit}]"},
        {"type": "category", "data": names, "inverse": True},
        height=70 + 26 * len(rows),
        grid={"left": 130},
    )
    said = (
        "Each stage answers in its own window, one after another." if windows else "All stages run in every time step."
    )
    return Section(
        "The network",
        (f"{case.network!r}.  {said}", f"Coding: {body.coding}."),
        (chart,),
        rows=[
            {
                "stage": row["name"],
                "neuron": row["neuron"],
                "shape": " × ".join(map(str, row["shape"])),
                "neurons": row["neurons"],
                "synapses": row["synapses"],
                "thresholds": "…".join(dict.fromkeys(f"{end:.4g}" for end in row["thresholds"])) or None,
                f"begins [{unit}]": row["begin"] if windows else None,
                f"window [{unit}]": width,
                "delays": ", ".join(f"{delay:.4g}" for delay in row["delays"]) if any(row["delays"]) else None,
            }
            for row, width in zip(rows, widths, strict=True)
        ],
    )
