"""Agreement with the original: outputs, and the largest error of each layer in each simulator."""

import math

from isospike.report.case import Case, Section
from isospike.web import Chart

TINY = 1e-17  # where a logarithmic axis puts what does not differ at all


def agreement(case: Case) -> Section | None:
    """Marks of the largest error, layer by layer; the same as a table."""
    found = case.found
    if found is None:
        return None
    names = [layer.name for layer in found.layers]
    marks = [
        {
            "type": "scatter",
            "name": name,
            "ink": i,
            "symbol": ("circle", "diamond", "triangle")[i % 3],
            "symbolSize": 11,
            "data": [[k, max(layer.errors[name], TINY)] for k, layer in enumerate(found.layers)],
            "tip": f"{name}: at most {{1}} off",
        }
        for i, name in enumerate(found.simulators)
    ]
    values = [max(v, TINY) for layer in found.layers for v in layer.errors.values()] or [1.0]
    chart = Chart.of(
        "The largest error of each layer's values, in units of the original's activations.",
        marks,
        {"type": "category", "data": names, "axisLabel": {"interval": 0, "rotate": 40 if len(names) > 6 else 0}},
        {
            "type": "log",
            "name": "largest error",
            "min": 10.0 ** math.floor(math.log10(min(values)) - 0.01),
            "max": 10.0 ** math.ceil(math.log10(max(values)) + 0.01),
            "nameGap": 48,
        },
        grid={"bottom": 90 if len(names) > 6 else 48},
    )
    few = [f"{name} ran the first {ran:,} samples." for name, ran in found.simulated.items() if ran < found.samples]
    outside = found.inputs_outside_range
    clipped = [f"{outside:,} input values lay outside the declared range and were clipped."] if outside else []
    figures = {
        "predictions that agree": f"{found.agreement:.2%}",
        "largest error of an output": found.max_abs_error,
        "largest output": found.logit_scale,
        "rms error of outputs": found.rms_error,
        "accuracy": None if found.accuracy is None else f"{found.accuracy:.2%}",
        "accuracy of the original": None if found.accuracy_original is None else f"{found.accuracy_original:.2%}",
        "RMSE": found.rmse,
        "RMSE of the original": found.rmse_original,
    }
    rows = [
        {"layer": layer.name, "neurons": layer.neurons}
        | {f"largest error, {name}": error for name, error in layer.errors.items()}
        | {"active": f"{layer.active_fraction:.1%}"}
        for layer in found.layers
    ]
    said = "; ".join(
        f"{key} {value if isinstance(value, str) else format(value, '.4g')}"
        for key, value in figures.items()
        if value is not None
    )
    text = f"Over {found.samples:,} samples in {found.dtype}: {said}."
    return Section("Agreement with the original", (text, *few, *clipped), (chart,) if rows else (), rows=rows)
