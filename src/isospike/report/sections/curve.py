"""Accuracy, agreement and error against the number of time steps."""

from isospike.measure import lossless
from isospike.report.case import Case, Section
from isospike.web import Chart
from isospike.web.chart import line


def over_time(case: Case) -> Section | None:
    """Two charts against T, and a table."""
    moments = case.moments
    if not moments:
        return None
    steps = [m.steps for m in moments]
    axis = {"type": "log", "logBase": 2, "name": "time steps T", "min": steps[0], "max": steps[-1]}
    series = []
    for k, (key, name) in enumerate((("accuracy", "accuracy"), ("agreement", "agreement with the original"))):
        found = [getattr(m, key) for m in moments]
        if all(value is not None for value in found):
            series.append(line(name, steps, [100 * v for v in found], k, tip=f"{name} {{1}} % at T = {{0}}"))
    originals = [m.accuracy_original for m in moments]
    if series and originals[0] is not None:
        series[0]["markLine"] = {
            "data": [{"yAxis": 100 * originals[0]}],
            "label": {"formatter": "original", "position": "insideStartTop"},
        }
    charts = [
        Chart.of("Accuracy and agreement against T.", series, axis, {"type": "value", "name": "%", "scale": True})
    ]
    errors = [m.relative_error for m in moments]
    if all(error is not None for error in errors):
        charts.append(
            Chart.of(
                "Relative error of the outputs against T.",
                [
                    line(
                        "relative error",
                        steps,
                        [max(e, 1e-12) for e in errors if e is not None],
                        0,
                        tip="{1} at T = {0}",
                    )
                ],
                axis,
                {"type": "log", "name": "relative error", "nameGap": 48},
                height=240,
            )
        )
    late = lossless(moments)
    said = (
        ""
        if originals[0] is None
        else (
            f"From T = {late} on, accuracy is never below the original's."
            if late is not None
            else f"Up to T = {steps[-1]}, accuracy stays below the original's."
        )
    )
    rows = [
        {
            "T": m.steps,
            "accuracy": None if m.accuracy is None else f"{m.accuracy:.2%}",
            "agreement": None if m.agreement is None else f"{m.agreement:.2%}",
            "relative error": m.relative_error,
            "spikes a neuron": m.spikes_per_neuron,
            "synaptic operations": m.synaptic_operations,
            "energy [nJ]": m.energy_spiking_nj,
        }
        for m in moments
    ]
    return Section("Over time", (said,) if said else (), charts if series else charts[1:], rows=rows)
