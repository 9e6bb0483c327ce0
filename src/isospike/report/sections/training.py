"""How training went, epoch by epoch."""

from isospike.report.case import Case, Section
from isospike.web import Chart
from isospike.web.chart import line


def training(case: Case) -> Section | None:
    """Loss and held-out accuracy by epoch."""
    if not case.epochs:
        return None
    charts, x = [], [float(row["epoch"]) for row in case.epochs]
    for key, name, factor in (("loss", "training loss", 1), ("accuracy", "held-out accuracy [%]", 100)):
        found = [row.get(key) for row in case.epochs]
        values = [factor * float(value) for value in found if value is not None and value == value]
        if len(values) == len(x):
            series = [line(name, x, values, 0, tip="{1} after epoch {0}")]
            axis = {"type": "value", "name": "epoch", "minInterval": 1, "min": x[0]}
            y = {"type": "value", "name": name, "scale": True, "nameGap": 44}
            charts.append(Chart.of(f"{name.capitalize()} by epoch.", series, axis, y, height=240))
    return Section("Training", (), charts, rows=[dict(row) for row in case.epochs])
