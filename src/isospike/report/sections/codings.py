"""Codings side by side: what each loses, and what it costs."""

from isospike.plot.pareto import frontier
from isospike.report.case import Case, Section
from isospike.report.compare import Row
from isospike.web import Chart
from isospike.web.chart import line


def codings(case: Case) -> Section | None:
    """Energy against changed predictions: the frontier with names, all others in grey."""
    rows = [row for row in case.rows if row.energy_nj > 0]
    if not rows:
        return None
    series = [
        {
            "type": "line",
            "data": [_point(row) for row in sorted(rows, key=lambda row: row.energy_nj) if row.coding == name],
            "ink": -1,
            "symbolSize": 5,
            "lineStyle": {"width": 1},
            "tip": f"{name}: {{0}} nJ, {{1}} % changed",
        }
        for name in dict.fromkeys(row.coding for row in rows)
    ]
    front = frontier(rows)
    series.append(
        line(
            "frontier",
            [row.energy_nj for row in front],
            [_point(row)[1] for row in front],
            0,
            step="end",
            tip="{0} nJ, {1} % changed",
        )
    )
    series += [
        {
            "type": "scatter",
            "data": [_point(row)],
            "ink": 0,
            "symbolSize": 9,
            "tip": f"{_said(row)}: {{0}} nJ, {{1}} % changed",
            "label": {"show": True, "position": "right", "formatter": _said(row)},
            "labelLayout": {"hideOverlap": True},
        }
        for row in front
    ]
    original = rows[0].energy_original_nj
    if original > 0:
        series[-1]["markLine"] = {"data": [{"xAxis": original}], "label": {"formatter": "original"}}
    chart = Chart.of(
        "Energy a sample against the share of changed predictions; the frontier is what no cheaper coding surpasses.",
        series,
        {"type": "log", "name": "energy a sample [nJ]", "scale": True},
        {"type": "value", "name": "changed predictions [%]", "nameGap": 44},
        height=380,
        grid={"right": 90},
    )
    cells = [
        {
            "coding": row.coding,
            "T": row.steps,
            "accuracy": None if row.accuracy is None else f"{row.accuracy:.2%}",
            "agreement": f"{row.agreement:.2%}",
            "relative error": row.relative_error,
            "spikes a neuron": row.spikes_per_neuron,
            "bits a spike": row.bits,
            "energy, spiking : original": row.energy_ratio,
            "energy [nJ]": row.energy_nj,
        }
        for row in case.rows
    ]
    said = f"Grey: all that is dominated, a line a coding.  Prices: {case.prices}."
    return Section("Codings side by side", (said,), (chart,), rows=cells)


def _point(row: Row) -> list[float]:
    return [row.energy_nj, round(100 * (1 - row.agreement), 6)]


def _said(row: Row) -> str:
    return row.coding if row.steps is None else f"{row.coding}, T = {row.steps}"
