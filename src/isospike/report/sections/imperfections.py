"""How accuracy falls as hardware grows less perfect."""

from statistics import mean

from isospike.report.case import Case, Section
from isospike.web import Chart
from isospike.web.chart import line


def imperfections(case: Case) -> Section | None:
    """A chart an imperfection: mean accuracy, and each trial."""
    if not case.levels:
        return None
    charts = []
    for kind in dict.fromkeys(level.kind for level in case.levels):
        own = [level for level in case.levels if level.kind == kind]
        names = [f"{level.strength:g}" for level in own]
        series = [line("mean", range(len(own)), [100 * mean(level.accuracies) for level in own], 0, tip="mean {1} %")]
        if any(len(level.accuracies) > 1 for level in own):
            points = [[i, 100 * a] for i, level in enumerate(own) for a in level.accuracies]
            trial = {"type": "scatter", "name": "trials", "ink": 1, "symbolSize": 6, "tip": "{1} %"}
            series.append(trial | {"data": points})
        charts.append(
            Chart.of(
                f"Accuracy against {kind}.",
                series,
                {"type": "category", "data": names, "name": f"{kind} [{own[0].unit}]", "boundaryGap": True},
                {"type": "value", "name": "accuracy [%]", "scale": True, "nameGap": 44},
                height=240,
            )
        )
    rows = [
        {
            "imperfection": level.kind,
            "strength": level.strength,
            "unit": level.unit,
            "accuracy": f"{mean(level.accuracies):.2%}",
            "trials": len(level.accuracies),
        }
        for level in case.levels
    ]
    return Section("Imperfect hardware", ("One imperfection at a time, on the first samples.",), charts, rows=rows)
